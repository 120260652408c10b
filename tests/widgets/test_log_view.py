"""The view of a ring: it follows, stays where the reader is, and survives what comes and goes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from leviathan_tui.backend.logs.lens import Lens
from leviathan_tui.backend.logs.query import Query, parse_query
from leviathan_tui.backend.logs.ring import Batch, Ring
from leviathan_tui.widgets.log_lines import Times
from leviathan_tui.widgets.log_view import LogView


class Host(App[None]):
    """An app with nothing but the view."""

    def __init__(self, view: LogView) -> None:
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        yield self.view


def add(ring: Ring, texts: list[bytes]) -> None:
    ring.append(Batch([0] * len(texts), [0] * len(texts), bytes(len(texts)), texts))


@asynccontextmanager
async def shown(
    ring: Ring, query: Query | None = None, height: int = 11, width: int = 40
) -> AsyncIterator[tuple[LogView, Pilot[None]]]:
    """Show a ring on ten rows of lines."""
    lens = Lens(ring, query or Query(), [])
    while lens.step(1.0):
        pass
    view = LogView(ring, lens)
    view.times = Times.NONE
    async with Host(view).run_test(size=(width, height)) as pilot:
        view.arrived()
        await pilot.pause()
        yield view, pilot


def rows(view: LogView) -> list[str]:
    """Return what is drawn, without the title and the bar."""
    return [
        "".join(segment.text for segment in view.render_line(y))[1:-1].rstrip()
        for y in range(1, view.size.height)
    ]


def numbered(first: int, count: int) -> list[bytes]:
    return [b"line %d" % number for number in range(first, first + count)]


async def test_the_newest_lines_are_shown_as_they_come() -> None:
    ring = Ring()
    add(ring, numbered(0, 100))
    async with shown(ring) as (view, _):
        assert rows(view) == [f"line {number}" for number in range(90, 100)]
        add(ring, numbered(100, 5))
        view.arrived()
        assert rows(view) == [f"line {number}" for number in range(95, 105)]


async def test_whoever_scrolled_up_stays_at_the_same_lines() -> None:
    ring = Ring()
    add(ring, numbered(0, 100))
    async with shown(ring) as (view, _):
        view.scroll_text(-1)
        before = rows(view)
        add(ring, numbered(100, 50))
        view.arrived()
        assert rows(view) == before
        assert view.waiting == 50
        view.scroll_text(1, end=True)
        assert view.following
        assert rows(view)[-1] == "line 149"


async def test_lines_that_fall_out_of_the_ring_move_the_reader_to_the_oldest() -> None:
    ring = Ring(2_000)
    add(ring, numbered(0, 2_000))
    async with shown(ring) as (view, _):
        view.scroll_text(-1, end=True)
        assert rows(view)[0] == "line 0"
        for start in range(2_000, 12_000, 1_000):
            add(ring, numbered(start, 1_000))
        view.arrived()
        assert rows(view)[0] == f"line {ring.first}"
        assert view.cursor == ring.first


async def test_moving_and_paging() -> None:
    ring = Ring()
    add(ring, numbered(0, 100))
    async with shown(ring) as (view, _):
        view.scroll_text(-1, pages=True)
        assert view.cursor == 90
        view.scroll_text(-1, pages=True)
        assert rows(view)[0] == "line 81"
        view.scroll_text(-1, end=True)
        assert rows(view)[0] == "line 0"
        view.scroll_text(1, pages=True)
        assert view.cursor == 9
        view.scroll_text(1)
        assert rows(view) == [f"line {number}" for number in range(1, 11)]
        view.go_to(50, middle=True)
        assert rows(view).index("line 50") in (4, 5)


async def test_down_from_the_last_line_follows_again() -> None:
    ring = Ring()
    add(ring, numbered(0, 20))
    async with shown(ring) as (view, _):
        view.scroll_text(-1)
        assert not view.following
        view.scroll_text(1)
        assert not view.following
        view.scroll_text(1)
        assert view.following


async def test_long_lines_are_cut_or_wrapped_and_can_be_read_to_their_end() -> None:
    ring = Ring()
    add(ring, [b"short", b"%s end" % (b"x" * 700), b"last"])
    async with shown(ring) as (view, _):
        assert rows(view)[1].endswith("…")
        view.wrap = True
        view.changed_look()
        assert rows(view)[-1] == "last"
        assert "".join(rows(view)[:-1]).endswith("end")
        view.scroll_text(-1, end=True)
        assert rows(view)[0] == "short"
        view.scroll_text(1)
        seen = ""
        for _ in range(30):
            view.scroll_text(1)
            seen += "".join(rows(view))
        assert "x end" in seen
        assert rows(view)[-1] == "last"


async def test_only_what_differs_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring()
    add(ring, numbered(0, 10))
    async with shown(ring, height=20) as (view, pilot):
        await pilot.pause()
        drawn: list[object] = []
        monkeypatch.setattr(view, "refresh", lambda *regions, **options: drawn.append(regions))
        view.arrived()
        assert drawn == []
        add(ring, numbered(10, 1))
        view.arrived()
        assert len(drawn) == 1


async def test_a_filter_changes_what_is_shown_and_keeps_the_place() -> None:
    ring = Ring()
    add(ring, numbered(0, 100))
    async with shown(ring) as (view, _):
        view.go_to(47)
        lens = Lens(ring, parse_query("7"), [])
        while lens.step(1.0):
            pass
        view.show(ring, lens)
        assert "line 47" in rows(view)
        assert all("7" in row for row in rows(view))
        view.scroll_text(1)
        assert view.cursor == 57


async def test_any_size_will_do() -> None:
    ring = Ring()
    add(ring, ["日本語のログ行 x".encode() * 9, b"", b"x"])
    for width in (10, 24, 200):
        for height in (1, 2, 3, 30):
            async with shown(ring, width=width, height=height) as (view, pilot):
                view.wrap = True
                view.changed_look()
                await pilot.resize_terminal(width + 1, height)
                for y in range(view.size.height):
                    assert view.render_line(y).cell_length == view.size.width
