"""Argon2id, at no less than OWASP's minimum, and never more at once than the machine can bear.

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html: 19 MiB, two
passes, one lane. Each computation holds that memory, so their number is bounded, and so is the
queue before them: beyond it the answer is "try again", not a growing queue.
"""

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import argon2
import msgspec
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Meta

LONGEST: Final = 1024
"""Bytes of a password in UTF-8."""
SHORTEST: Final = 12
"""Characters of a new password."""

_T = TypeVar("_T")


class PasswordSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cost of one hash, and how many may be computed and wait at once (0: one per core)."""

    memory_kib: Annotated[int, Meta(ge=8)] = 19456
    passes: Annotated[int, Meta(ge=1)] = 2
    lanes: Annotated[int, Meta(ge=1)] = 1
    concurrent: Annotated[int, Meta(ge=0)] = 0
    waiting: Annotated[int, Meta(ge=0)] = 64

    @property
    def meets_minimum(self) -> bool:
        """Whether the cost is at least the one that OWASP names first."""
        return self.memory_kib >= 19456 and self.passes >= 2


class PasswordRefused(ValueError):
    """A new password breaks the rules, which the text says."""


class Busy(Exception):
    """Too many passwords are being checked."""


@dataclass(frozen=True)
class Verdict:
    """Whether the password fits, and whether its hash is weaker than what is configured now."""

    correct: bool
    outdated: bool = False


def check_new(password: str, user: str) -> None:
    """Raise PasswordRefused unless `password` may be set for `user`."""
    if len(password) < SHORTEST:
        raise PasswordRefused(f"a password has at least {SHORTEST} characters")
    if len(_encode(password)) > LONGEST:
        raise PasswordRefused(f"a password has at most {LONGEST} bytes")
    if password.casefold() == user.casefold() or len(set(password)) < 4:
        raise PasswordRefused("a password is not the user's name and not one letter repeated")


def _encode(password: str) -> bytes:
    # The same keys give different bytes on different systems (RFC 8265 §4.2.2: NFC).
    return unicodedata.normalize("NFC", password).encode()


class Hasher:
    """Hashes and checks passwords in threads of its own. `computations` counts every one."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=settings.passes,
            memory_cost=settings.memory_kib,
            parallelism=settings.lanes,
        )
        workers = settings.concurrent or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._places = workers + settings.waiting
        self.pending = 0
        self.computations = 0
        # What an unknown user's password is checked against: the same work, and no match.
        self._nobody = self._argon2.hash(secrets.token_bytes(16))

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self.pending >= self._places:
            raise Busy
        self.pending += 1
        self.computations += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self.pending -= 1

    async def hash(self, password: str) -> str:
        """Return a new hash of `password` in the PHC string format. Raises Busy."""
        data = _encode(password)
        return await self._run(lambda: self._argon2.hash(data))

    async def check(self, stored: str | None, password: str) -> Verdict:
        """Compare with a stored hash; None costs the same computation and never fits. Raises Busy."""
        data = _encode(password)

        def work() -> Verdict:
            try:
                self._argon2.verify(stored or self._nobody, data)
            except (VerificationError, InvalidHashError):
                return Verdict(False)
            if stored is None:
                return Verdict(False)
            return Verdict(True, self._argon2.check_needs_rehash(stored))

        return await self._run(work)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
