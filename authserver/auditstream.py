"""The audit log as three streams in Redis, which all servers of an installation share.

Whoever has proved nothing can be refused as often as they like, and every console gets a new token
every few minutes. What is written about either lies in a stream of its own, with its own share of the
server's memory: it can push out nothing but itself.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from authserver.audit import Line, Stream, encode, fields_of, moment
from authserver.clock import Clock
from authserver.config import AuditSettings
from authserver.stores import StoreUnavailable, scripts
from authserver.stores.redisserver import RedisServer

_FULL: Final = 0.9
"""Of its share, from which on a stream is trimmed: several servers write until one has looked."""
_TRIMMED: Final = 0.8
_LOOKS: Final = 50
"""How often a server looks at a stream's size while it writes one share of lines."""
_MOST_ROUNDS: Final = 10
_TRIM_LINE_SECONDS: Final = 60
_PAGE: Final = 500

_Entry: TypeAlias = tuple[bytes, dict[bytes, bytes]]


@dataclass
class _Stream:
    name: str
    key: str
    percent: int
    unmeasured: int = 0
    step: int = 0


class RedisAudit:
    """See `Audit`."""

    def __init__(self, server: RedisServer, clock: Clock, settings: AuditSettings) -> None:
        self._server = server
        self._clock = clock
        shares: dict[Stream, int] = {
            "known": settings.known_percent,
            "routine": settings.routine_percent,
            "strangers": settings.strangers_percent,
        }
        self._streams = {
            name: _Stream(name, server.key("audit", name), percent)
            for name, percent in shares.items()
        }

    @property
    def keys(self) -> Sequence[str]:
        """The streams in Redis."""
        return [stream.key for stream in self._streams.values()]

    async def write(self, line: Line) -> None:
        """Return when the line is kept; after a lost answer it may be there twice."""
        stream = self._streams[line.stream]
        written = self._encoded(line)
        await self._server.run("XADD", stream.key, "*", "line", written)
        stream.unmeasured += len(written)
        if stream.unmeasured >= stream.step:
            # The line is kept, whatever becomes of this; the next look comes soon.
            with suppress(StoreUnavailable):
                await self._fit(stream)

    def _encoded(self, line: Line) -> bytes:
        return encode(fields_of(line, self._clock())).rstrip()

    async def maintain(self) -> None:
        """Trim what is beyond its share, and say in the log what has been trimmed."""
        for stream in self._streams.values():
            await self._fit(stream)
            await self._tell(stream)

    async def _fit(self, stream: _Stream) -> None:
        stream.unmeasured = 0
        share = await self._server.share(stream.percent)
        stream.step = share // _LOOKS
        trimmed = False
        for _ in range(_MOST_ROUNDS):
            size = int(await self._server.run("MEMORY", "USAGE", stream.key, "SAMPLES", 0) or 0)
            if size <= share * _FULL:
                break
            length = int(await self._server.run("XLEN", stream.key))
            keep = int(length * share * _TRIMMED / size)
            keys = [stream.key, self._trimmed(stream)]
            if not await self._server.script(scripts.TRIM_AUDIT, keys, keep):
                break
            trimmed = True
        if trimmed:
            await self._tell(stream)

    def _trimmed(self, stream: _Stream) -> str:
        return self._server.key("audit-trimmed", stream.name)

    async def _tell(self, stream: _Stream) -> None:
        """Write how many lines were trimmed, if the last such line is old enough."""
        trimmed = self._trimmed(stream)
        count, until = await self._server.run("HMGET", trimmed, "count", "until")
        if count is None:
            return
        line = Line(
            "audit-trim",
            "ok",
            reason="the stream's share of memory is full",
            details={
                "stream": stream.name,
                "count": count.decode(),
                "until": moment(int(until) / 1000) if until else None,
            },
        )
        keys = [trimmed, self._server.key("audit-told", stream.name), self._streams["known"].key]
        values = (count, _TRIM_LINE_SECONDS, self._encoded(line))
        await self._server.script(scripts.TELL_TRIM, keys, *values)

    async def ping(self) -> None:
        """Return when Redis answers."""
        await self._server.run("PING")

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when the server would lose or evict what it acknowledged."""
        await self._server.check_durability(expiring=False)

    async def places(self) -> dict[str, bytes]:
        """Return where each stream ends now."""
        found = await asyncio.gather(
            *(self._server.run("XREVRANGE", key, "+", "-", "COUNT", 1) for key in self.keys)
        )
        return {
            key: entries[0][0] if entries else b"0-0"
            for key, entries in zip(self.keys, found, strict=True)
        }

    async def last(self, count: int, places: dict[str, bytes]) -> list[_Entry]:
        """Return the newest entries of all streams up to these places, oldest first."""
        found = await asyncio.gather(
            *(
                self._server.run("XREVRANGE", key, place, "-", "COUNT", count)
                for key, place in places.items()
            )
        )
        return _merged(found)[-count:]

    async def after(self, places: dict[str, bytes]) -> list[_Entry]:
        """Return what came to each stream after its place, and move the places."""
        found = await asyncio.gather(
            *(
                self._server.run("XRANGE", key, b"(" + place, "+", "COUNT", _PAGE)
                for key, place in places.items()
            )
        )
        for key, entries in zip(list(places), found, strict=True):
            if entries:
                places[key] = entries[-1][0]
        return _merged(found)

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()


def _merged(streams: Sequence[list[_Entry]]) -> list[_Entry]:
    return sorted((one for found in streams for one in found), key=lambda one: _place(one[0]))


def _place(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)


def text(found: _Entry) -> str:
    """Return the line of an entry."""
    return found[1].get(b"line", b"").decode("ascii", "replace")


def open_stream(
    settings: AuditSettings, directory: Path, clock: Clock, *, held: bool = False
) -> RedisAudit:
    """Return the log on the server that the settings name. Raises InsecureFile."""
    return RedisAudit(RedisServer(settings, directory, "audit", held=held), clock, settings)
