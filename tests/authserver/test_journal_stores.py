"""The contract of the journal's stores, SQLite and Redis alike."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from authserver.config import Settings
from authserver.stores import JournalRow, JournalStore, open_stores


def row(name: str, cluster: str = "prod", changed: float = 100.0) -> JournalRow:
    return JournalRow(name, cluster, changed, f"document of {name}".encode(), f"tag-{name}")


def names(rows: list[JournalRow]) -> list[str]:
    return [found.id for found in rows]


@pytest.fixture
async def store(both: Settings) -> AsyncIterator[JournalStore]:
    async with open_stores(both) as opened:
        yield opened.journal


async def test_an_entry_is_added_once(store: JournalStore) -> None:
    assert await store.row("a") is None
    assert await store.last() == 0
    assert await store.add(row("a"))
    other = msgspec.structs.replace(row("a"), document=b"other", tag="other")
    assert not await store.add(other)
    found = await store.row("a")
    assert found is not None
    assert msgspec.structs.replace(found, sequence=0) == row("a")
    assert await store.last() == 1


async def test_many_at_once_are_all_there_each_with_a_number_of_its_own(
    store: JournalStore,
) -> None:
    added = await asyncio.gather(*(store.add(row(f"e{number % 40}")) for number in range(80)))
    assert sum(added) == 40
    found = await store.after(0, 100, None)
    assert sorted(names(found)) == sorted(f"e{number}" for number in range(40))
    assert [it.sequence for it in found] == sorted({it.sequence for it in found})


async def test_an_entry_is_replaced_only_from_the_state_that_was_read(
    store: JournalStore,
) -> None:
    await store.add(row("a"))
    changes = [
        JournalRow("a", "prod", 101.0, f"{number}".encode(), f"new-{number}")
        for number in range(20)
    ]
    written = await asyncio.gather(*(store.replace(change, "tag-a") for change in changes))
    assert sorted(written) == [False] * 19 + [True]
    found = await store.row("a")
    assert found is not None
    winner = changes[written.index(True)]
    assert (found.document, found.tag, found.changed) == (winner.document, winner.tag, 101.0)
    assert not await store.replace(row("nobody"), "tag-nobody")
    assert await store.row("nobody") is None


async def test_what_is_written_again_moves_to_the_end(store: JournalStore) -> None:
    for name in ("a", "b", "c"):
        await store.add(row(name))
    cursor = await store.last()
    assert await store.after(cursor, 10, None) == []
    assert await store.replace(row("a"), "tag-a")
    (moved,) = await store.after(cursor, 10, None)
    assert (moved.id, moved.sequence) == ("a", cursor + 1)
    assert names(await store.after(0, 10, None)) == ["b", "c", "a"]


async def test_pages_forwards_and_backwards(store: JournalStore) -> None:
    for number in range(7):
        await store.add(row(f"e{number}"))
    first = await store.after(0, 3, None)
    assert names(first) == ["e0", "e1", "e2"]
    assert names(await store.after(first[-1].sequence, 3, None)) == ["e3", "e4", "e5"]
    newest = await store.before(2**53, 3, None)
    assert names(newest) == ["e4", "e5", "e6"]
    assert names(await store.before(newest[0].sequence, 3, None)) == ["e1", "e2", "e3"]


async def test_clusters_are_kept_apart(store: JournalStore) -> None:
    strange = "a cluster: “*” ' %s"
    for name, cluster in (("a", "prod"), ("b", strange), ("c", "prod")):
        await store.add(row(name, cluster))
    assert names(await store.after(0, 10, "prod")) == ["a", "c"]
    assert names(await store.before(2**53, 1, "prod")) == ["c"]
    (found,) = await store.after(0, 10, strange)
    assert found.cluster == strange
    assert await store.after(0, 10, "") == []


async def test_what_is_too_old_is_trimmed(store: JournalStore) -> None:
    for number in range(5):
        await store.add(row(f"e{number}", changed=float(number)))
    assert await store.trim(2.0, 100) == 2
    assert await store.trim(2.0, 100) == 0
    assert names(await store.after(0, 10, None)) == ["e2", "e3", "e4"]
    assert names(await store.after(0, 10, "prod")) == ["e2", "e3", "e4"]
    assert await store.row("e0") is None


async def test_what_is_too_much_is_trimmed_and_numbers_are_not_used_again(
    store: JournalStore,
) -> None:
    for number in range(5):
        await store.add(row(f"e{number}"))
    assert await store.trim(0.0, 2) == 3
    assert names(await store.after(0, 10, "prod")) == ["e3", "e4"]
    assert await store.trim(1000.0, 2) == 2
    assert await store.after(0, 10, None) == []
    await store.add(row("new"))
    (found,) = await store.after(5, 10, None)
    assert found.sequence == 6


async def test_trimming_takes_as_many_steps_as_it_needs(store: JournalStore) -> None:
    # Not all at once: each has to be answered in the time that a store has for it.
    for begin in range(0, 1100, 100):
        rows = (row(f"e{number}") for number in range(begin, begin + 100))
        await asyncio.gather(*map(store.add, rows))
    steps = []
    while deleted := await store.trim(0.0, 50):
        steps.append(deleted)
    assert sum(steps) == 1050
    assert len(steps) > 1
    assert len(await store.after(0, 200, "prod")) == 50


async def test_it_answers(store: JournalStore) -> None:
    await store.ping()
