"""From a kubeconfig's user to the headers and the TLS context of a request.

Plugins of the kubeconfig are run here and not by the Kubernetes client's own loader, because that
one lets them inherit the terminal: a plugin that prompts would garble the screen and swallow keys.
"""

import asyncio
import base64
import binascii
import os
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from leviathan_tui.backend.kube.errors import KubeconfigError, Unauthorized
from leviathan_tui.backend.kube.kubeconfig import Exec, Target
from leviathan_tui.backend.untrusted import clean

PLUGIN_TIMEOUT: Final = 60.0
"""Seconds a credential plugin may take."""

TOKEN_FILE_LIFE: Final = 60.0
"""Seconds after which a token file is read again; service account tokens are rotated in place."""

LEEWAY: Final = 30.0
"""Seconds before its end at which a credential counts as expired."""


class _PluginStatus(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _PluginAnswer(msgspec.Struct):
    status: _PluginStatus


class Bearer(msgspec.Struct, frozen=True):
    """A token from elsewhere than the kubeconfig, or whom to act as with the kubeconfig's own."""

    token: str = ""
    expires_at: float = float("inf")
    """Seconds since the epoch."""
    user: str = ""
    """Impersonate this user, with `groups`, instead of sending the token."""
    groups: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Leave the token out: this text may end in a log."""
        return f"Bearer(expires_at={self.expires_at}, user={self.user!r})"


BearerSource = Callable[[], Awaitable[Bearer]]
"""Gives the present one; raises `KubeError`, `Unauthorized` where a login is needed."""


class Credentials:
    """The credential of one target, renewed when it ends."""

    def __init__(self, target: Target, bearer: BearerSource | None = None) -> None:
        self._target = target
        self._bearer = bearer
        self._token = ""
        self._certificate: tuple[str, str] | None = None
        self.generation = 0
        """Counts up whenever a plugin gave another certificate: TLS has to begin anew then."""
        self._expires = 0.0
        self._lock = asyncio.Lock()

    @property
    def encrypted(self) -> bool:
        """Whether the server is https; over anything else no credential is sent."""
        return self._target.cluster.server.lower().startswith("https://")

    def invalidate(self) -> None:
        """Forget what was cached: the server said 401."""
        self._expires = 0.0

    async def life(self) -> float:
        """Return for how many seconds the present credential is good; infinite where unknown.

        A stream must not outlive the token that opened it.
        """
        if self._bearer is None:
            return float("inf")
        return (await self._bearer()).expires_at - time.time()

    async def headers(self) -> list[tuple[str, str]]:
        """Return the request headers that say who is asking; a name may occur more than once.

        Raises `KubeconfigError` when a token file cannot be read and `Unauthorized` when a plugin
        fails.
        """
        if not self.encrypted:
            return []
        user = self._target.user
        headers: list[tuple[str, str]] = []
        if self._bearer is not None:
            bearer = await self._bearer()
            if bearer.token:
                return [("Authorization", f"Bearer {bearer.token}")]
            headers.append(("Impersonate-User", bearer.user))
            headers += [("Impersonate-Group", group) for group in bearer.groups]
        token = await self._current_token()
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        elif user.username:
            pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
            headers.append(("Authorization", f"Basic {pair}"))
        if user.as_user and self._bearer is None:
            headers.append(("Impersonate-User", user.as_user))
            headers += [("Impersonate-Group", group) for group in user.as_groups or []]
        return headers

    async def _current_token(self) -> str:
        user = self._target.user
        if user.token and not user.token_file:
            return user.token
        if not (user.token_file or user.exec or user.auth_provider):
            return ""
        async with self._lock:
            if time.time() < self._expires - LEEWAY:
                return self._token
            if user.token_file:
                self._read_token_file(user.token_file)
            elif user.exec is not None:
                await self._run_plugin(user.exec)
            else:
                await self._ask_client_library()
            return self._token

    def _read_token_file(self, path: str) -> None:
        try:
            self._token = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise KubeconfigError(f"Cannot read the token file {clean(path, 200)}.") from error
        self._expires = time.time() + TOKEN_FILE_LIFE + LEEWAY

    async def _run_plugin(self, plugin: Exec) -> None:
        spec: dict[str, Any] = {"interactive": False}
        if plugin.provide_cluster_info:
            cluster = self._target.cluster
            spec["cluster"] = {
                "server": cluster.server,
                "certificate-authority-data": cluster.certificate_authority_data,
            }
        request = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
        environment = os.environ | {variable.name: variable.value for variable in plugin.env or []}
        environment["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(request).decode()
        name = clean(plugin.command, 100)
        try:
            process = await asyncio.create_subprocess_exec(
                plugin.command,
                *(plugin.args or []),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            hint = f" {clean(plugin.install_hint, 200)}" if plugin.install_hint else ""
            raise Unauthorized(
                401, "", f"The credential plugin {name} cannot be run: {error.strerror}.{hint}"
            ) from error
        try:
            out, err = await asyncio.wait_for(process.communicate(), PLUGIN_TIMEOUT)
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise Unauthorized(
                401, "", f"The credential plugin {name} did not answer within 60 s."
            ) from error
        if process.returncode != 0:
            said = clean(err.decode(errors="replace").strip()[-300:], 300)
            raise Unauthorized(401, "", f"The credential plugin {name} failed: {said or 'no word'}")
        try:
            status = msgspec.json.decode(out, type=_PluginAnswer).status
        except msgspec.MsgspecError as error:
            raise Unauthorized(
                401, "", f"The credential plugin {name} did not print an ExecCredential."
            ) from error
        self._token = status.token
        if status.client_certificate_data:
            pair = (status.client_certificate_data, status.client_key_data)
            if pair != self._certificate:
                self._certificate = pair
                self.generation += 1
        end = status.expiration_timestamp
        self._expires = end.timestamp() if end is not None else float("inf")

    async def _ask_client_library(self) -> None:
        """Let the Kubernetes client read the old `auth-provider` entries, which few still have.

        It gets this target's own entries, not a file: the file of the same context's name may be
        another cluster's.
        """
        from kubernetes.aio import client, config

        configuration = client.Configuration()
        try:
            await config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                self._as_document(), client_configuration=configuration
            )
        except Exception as error:
            raise Unauthorized(
                401,
                "",
                f"The kubeconfig's auth-provider gave no credential: {clean(str(error), 200)}",
            ) from error
        answer = configuration.get_api_key_with_prefix("BearerToken")
        value = answer if isinstance(answer, str) else await answer
        self._token = (value or "").removeprefix("Bearer ")
        self._expires = time.time() + 300.0

    def _as_document(self) -> dict[str, Any]:
        """Return a kubeconfig of this target alone."""
        cluster = {"server": self._target.cluster.server}
        user = {"auth-provider": self._target.user.auth_provider}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "this",
            "clusters": [{"name": "this", "cluster": cluster}],
            "users": [{"name": "this", "user": user}],
            "contexts": [{"name": "this", "context": {"cluster": "this", "user": "this"}}],
        }

    async def tls(self) -> ssl.SSLContext | bool:
        """Return the TLS context for the server, or False for plain http.

        Raises `KubeconfigError` when a certificate or key cannot be read.
        """
        if not self.encrypted:
            return False
        cluster, user = self._target.cluster, self._target.user
        if user.exec is not None and not user.token and self._bearer is None:
            await self._current_token()
        try:
            context = _server_context(cluster)
            if cluster.insecure_skip_tls_verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self._bearer is not None and cluster.insecure_skip_tls_verify:
                raise KubeconfigError(
                    "The token of your login is not sent to a server whose certificate is not "
                    "verified (insecure-skip-tls-verify)."
                )
            if self._bearer is not None and (await self._bearer()).token:
                # The token is the credential: a certificate of the kubeconfig would win over it.
                return context
            if self._certificate is not None:
                _load_pair(context, *(part.encode() for part in self._certificate))
            elif user.client_certificate_data:
                _load_pair(
                    context,
                    _decode(user.client_certificate_data),
                    _decode(user.client_key_data) or _read(user.client_key),
                )
            elif user.client_certificate:
                context.load_cert_chain(user.client_certificate, user.client_key or None)
        except (OSError, ssl.SSLError, binascii.Error, ValueError) as error:
            raise KubeconfigError(
                f"A certificate or key of the context {clean(self._target.context, 100)!r} "
                f"cannot be used: {clean(str(error), 200)}."
            ) from error
        return context


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _decode(data: str) -> bytes:
    return base64.b64decode(data, validate=False)


def _server_context(cluster: Any) -> ssl.SSLContext:
    """A client context that trusts only the kubeconfig's authority where it names one."""
    if not (cluster.certificate_authority or cluster.certificate_authority_data):
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if cluster.certificate_authority_data:
        context.load_verify_locations(cadata=_decode(cluster.certificate_authority_data).decode())
    else:
        context.load_verify_locations(cafile=cluster.certificate_authority)
    return context


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a certificate and key held in memory; OpenSSL takes them only from a file.

    The file is 0600 (`mkstemp`), and gone again before this returns.
    """
    handle, path = tempfile.mkstemp(prefix="leviathan-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(certificate + b"\n" + key)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
