"""Writing entries where nothing is written on this machine: the team's journal is the durable one."""

import asyncio
from contextlib import suppress
from typing import Final

from leviathan_tui.backend.changes.entry import PENDING, REFUSED, UNKNOWN, Entry
from leviathan_tui.backend.changes.journal import OWED_OUTCOME, Journal
from leviathan_tui.backend.changes.records import Records, plain
from leviathan_tui.backend.changes.refusals import NotWritten
from leviathan_tui.backend.identity.team_journal import Away, Refused, TeamJournal

RETRY_DELAY: Final = 5.0
"""Seconds until what the team's journal lacks is sent again."""


class TeamFirstRecords(Records):
    """The team's journal has each entry before its request is sent, or nothing is sent.

    The outcome follows, as often as it takes while the console runs; until then the journal in
    memory has it.
    """

    meanwhile = "outcomes follow"

    def __init__(self, journal: Journal, team: TeamJournal) -> None:
        super().__init__(journal, team)
        self._first = team
        self._retrying: asyncio.Task[None] | None = None

    async def begin(self, entry: Entry) -> None:
        """Write an entry into the team's journal. Raises `NotWritten` where it does not take it."""
        try:
            await self._first.begin(plain(entry))
        except Away as error:
            await self._note_unsent(entry, error)
            raise NotWritten(_unsent("is away", error)) from error
        except Refused as error:
            raise NotWritten(_unsent("does not take it", error)) from error
        await asyncio.to_thread(self.journal.begin, entry, owed=True)
        await asyncio.to_thread(self.journal.settle_debt, entry.id, OWED_OUTCOME)

    async def _note_unsent(self, entry: Entry, error: Away) -> None:
        """Remember that nothing was sent: the beginning may have arrived, the answer lost."""
        entry.outcome = REFUSED
        entry.message = "nothing was sent: the team's journal was away"
        await asyncio.to_thread(self.journal.begin, entry, owed=True)
        self.trouble = f"the team's journal is away: {error}; {self.meanwhile}"
        self._keep_trying()

    async def catch_up(self) -> None:
        """Bring the team's journal up to date, now and again until it is."""
        await super().catch_up()
        if self.trouble:
            self._keep_trying()

    def _keep_trying(self) -> None:
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.create_task(self._try_again())

    async def _try_again(self) -> None:
        while self.trouble:
            await asyncio.sleep(RETRY_DELAY)
            with suppress(NotWritten):
                await super().catch_up()

    async def conclude(self) -> None:
        """Send what is owed before the end; what has no answer yet counts as unknown."""
        for entry, _ in await asyncio.to_thread(self.journal.owed):
            if entry.outcome == PENDING:
                entry.outcome, entry.message = UNKNOWN, "the console ended before the answer; check"
                await asyncio.to_thread(self.journal.finish, entry, owed=True)
        await super().catch_up()


def _unsent(what: str, error: Away | Refused) -> str:
    return f"nothing was sent, for the team's journal {what} ({error.message.rstrip('.')})."
