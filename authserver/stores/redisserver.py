"""A connection to one Redis server, with its failures in our words."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import redis.asyncio
from redis.exceptions import NoPermissionError, NoScriptError, RedisError
from redis.utils import str_if_bytes

from authserver.config import RedisSettings
from authserver.stores.interface import Started, StoreUnavailable
from authserver.stores.redisconnection import connection_pool, sentence

_WAIT_SECONDS: Final = 2.0
"""How long anybody waits for an answer, with connecting, queueing and the second try in it.

Clients give up after ten seconds, and one request asks the stores several times.
"""
_MOST_FLIGHTS: Final = 2
_LARGEST_BATCH: Final = 256
_MAX_CONNECTIONS: Final = 2 * _MOST_FLIGHTS

ASSUMED_MEMORY: Final = 256 << 20
"""Bytes that shares are taken of when Redis has no `maxmemory`."""

_Command: TypeAlias = tuple[str | bytes | int, ...]


class UnsafeRedis(Exception):
    """The server would lose or evict what was acknowledged; the text names its setting."""


class RedisServer:
    """Sends commands and scripts. Every method raises StoreUnavailable when Redis does not answer.

    `store` says in the log what is kept there. A server that is `held` is not used before
    `check_durability` has found it good.
    """

    def __init__(
        self, settings: RedisSettings, directory: Path, store: str, *, held: bool = False
    ) -> None:
        self._store = store
        self._held = held
        pool = connection_pool(settings, directory, wait=_WAIT_SECONDS, most=_MAX_CONNECTIONS)
        self._client = redis.asyncio.Redis(connection_pool=pool)
        self._digests: dict[str, str] = {}
        self._waiting: list[tuple[_Command, asyncio.Future[Any]]] = []
        self._flights: set[asyncio.Task[None]] = set()
        self.prefix: Final = settings.prefix

    def key(self, *parts: str) -> str:
        """Return a key of ours."""
        return self.prefix + ":".join(parts)

    async def run(self, *command: str | bytes | int) -> Any:
        """Send one command and return its answer."""
        self._require_checked()
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                return await self._send(command)
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            raise self._unavailable(error) from None

    async def script(self, script: str, keys: Sequence[str], *arguments: str | bytes | int) -> Any:
        """Run a script, loading it where the server does not know it (any more)."""
        self._require_checked()
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                digest = self._digests.get(script) or await self._load(script)
                try:
                    return await self._send(("EVALSHA", digest, len(keys), *keys, *arguments))
                except NoScriptError:
                    digest = await self._load(script)
                    return await self._send(("EVALSHA", digest, len(keys), *keys, *arguments))
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from None

    def _require_checked(self) -> None:
        if self._held:
            raise StoreUnavailable(f"{self._store}: Redis has not been checked yet")

    async def _send(self, command: _Command) -> Any:
        """Put a command on the next flight and return its answer. Raises what Redis answers.

        Nobody calls the client library in a task of their own: until Python 3.12 its
        `asyncio.wait_for` may swallow that such a task is cancelled.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        self._launch()
        return await future

    def _launch(self) -> None:
        while self._waiting and len(self._flights) < _MOST_FLIGHTS:
            # What nobody waits for any more must not be done after it was said to have failed.
            batch = [one for one in self._waiting[:_LARGEST_BATCH] if not one[1].done()]
            del self._waiting[:_LARGEST_BATCH]
            if batch:
                self._flights.add(asyncio.create_task(self._fly(batch)))

    async def _fly(self, batch: list[tuple[_Command, "asyncio.Future[Any]"]]) -> None:
        """Send what has gathered in one go: a hundred refreshes cost Redis one fsync, too."""
        answers: Sequence[Any]
        try:
            async with (
                asyncio.timeout(_WAIT_SECONDS),
                self._client.pipeline(transaction=False) as pipe,
            ):
                for command, _future in batch:
                    pipe.execute_command(*command)
                answers = await pipe.execute(raise_on_error=False)
        except Exception as error:
            # Whatever it was, each sender hears of it: nobody may wait for ever.
            answers = [error] * len(batch)
        finally:
            self._flights.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            self._launch()
        for (_command, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue  # the caller gave up
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def changed(
        self, script: str, keys: Sequence[str], *arguments: str | bytes | int
    ) -> bool:
        """Run a script that answers 1 when it has changed what it should."""
        return int(await self.script(script, keys, *arguments)) == 1

    async def share(self, percent: int) -> int:
        """Return the bytes that are so many percent of the server's memory."""
        info: dict[str, Any] = await self.run("INFO", "memory")
        return (int(info.get("maxmemory") or 0) or ASSUMED_MEMORY) * percent // 100

    async def _load(self, script: str) -> str:
        loaded = await self._send(("SCRIPT LOAD", script))
        digest = loaded.decode() if isinstance(loaded, bytes) else str(loaded)
        self._digests[script] = digest
        return digest

    async def check_durability(self, *, expiring: bool) -> None:
        """Raise UnsafeRedis unless the server keeps what it acknowledged and evicts nothing of it.

        `expiring` says that what we keep there has an expiry, which is what `volatile-ttl` evicts.
        A server that does not let us read its configuration is judged by `INFO` alone.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                found = await self._read_configuration()
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from None
        wanted = {
            "appendonly": ("yes",),
            "appendfsync": ("always",),
            "maxmemory-policy": ("noeviction",) if expiring else ("noeviction", "volatile-ttl"),
        }
        for name, accepted in wanted.items():
            if found.get(name, accepted[0]) not in accepted:
                raise UnsafeRedis(f"redis: {name} is {found[name]}; set {name} {accepted[0]}")
        self._held = False

    async def _read_configuration(self) -> dict[str, str]:
        try:
            names = ("appendonly", "appendfsync", "maxmemory-policy")
            answer: dict[Any, Any] = await self._send(("CONFIG GET", *names))
        except NoPermissionError:
            info: dict[str, Any] = await self._send(("INFO",))
            return {
                "appendonly": "yes" if info.get("aof_enabled") else "no",
                "maxmemory-policy": str(info.get("maxmemory_policy", "noeviction")),
            }
        return {
            str_if_bytes(name): str_if_bytes(value)
            for name, value in answer.items()
            if name is not None and value is not None
        }

    async def started(self) -> Started:
        """Return when the server was started, by its own clock."""
        info: dict[str, Any] = await self.run("INFO", "server")
        ago = int(info["uptime_in_seconds"])  # cut off
        return Started(int(info["server_time_usec"]) / 1e6 - ago, ago)

    async def close(self) -> None:
        """Finish what was sent and close the connections."""
        await asyncio.gather(*self._flights, return_exceptions=True)
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"{self._store}: {sentence(error)}")
