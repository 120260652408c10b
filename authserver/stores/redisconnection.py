"""How connections to Redis are made: with the files as they are at that moment.

Kubernetes replaces mounted certificates and passwords in place. What is read once and kept would
lock a running server out at the next restart of Redis.
"""

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import redis.asyncio
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError

from authserver import secretfile
from authserver.config import RedisSettings
from authserver.secretfile import InsecureFile

_RETRIES: Final = 1


class UnusableFile(redis.exceptions.ConnectionError):
    """A password or a key cannot be read at a new connection; the text says why."""


class _PasswordFile(CredentialProvider):
    """The user and the password that the file holds when a connection is made."""

    def __init__(self, username: str | None, path: Path) -> None:
        self._username = username
        self._path = path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return what `AUTH` takes. Raises UnusableFile."""
        try:
            password = secretfile.read(self._path, mounted=True).decode().strip()
        except (InsecureFile, UnicodeError) as error:
            raise UnusableFile(str(error)) from None
        return (password,) if self._username is None else (self._username, password)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Return what `AUTH` takes. Raises UnusableFile."""
        return self.get_credentials()


class _FreshSSLConnection(SSLConnection):
    """A connection that reads its certificates again whenever it connects.

    The library keeps the context of a connection that is broken and made again.
    """

    def _connection_arguments(self) -> Mapping[str, Any]:
        self.ssl_context.context = None
        if self.ssl_context.keyfile is not None:
            try:
                secretfile.read(Path(self.ssl_context.keyfile), mounted=True)
            except InsecureFile as error:
                raise UnusableFile(str(error)) from None
        return super()._connection_arguments()


def connection_pool(
    settings: RedisSettings, directory: Path, *, wait: float, most: int
) -> redis.asyncio.BlockingConnectionPool:
    """Return a pool of `most` connections, of which each step may take `wait` seconds.

    Raises InsecureFile for a password or key file that others can read, or that is missing.
    """
    url = settings.url or ""
    options: dict[str, Any] = {}
    if settings.password_file is not None:
        path = directory / settings.password_file
        secretfile.read(path, mounted=True)
        options["credential_provider"] = _PasswordFile(settings.username, path)
    elif settings.username is not None:
        options["username"] = settings.username
    if url.startswith("rediss:"):
        options |= _tls(settings, directory)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=most,
        timeout=wait,
        socket_connect_timeout=wait,
        socket_timeout=wait,
        # One more try hides a restart from people; scripts and compare-and-set make it safe.
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), _RETRIES),
        **options,
    )
    if pool.connection_class is SSLConnection:
        pool.connection_class = _FreshSSLConnection
    return pool


def _tls(settings: RedisSettings, directory: Path) -> dict[str, Any]:
    options: dict[str, Any] = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    if settings.ca_file is not None:
        options["ssl_ca_certs"] = str(directory / settings.ca_file)
    if settings.certificate is not None and settings.private_key is not None:
        key = directory / settings.private_key
        secretfile.read(key, mounted=True)
        options["ssl_certfile"] = str(directory / settings.certificate)
        options["ssl_keyfile"] = str(key)
    return options


def sentence(error: BaseException) -> str:
    """Return what an error of the client library is, for the log: no address, no password."""
    for cause in _causes(error):
        if isinstance(cause, UnusableFile):
            return str(cause)
        if isinstance(cause, AuthenticationError):
            return "Redis refuses the user or password"
        if isinstance(cause, NoPermissionError):
            return "Redis does not allow the user a command or key that is needed"
        if isinstance(cause, OutOfMemoryError):
            return "Redis is full"
        if isinstance(cause, ssl.SSLError):
            return f"Redis: no TLS: {cause.reason or type(cause).__name__}"
    # The text of an error may hold the address; its kind is enough to act on.
    return f"Redis: {type(error).__name__}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it comes from: the library wraps some in errors of its own."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
