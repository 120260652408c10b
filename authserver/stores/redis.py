"""Users and sessions in Redis. Users have no expiry; sessions, attempts and marks end by theirs."""

import asyncio
import math
from collections.abc import Sequence

from authserver.stores import scripts
from authserver.stores.documents import decode, encode
from authserver.stores.interface import ApiKey, Limit, Session, Started, User
from authserver.stores.redisserver import RedisServer


class _RedisStore:
    _expiring = False
    """Whether what is kept here has an expiry."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self._key = server.key

    async def ping(self) -> None:
        """Return when Redis answers."""
        await self.server.run("PING")

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when the server would lose or evict what it acknowledged."""
        await self.server.check_durability(expiring=self._expiring)

    async def close(self) -> None:
        """Close the connections."""
        await self.server.close()

    async def _documents(self, keys: Sequence[str]) -> list[bytes]:
        found = await asyncio.gather(*(self.server.run("HGET", key, "document") for key in keys))
        return [document for document in found if document is not None]

    async def _names(self, command: str, *arguments: str | int) -> list[str]:
        answer = await self.server.run(command, *arguments)
        return [name.decode() for name in answer]


class RedisUserStore(_RedisStore):
    """See `UserStore`."""

    async def create_user(self, user: User) -> bool:
        """Add a user; False when the name is taken."""
        keys = [self._key("user", user.name), self._key("users")]
        values = (user.name, user.version, encode(user))
        return await self.server.changed(scripts.CREATE_USER, keys, *values)

    async def user(self, name: str) -> User | None:
        """Return a user, or None."""
        return decode(await self.server.run("HGET", self._key("user", name), "document"), User)

    async def users(self) -> list[User]:
        """Return all users by name."""
        names = sorted(await self._names("SMEMBERS", self._key("users")))
        documents = await self._documents([self._key("user", name) for name in names])
        return [user for document in documents if (user := decode(document, User))]

    async def replace_user(self, user: User) -> bool:
        """Write `user` if the stored version is the one before it; else return False."""
        keys = [self._key("user", user.name)]
        values = ("version", user.version - 1, user.version, encode(user), "")
        return await self.server.changed(scripts.REPLACE, keys, *values)

    async def delete_user(self, name: str) -> bool:
        """Delete a user and any setup code; False when there is no such user."""
        keys = [self._key("user", name), self._key("users"), self._key("setup")]
        return await self.server.changed(scripts.DELETE_USER, keys, name, self._used(""))

    async def add_api_key(self, key: ApiKey) -> None:
        """Add an API key."""
        keys = self._api_key_keys(key.user, key.id)
        await self.server.script(scripts.ADD_API_KEY, keys, key.id, encode(key))

    def _api_key_keys(self, user: str, key_id: str) -> list[str]:
        own, everybody = self._key("api-keys-of", user), self._key("api-keys")
        return [self._key("api-key", key_id), own, everybody]

    async def api_key(self, key_id: str) -> ApiKey | None:
        """Return an API key, or None."""
        document = await self.server.run("HGET", self._key("api-key", key_id), "document")
        return decode(document, ApiKey)

    async def api_keys(self, user: str | None = None) -> list[ApiKey]:
        """Return a user's API keys, or everybody's, by creation and id."""
        index = self._key("api-keys") if user is None else self._key("api-keys-of", user)
        ids = await self._names("SMEMBERS", index)
        documents = await self._documents([self._key("api-key", key_id) for key_id in ids])
        found = [key for document in documents if (key := decode(document, ApiKey))]
        return sorted(found, key=lambda key: (key.created, key.id))

    async def delete_api_key(self, user: str, key_id: str) -> bool:
        """Delete a key of this user; False when there is none."""
        keys = self._api_key_keys(user, key_id)
        return await self.server.changed(scripts.DELETE_API_KEY, keys, key_id)

    async def set_setup_code(self, digest: str, *, replace: bool) -> bool:
        """Keep the digest of a setup code; False when it may not count or another is to stay."""
        keys = [self._key("setup"), self._key("users"), self._used(digest)]
        return await self.server.changed(scripts.SET_SETUP_CODE, keys, digest, int(replace))

    def _used(self, digest: str) -> str:
        return self._key("setup-used", digest)

    async def spend_setup_code(self, digest: str) -> None:
        """Never let this code create a user (again)."""
        await self.server.run("SET", self._used(digest), "1")

    async def drop_setup_code(self) -> None:
        """Forget a code that waits; it may be given again."""
        await self.server.run("DEL", self._key("setup"))

    async def is_empty(self) -> bool:
        """Say whether there is no user."""
        return int(await self.server.run("SCARD", self._key("users"))) == 0

    async def setup_code_waits(self) -> bool:
        """Say whether there is a code with which the first user can be made."""
        keys = [self._key("setup"), self._key("users")]
        return await self.server.changed(scripts.SETUP_CODE_WAITS, keys)

    async def redeem_setup_code(self, digest: str, user: User) -> bool:
        """Create the first user if the digest is the kept one, for good; else return False."""
        user_key, used = self._key("user", user.name), self._used(digest)
        keys = [self._key("setup"), self._key("users"), user_key, used]
        values = (digest, user.name, user.version, encode(user))
        return await self.server.changed(scripts.REDEEM_SETUP_CODE, keys, *values)


class RedisSessionStore(_RedisStore):
    """See `SessionStore`."""

    _expiring = True

    async def started(self) -> Started:
        """Return when the server was started."""
        return await self.server.started()

    async def open_session(self, session: Session) -> None:
        """Add a session."""
        keys = [
            self._key("session", session.id),
            self._key("sessions-of", session.user),
            self._key("sessions"),
        ]
        expiry = (session.expires * 1000, session.ends * 1000)
        values = (session.id, session.generation, encode(session), *expiry, session.user)
        await self.server.script(scripts.OPEN_SESSION, keys, *values)

    async def session(self, session_id: str) -> Session | None:
        """Return a session, or None."""
        document = await self.server.run("HGET", self._key("session", session_id), "document")
        return decode(document, Session)

    async def sessions(self, user: str | None = None) -> list[Session]:
        """Return a user's sessions, or all, by creation and id."""
        index = self._key("sessions") if user is None else self._key("sessions-of", user)
        ids = await self._names("ZRANGE", index, 0, -1)
        documents = await self._documents([self._key("session", found) for found in ids])
        sessions = [session for document in documents if (session := decode(document, Session))]
        return sorted(sessions, key=lambda session: (session.created, session.id))

    async def advance(self, session: Session) -> bool:
        """Write `session` if the stored generation is the one before it; else return False."""
        keys = [self._key("session", session.id)]
        numbers = (session.generation - 1, session.generation)
        values = ("generation", *numbers, encode(session), session.expires * 1000)
        return await self.server.changed(scripts.REPLACE, keys, *values)

    async def end_session(self, session_id: str) -> bool:
        """Delete a session; False when there is none."""
        user = await self.server.run("HGET", self._key("session", session_id), "user")
        return user is not None and await self._end(user.decode(), [session_id]) == 1

    async def end_sessions(self, user: str) -> int:
        """Delete all of a user's sessions and return how many there were."""
        return await self._end(
            user, await self._names("ZRANGE", self._key("sessions-of", user), 0, -1)
        )

    async def _end(self, user: str, ids: Sequence[str]) -> int:
        indexes = [self._key("sessions-of", user), self._key("sessions")]
        keys = indexes + [self._key("session", session_id) for session_id in ids]
        return int(await self.server.script(scripts.END_SESSIONS, keys, *ids))

    async def attempt(self, limits: Sequence[Limit], now: float) -> float:
        """Count an attempt as failed on all limits, unless one of them still waits."""
        values = [f"{now:.6f}"]
        for limit in limits:
            numbers = (limit.allowed, limit.first_wait, limit.longest_wait, limit.forget_after)
            values += map(str, numbers)
        keys = [self._key("attempts", limit.key) for limit in limits]
        return float(await self.server.script(scripts.ATTEMPT, keys, *values))

    async def forgive(self, keys: Sequence[str]) -> None:
        """Take the last failure and its wait back from each of these counters."""
        await self.server.script(scripts.FORGIVE, [self._key("attempts", key) for key in keys])

    async def clear(self, keys: Sequence[str]) -> None:
        """Forget these counters."""
        await self.server.run("DEL", *(self._key("attempts", key) for key in keys))

    async def claim(self, key: str, now: float, seconds: float) -> bool:
        """Take `key` for so many seconds; False when it is taken."""
        values = (f"{now:.6f}", f"{now + seconds:.6f}", math.ceil(seconds * 1000))
        return await self.server.changed(scripts.CLAIM, [self._key("mark", key)], *values)

    async def mark(self, key: str, now: float, seconds: float) -> None:
        """Remember `key` for so many seconds from now."""
        expires, kept = f"{now + seconds:.6f}", math.ceil(seconds * 1000)
        await self.server.run("SET", self._key("mark", key), expires, "PX", kept)

    async def marked(self, key: str, now: float) -> bool:
        """Say whether `key` is taken or remembered."""
        expires = await self.server.run("GET", self._key("mark", key))
        return expires is not None and float(expires) > now

    async def purge(self, now: float) -> None:
        """Drop sessions that have ended from the index of all; Redis expires the rest itself."""
        await self.server.run("ZREMRANGEBYSCORE", self._key("sessions"), "-inf", int(now * 1000))
