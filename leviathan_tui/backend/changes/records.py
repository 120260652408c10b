"""Writing entries: to this user's journal always, and to the team's where there is one."""

import asyncio
import logging
from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.entry import FINAL, Entry
from leviathan_tui.backend.changes.journal import OWED_BEGIN, OWED_OUTCOME, Journal
from leviathan_tui.backend.identity.team_journal import Away, Refused, TeamJournal

_log = logging.getLogger("leviathan.journal")

_OWN: Final = frozenset({"actor", "token_id", "shared"})
"""What the server sets itself or has no use for."""


class Records:
    """This user's journal, and a copy of each entry in the team's.

    The local one is durable before anything is sent; the team's copy is owed until it has arrived,
    so that nothing is lost while the auth server is away.
    """

    meanwhile = "entries are kept here"
    """What becomes of entries while the team's journal is away."""

    def __init__(self, journal: Journal, team: TeamJournal | None = None) -> None:
        self.journal = journal
        self.team = team
        self.trouble = ""
        """Why the team's journal lags behind; empty while it does not."""
        self._sharing = asyncio.Lock()

    async def begin(self, entry: Entry) -> None:
        """Write an entry durably before its request. Raises `NotWritten`."""
        owed = self.team is not None
        await asyncio.to_thread(self.journal.begin, entry, owed=owed)
        if self.team is None or self.trouble:
            return
        if await self._share(self.team, entry, OWED_BEGIN):
            await asyncio.to_thread(self.journal.settle_debt, entry.id, OWED_OUTCOME)

    async def finish(self, entry: Entry) -> None:
        """Write an entry's outcome. Raises `NotWritten`."""
        await asyncio.to_thread(self.journal.finish, entry, owed=self.team is not None)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Bring the team's journal up to date with what it lacks."""
        if self.team is None:
            return
        async with self._sharing:
            for entry, owed in await asyncio.to_thread(self.journal.owed):
                if entry.outcome not in FINAL and entry.outcome != "unknown":
                    continue
                if not await self._share(self.team, entry, owed):
                    return
                await asyncio.to_thread(self.journal.settle_debt, entry.id, 0)
            self.trouble = ""

    async def _share(self, team: TeamJournal, entry: Entry, owed: int) -> bool:
        """Bring one entry to the team's journal; False where that is away."""
        try:
            if owed == OWED_OUTCOME:
                await team.finish(
                    entry.id,
                    entry.outcome,
                    message=entry.message,
                    after=_without_secrets(entry.after),
                    duration=entry.duration,
                )
            elif entry.outcome == "pending":
                await team.begin(plain(entry))
            else:
                await team.merge(plain(entry))
        except Away as error:
            self.trouble = f"the team's journal is away: {error}; {self.meanwhile}"
            return False
        except Refused as error:
            # It will not take this entry, today or tomorrow: the local one remains.
            _log.warning("the team's journal refuses entry %s: %s", entry.id, error)
            self.trouble = f"the team's journal refuses an entry: {error}"
            return True
        return True

    async def close(self) -> None:
        """Close both."""
        if self.team is not None:
            await self.team.aclose()
        self.journal.close()


def plain(entry: Entry) -> dict[str, Any]:
    """Return an entry as the team's journal takes it."""
    found: dict[str, Any] = msgspec.to_builtins(entry)
    for name in _OWN:
        found.pop(name, None)
    for name in ("before", "after"):
        found[name] = _without_secrets(found[name])
    plan = found.get("plan")
    if plan and plan.get("applied"):
        plan["applied"] = _without_secrets(plan["applied"])
    return found


def _without_secrets(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an object as the team's journal takes it: a Secret without any values."""
    if document is None or document.get("kind") != "Secret":
        return document
    return {key: value for key, value in document.items() if key not in ("data", "stringData")}
