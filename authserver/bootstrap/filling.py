"""Reads the Secrets from Kubernetes and adds what they lack, each under the version that was read."""

import asyncio
import base64
import logging
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from authserver.bootstrap.contents import Part

if TYPE_CHECKING:
    from kubernetes.aio.client import CoreV1Api

log = logging.getLogger("authserver.bootstrap")

_TRIES: Final = 60
_LONGEST_PAUSE: Final = 5.0
_REQUEST_SECONDS: Final = 20.0


class FillingFailed(Exception):
    """Kubernetes does not do what was asked; the text says what and why."""


class Conflict(Exception):
    """Somebody else has changed the Secret since it was read."""


class Secrets(Protocol):
    """The Secrets of one namespace."""

    async def read(self, name: str) -> tuple[str, dict[str, bytes]]:
        """Return a Secret's resourceVersion and its values, without empty ones."""

    async def add(self, name: str, version: str, values: dict[str, bytes]) -> None:
        """Add values to a Secret that still has this resourceVersion. Raises Conflict otherwise."""


class ClusterSecrets:
    """Secrets at the API server of the pod that this runs in; `get` and `patch` are all it needs.

    Every method raises FillingFailed.
    """

    def __init__(self, namespace: str, core: "CoreV1Api") -> None:
        self._namespace = namespace
        self._core = core

    async def read(self, name: str) -> tuple[str, dict[str, bytes]]:
        """Return a Secret's resourceVersion and its values, without empty ones."""
        secret = await self._ask(
            lambda: self._core.read_namespaced_secret(
                name, self._namespace, _request_timeout=_REQUEST_SECONDS
            ),
            name,
        )
        values = {key: base64.b64decode(text) for key, text in (secret.data or {}).items()}
        return secret.metadata.resource_version, {
            key: value for key, value in values.items() if value
        }

    async def add(self, name: str, version: str, values: dict[str, bytes]) -> None:
        """Add values to a Secret that still has this resourceVersion. Raises Conflict otherwise."""
        data = {key: base64.b64encode(value).decode() for key, value in values.items()}
        body = {"metadata": {"resourceVersion": version}, "data": data}
        await self._ask(
            lambda: self._core.patch_namespaced_secret(
                name,
                self._namespace,
                body,
                field_manager="leviathan-bootstrap",
                _content_type="application/merge-patch+json",
                _request_timeout=_REQUEST_SECONDS,
            ),
            name,
        )

    async def _ask(self, ask: Callable[[], Any], name: str) -> Any:
        """Return the answer, trying again while nobody answers."""
        import aiohttp
        from kubernetes.aio.client import ApiException

        for attempt in range(_TRIES):
            try:
                return await ask()
            except ApiException as error:
                if error.status == 409:
                    raise Conflict from None
                if error.status < 500 and error.status != 429:
                    raise FillingFailed(f"Secret {name}: {error.status} {error.reason}") from None
                reason = f"{error.status} {error.reason}"
            except aiohttp.ClientConnectorCertificateError as error:
                raise FillingFailed(
                    f"the API server's certificate: {error.certificate_error}"
                ) from None
            except (aiohttp.ClientError, TimeoutError) as error:
                reason = type(error).__name__
            if attempt == 0:
                log.warning(
                    "Secret %s: the API server does not answer: %s; trying again", name, reason
                )
            await asyncio.sleep(min(_LONGEST_PAUSE, 0.2 * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311
        raise FillingFailed(f"Secret {name}: the API server does not answer: {reason}")


async def fill(secrets: Secrets, parts: Sequence[Part], say: Callable[[str], None]) -> None:
    """Add every part that is missing, in order, and leave alone what is there.

    It may be killed at any point and run again, and several may run at once: what one has written
    the others find. Raises FillingFailed, and Contradiction for values that do not fit each other.
    """
    found: dict[str, dict[str, bytes]] = {}
    for part in parts:
        while True:
            version, found[part.secret] = await secrets.read(part.secret)
            if part.is_there(found[part.secret]):
                part.check(found)
                break
            values = part.make(found)
            try:
                await secrets.add(part.secret, version, values)
            except Conflict:
                continue
            found[part.secret] |= values
            say(f"made {', '.join(sorted(values))} of Secret {part.secret}")
            break
