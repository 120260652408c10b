"""A line to type in, whose keys reach it by two ways."""

import pytest
from textual import events
from textual.app import App, ComposeResult

from leviathan_tui.widgets.text_line import TextLine


class _Box(App[None]):
    def __init__(self, offered: str = "", ahead: str = "") -> None:
        super().__init__()
        self._offered = offered
        self._ahead = ahead

    def compose(self) -> ComposeResult:
        line = TextLine(self._offered)
        _take(line, self._ahead)
        yield line

    @property
    def line(self) -> TextLine:
        return self.query_one(TextLine)


def _take(line: TextLine, keys: str) -> None:
    for key in keys:
        assert line.take(events.Key(key, key))


@pytest.mark.parametrize("ahead", range(5))
async def test_keys_typed_too_early_and_in_time_make_one_text(ahead: int) -> None:
    box = _Box(ahead="apps"[:ahead])
    async with box.run_test() as pilot:
        await pilot.press(*"apps"[ahead:])
        assert box.line.value == "apps"


@pytest.mark.parametrize("ahead", range(1, 4))
async def test_keys_that_come_while_the_line_has_the_focus_go_on_where_the_others_ended(
    ahead: int,
) -> None:
    box = _Box()
    async with box.run_test() as pilot:
        _take(box.line, "apps"[:ahead])
        await pilot.press(*"apps"[ahead:])
        assert box.line.value == "apps"


@pytest.mark.parametrize("ahead", range(3))
async def test_what_is_offered_is_replaced_by_the_first_key(ahead: int) -> None:
    box = _Box("3", ahead="12"[:ahead])
    async with box.run_test() as pilot:
        await pilot.press(*"12"[ahead:])
        assert box.line.value == "12"


async def test_the_text_is_selected_whenever_the_line_gets_the_focus() -> None:
    box = _Box("web")
    async with box.run_test() as pilot:
        await pilot.press("end", "2")
        box.line.blur()
        await pilot.pause()
        box.line.focus()
        await pilot.pause()
        await pilot.press("x")
        assert box.line.value == "x"


async def test_a_terminal_that_gets_the_focus_back_selects_nothing() -> None:
    box = _Box("web")
    async with box.run_test() as pilot:
        await pilot.press("end")
        box.post_message(events.AppBlur())
        await pilot.pause()
        box.post_message(events.AppFocus())
        await pilot.pause()
        await pilot.press("2")
        assert box.line.value == "web2"


async def test_what_is_offered_is_deleted_as_a_whole_and_kept_where_the_cursor_moves() -> None:
    box = _Box("web")
    async with box.run_test() as pilot:
        await pilot.press("end", "2")
        assert box.line.value == "web2"
    box = _Box("web")
    async with box.run_test():
        assert box.line.take(events.Key("backspace", None))
        assert box.line.value == ""
        assert not box.line.take(events.Key("f5", None))
