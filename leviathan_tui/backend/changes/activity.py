"""What was done to a cluster, by this user and, where there is a team's journal, by everybody."""

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec

from leviathan_tui.backend.changes.entry import UNKNOWN, Entry
from leviathan_tui.backend.changes.records import Records
from leviathan_tui.backend.changes.verdict import look_up
from leviathan_tui.backend.identity.team_journal import Away, Refused
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind

LIMIT = 500
"""Entries shown."""


class Activity:
    """Reads the journals of one cluster."""

    def __init__(self, records: Records, cluster: str) -> None:
        self._records = records
        self._cluster = cluster
        self._cursor = ""
        self._theirs: dict[str, Entry] = {}
        self.trouble = ""
        """Why the team's entries are missing or old; empty while they are not."""

    def own(self) -> list[Entry]:
        """Return the newest of this user's entries, the newest first. Blocks on the disk."""
        return self._records.journal.latest(self._cluster, LIMIT)

    async def read(self) -> list[Entry]:
        """Return the newest entries of both journals, the newest first. Raises `NotWritten`."""
        await self._read_team()
        own = {entry.id: entry for entry in await asyncio.to_thread(self.own)}
        entries = [*own.values(), *(one for key, one in self._theirs.items() if key not in own)]
        entries.sort(key=lambda entry: -entry.at)
        return entries[:LIMIT]

    async def export(self, path: str) -> str:
        """Write the entries to a new file, 0600, as JSON lines; return what was done, in words."""
        entries = await self.read()

        def write() -> None:
            descriptor = os.open(
                Path(path).expanduser(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
            )
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(as_json_lines(entries))

        try:
            await asyncio.to_thread(write)
        except OSError as error:
            return f"Not written: {path}: {error.strerror}."
        return f"{len(entries)} entries are in {path}."

    async def _read_team(self) -> None:
        team = self._records.team
        if team is None:
            return
        try:
            await self._records.catch_up()
            while True:
                raw, cursor = await team.read(self._cluster, self._cursor)
                for item in raw:
                    entry = shared(item)
                    if entry is not None:
                        self._theirs[entry.id] = entry
                if cursor == self._cursor:
                    break
                self._cursor = cursor
            self.trouble = self._records.trouble
        except (Away, Refused) as error:
            self.trouble = str(error)

    async def settle(self, client: KubeClient, kind_of: dict[str, Kind]) -> int:
        """Look up what became of entries whose outcome nobody knows; return how many are clear now."""
        clear = 0
        for entry in await asyncio.to_thread(self._records.journal.unsettled, self._cluster):
            kind = kind_of.get(entry.kind)
            if kind is None:
                continue
            await look_up(client, entry, kind.path(entry.namespace, entry.name), at_most=0.0)
            if entry.outcome != UNKNOWN:
                clear += 1
                await self._records.finish(entry)
        return clear


def shared(item: dict[str, Any]) -> Entry | None:
    """Return an entry of the team's journal; None for one that this console cannot read."""
    try:
        entry = msgspec.convert(item, Entry)
    except msgspec.ValidationError:
        return None
    entry.shared = True
    return entry


def as_json_lines(entries: list[Entry]) -> str:
    """Return entries as JSON lines, the oldest first."""
    return "".join(f"{msgspec.json.encode(entry).decode()}\n" for entry in reversed(entries))
