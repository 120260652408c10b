"""From a kubeconfig's user to the headers and the TLS context of a request.

Plugins of the kubeconfig are run here and not by the Kubernetes client's own loader, because that
one lets them inherit the terminal: a plugin that prompts would garble the screen and swallow keys.
"""

import asyncio
import base64
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec

from leviathan_tui.backend.kube import kubeconfig, plugins, trust
from leviathan_tui.backend.kube.errors import KubeconfigError, KubeError, Unauthorized
from leviathan_tui.backend.kube.files import opened
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.stamps import Stamps
from leviathan_tui.backend.untrusted import clean

_log = logging.getLogger("leviathan.credentials")

READ_EVERY: Final = 5.0
"""Seconds between two readings for a 401 alone, where no file's time has moved."""

TOKEN_FILE_LIFE: Final = 60.0
"""Seconds after which a token file is read again whatever its time says."""


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


class Proof(msgspec.Struct, frozen=True):
    """What one request shows to say who is asking."""

    headers: list[tuple[str, str]]
    """A name may occur more than once."""
    generation: int
    """Which TLS identity goes with them."""
    credential: plugins.Credential | None = None
    """The plugin's, where there is one."""


class Credentials:
    """The credential of one target, renewed when it ends and when its files change."""

    def __init__(self, target: Target, bearer: BearerSource | None = None) -> None:
        self.target = target
        """As the files say it now; another server is never taken from them."""
        self._bearer = bearer
        self._token = ""
        self._expires = 0.0
        self._lock = asyncio.Lock()
        self.generation = 0
        """Counts up whenever what TLS is made of has changed: it has to begin anew then."""
        self.moves = 0
        """Counts up whenever the files were read again, be there anything new in them or not."""
        self._stamps = Stamps()
        self._stamps.moved(self._files())
        self._read_at = float("-inf")
        self._material: _Material | None = None
        self._plugin: plugins.Plugin | None = None
        self._plugin_pair = ("", "")

    @property
    def encrypted(self) -> bool:
        """Whether the server is https; over anything else no credential is sent."""
        return self.target.cluster.server.lower().startswith("https://")

    async def life(self) -> float:
        """Return for how many seconds the present credential is good; infinite where unknown.

        A stream must not outlive the token that opened it.
        """
        if self._bearer is None:
            return float("inf")
        return (await self._bearer()).expires_at - time.time()

    async def proof(self) -> Proof:
        """Return what says who is asking.

        Raises `KubeconfigError` when a file cannot be read or the entry cannot be used, and
        `Unauthorized` when a plugin fails.
        """
        self._look()
        if not self.encrypted:
            return Proof([], self.generation)
        user = self.target.user
        headers: list[tuple[str, str]] = []
        if self._bearer is not None:
            bearer = await self._bearer()
            if bearer.token:
                return Proof([("Authorization", f"Bearer {bearer.token}")], self.generation)
            headers.append(("Impersonate-User", bearer.user))
            headers += [("Impersonate-Group", group) for group in bearer.groups]
        refusal = user.refusal()
        if refusal:
            raise KubeconfigError(f"The user {clean(self.target.user_name, 100)!r} {refusal}.")
        credential = await self._ask_plugin()
        token = await self._current_token() if credential is None else credential.token
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        elif user.username:
            pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
            headers.append(("Authorization", f"Basic {pair}"))
        if user.as_user and self._bearer is None:
            headers += _impersonation(user)
        return Proof(headers, self.generation, credential)

    async def headers(self) -> list[tuple[str, str]]:
        """Return the headers of `proof`."""
        return (await self.proof()).headers

    async def renewed(self, refused: Proof) -> bool:
        """Look for a newer credential after a 401; return whether there is one to try."""
        self._expires = 0.0
        try:
            self._look(at_once=True)
            if refused.credential is not None and self._plugin is not None:
                await self._plugin.credential(refused.credential)
            now = await self.proof()
        except KubeError as error:
            _log.info("no other credential: %s", error)
            return False
        return now.headers != refused.headers or now.generation != refused.generation

    async def _ask_plugin(self) -> plugins.Credential | None:
        entry = self.target.user.plugin
        if entry is None:
            return None
        if self._plugin is None:
            self._plugin = plugins.plugin_for(entry, self._described())
        credential = await self._plugin.credential()
        pair = credential.certificate, credential.key
        if pair != self._plugin_pair:
            self._plugin_pair = pair
            self.generation += 1
        return credential

    def _described(self) -> dict[str, Any]:
        """Return the cluster as a plugin is told of it.

        Source: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-Cluster
        """
        cluster = self.target.cluster
        authority = trust.bytes_of(
            cluster.certificate_authority_data, cluster.certificate_authority
        )
        described: dict[str, Any] = {
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
            "certificate-authority-data": base64.b64encode(authority).decode(),
            "proxy-url": cluster.proxy_url,
            "disable-compression": cluster.disable_compression,
            "config": cluster.for_plugins,
        }
        return {
            name: value
            for name, value in described.items()
            if value or name in ("server", "config")
        }

    def _files(self) -> list[str]:
        """Return the files on which the credential stands."""
        user, cluster = self.target.user, self.target.cluster
        named = [user.token_file, user.client_certificate, user.client_key]
        named += [cluster.certificate_authority, *map(str, self.target.paths)]
        return [name for name in named if name]

    def _look(self, *, at_once: bool = False) -> None:
        """Read again what was changed, now or at a later request."""
        moved = self._stamps.moved(self._files(), at_once=at_once)
        if not moved and not (at_once and time.monotonic() - self._read_at > READ_EVERY):
            return
        self._read_at = time.monotonic()
        self._expires = 0.0
        self.moves += 1
        self._reload()
        try:
            material = _Material.of(self.target, again=True)
        except KubeconfigError:
            # It is being replaced: what is known goes on.
            return
        if self._material is not None and material != self._material:
            self.generation += 1

    def _reload(self) -> None:
        """Take the user and the trust from the kubeconfig as it is now.

        Another server, or somebody else, is another cluster to the screen: for that the context is
        chosen again.
        """
        old = self.target
        if not old.paths:
            return
        try:
            new = kubeconfig.resolve(kubeconfig.load(old.paths, again=True), old.context)
        except KubeError as error:
            # It may be half written; what is known goes on.
            _log.warning("the kubeconfig cannot be read again: %s", error)
            return
        if _whom(new) != _whom(old):
            _log.warning("the context names another server or user now; it has to be chosen again")
            return
        if new.cluster.insecure_skip_tls_verify and not old.cluster.insecure_skip_tls_verify:
            # Whoever opened this context was not told that anybody on the way can read along.
            _log.warning("the server is not to be verified now; the context has to be chosen again")
            return
        if new.user.exec != old.user.exec or new.cluster != old.cluster:
            if self._plugin is not None:
                plugins.forget(self._plugin)
            self._plugin = None
        if new.proxy != old.proxy:
            self.generation += 1
        self.target = new

    async def _current_token(self) -> str:
        user = self.target.user
        if not (user.token_file or user.auth_provider):
            return user.token
        async with self._lock:
            if time.time() >= self._expires:
                if user.token_file:
                    self._read_token_file(user.token_file, user.token)
                else:
                    await self._ask_client_library()
            return self._token

    def _read_token_file(self, path: str, instead: str) -> None:
        try:
            with opened(path, again=bool(self._token)) as stream:
                token = stream.read().decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            # What was read before goes on, as with kubectl, and so does a token beside the file.
            token = self._token or instead
            if not token:
                raise KubeconfigError(f"Cannot read the token file {clean(path, 200)}.") from error
        self._token = token
        self._expires = time.time() + TOKEN_FILE_LIFE

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
        cluster = {"server": self.target.cluster.server}
        user = {"auth-provider": self.target.user.auth_provider}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "this",
            "clusters": [{"name": "this", "cluster": cluster}],
            "users": [{"name": "this", "user": user}],
            "contexts": [{"name": "this", "context": {"cluster": "this", "user": "this"}}],
        }

    async def tls(self, target: Target) -> ssl.SSLContext | bool:
        """Return the TLS context for the server of what was `target` a moment ago, or False for http.

        Raises `KubeconfigError` when a certificate or key cannot be read.
        """
        if not self.encrypted:
            return False
        if self._bearer is not None and target.cluster.insecure_skip_tls_verify:
            raise KubeconfigError(
                "The token of your login is not sent to a server whose certificate is not "
                "verified (insecure-skip-tls-verify)."
            )
        # The token of a login is the credential: a certificate of the kubeconfig would win over it.
        anonymous = self._bearer is not None and bool((await self._bearer()).token)
        try:
            material = _Material.of(target, again=self._material is not None)
            context = trust.server_context(target.cluster, material.authority)
            certificate, key = material.certificate, material.key
            if target.user.plugin is not None:
                certificate, key = (part.encode() for part in self._plugin_pair)
            if certificate and not anonymous:
                trust.load_pair(context, certificate, key)
        except KubeconfigError as error:
            raise KubeconfigError(
                f"The context {clean(target.context, 100)!r} cannot be used: {error.message}."
            ) from error
        self._material = material
        return context


class _Material(msgspec.Struct, frozen=True):
    """What a connection is made of, as it was read at one time."""

    authority: bytes
    certificate: bytes
    key: bytes
    unverified: bool
    name: str

    @classmethod
    def of(cls, target: Target, *, again: bool) -> "_Material":
        """Read it, perhaps `again`. Raises `KubeconfigError` where a file cannot be read now."""
        cluster, user = target.cluster, target.user
        read = partial(trust.bytes_of, again=again)
        return cls(
            read(cluster.certificate_authority_data, cluster.certificate_authority),
            read(user.client_certificate_data, user.client_certificate),
            read(user.client_key_data, user.client_key),
            cluster.insecure_skip_tls_verify,
            cluster.tls_server_name,
        )

    def __repr__(self) -> str:
        """Leave the key out: this text may end in a log."""
        return "_Material()"


def _whom(target: Target) -> tuple[object, ...]:
    """Return what decides whose rows are on the screen, as far as a kubeconfig tells."""
    user = target.user
    acting = (user.as_user, user.as_uid, user.as_groups, user.as_user_extra)
    return (target.cluster.server, target.user_name, user.username, *acting)


def _impersonation(user: Any) -> list[tuple[str, str]]:
    """Return the headers of who acts as somebody else.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
    """
    headers = [("Impersonate-User", user.as_user)]
    if user.as_uid:
        headers.append(("Impersonate-Uid", user.as_uid))
    headers += [("Impersonate-Group", group) for group in user.as_groups or []]
    for name, values in (user.as_user_extra or {}).items():
        headers += [(f"Impersonate-Extra-{_escaped(name)}", value) for value in values]
    return headers


_IN_A_HEADER: Final = frozenset(
    b"!#$&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
"""Bytes that a header's name may have (RFC 9110 section 5.6.2), but for the one that escapes."""


def _escaped(name: str) -> str:
    return "".join(chr(byte) if byte in _IN_A_HEADER else f"%{byte:02X}" for byte in name.encode())
