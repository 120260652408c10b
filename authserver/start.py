"""What a server does once at its start, as soon as each store answers: checks and the setup code.

A server that waited for its stores before it served would take the keys away with them, and running
tokens need nothing but the keys.
"""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from authserver import people
from authserver.audit import Audit
from authserver.once import Once
from authserver.people import GivenCode
from authserver.service import Service, log
from authserver.stores import JournalStore, SessionStore, StoreUnavailable, UserStore

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 10.0
_MOST_KINDS: Final = 100
_GIVEN: Final = {
    GivenCode.KEPT: "No users yet. The setup code is in %s.",
    GivenCode.USED: "No users, and the setup code in %s has been used. Put a new one there and"
    " start the server again.",
    GivenCode.MISSING: "No users yet, and no setup code in %s. Put one there and start the server"
    " again, or add a user at the shell.",
}


class Start:
    """One server's start. Each store has a step of its own, so none waits for another."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._said = Once(_MOST_KINDS)
        self._failed: set[str] = set()
        self._left: dict[str, Callable[[], Awaitable[None]]] = {
            "users": self._users,
            "sessions": lambda: self._check(service.stores.sessions),
            "journal": lambda: self._check(service.stores.journal),
            "audit": lambda: self._check(service.audit),
        }

    async def attempt(self) -> bool:
        """Try what is left to be done, and say whether that was all.

        Raises UnsafeRedis for a Redis that would lose what it acknowledged, and InsecureFile for a
        setup code that cannot be used.
        """
        names = list(self._left)
        outcomes = await asyncio.gather(
            *(self._left[name]() for name in names), return_exceptions=True
        )
        for name, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, StoreUnavailable):
                self._failed.add(name)
                if self._said.is_new(str(outcome)):
                    log.error("not ready: %s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                del self._left[name]
                if name in self._failed:
                    log.info("%s: the store answers", name)
        return not self._left

    async def finish(self) -> None:
        """Try again until everything is done. Raises what `attempt` raises."""
        delay = _FIRST_DELAY
        while self._left:
            # Servers that were started together do not come back together.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311
            await self.attempt()
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _users(self) -> None:
        await self._check(self._service.stores.users)
        await self._offer_setup_code()

    async def _check(self, store: UserStore | SessionStore | JournalStore | Audit) -> None:
        if not self._service.settings.development:
            await store.check_durability()

    async def _offer_setup_code(self) -> None:
        settings = self._service.settings
        if settings.setup_code_file is not None:
            given = await people.keep_given_setup_code(self._service)
            if sentence := _GIVEN.get(given):
                log.info(sentence, settings.path(settings.setup_code_file))
            return
        code = await people.offer_setup_code(self._service, replace=False)
        if code is not None:
            # The one place it is ever shown; it is worth nothing once there is a user.
            _say(f"No users yet. One-time setup code: {code}")
        elif await self._service.stores.users.setup_code_waits():
            _say(
                "No users yet. A setup code was given before, by init or an earlier start, and is"
                " still good; init makes a new one in its place."
            )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
