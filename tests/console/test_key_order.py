"""Keys arrive together, over a slow link or from a fast typist: each is for what those before it opened."""

import asyncio
from collections.abc import Callable

import pytest
from textual import events
from textual.widgets import Input

from leviathan_sandbox import Sandbox
from leviathan_tui.screens.chooser import ChooserScreen
from tests.console.conftest import console_on

TURNS = range(0, 24, 3)
"""Turns of the loop between two keys: a key's way through a list and back to the app is shorter."""


async def test_keys_keep_their_order_whatever_is_between_them(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        for turns in TURNS:
            for view in ("pods", "crons", "apps"):
                await console.burst(*f":{view}", "enter", turns=turns)
                await console.until(
                    lambda: console.app.place.view == view,  # noqa: B023 - it is awaited here
                    f"{view} after {turns} turns",
                )
            await console.burst(*"/chekc", "backspace", "backspace", *"ckout", "enter", turns=turns)
            await console.sees("/checkout")
            await console.burst("escape", turns=turns)


async def test_a_key_behind_the_one_that_closes_a_line_is_for_the_list(
    still_sandbox: Sandbox,
) -> None:
    async with console_on(still_sandbox) as console:
        for turns in TURNS:
            await console.burst(*"/a", "enter", "G", turns=turns)
            table = console.app.listing
            assert table is not None
            await console.until(
                lambda: table.cursor_index == len(table.model) - 1 > 0,  # noqa: B023
                f"the last row after {turns} turns",
            )
            await console.burst("escape", "g", turns=turns)
            await console.until(lambda: table.cursor_index == 0)  # noqa: B023


async def test_keys_typed_ahead_of_another_screen_reach_it(
    still_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is, the screen that they are meant for comes before they are let go.
    monkeypatch.setattr("leviathan_tui.console.key_buffer.HOLD_TIMEOUT", 3600.0)
    async with console_on(still_sandbox) as console:
        await console.sees("Apps (24)")
        await console.burst(*":pods", "enter", *"/cart", "enter")
        await console.sees("Pods (6 of ", "/cart")
        await console.burst(*":svc", "enter", *"/cart", "enter")
        await console.sees("Services (1 of ", "/cart")
        await console.burst("escape", "escape", "escape", "tab", "tab", *":q", "backspace")
        await console.until(lambda: console.app.place.view == "pods")
        await console.until(lambda: isinstance(console.app.screen, ChooserScreen))


async def test_the_timeout_of_one_screen_is_not_that_of_the_next(
    still_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console_on(still_sandbox) as console:
        app, table = console.app, console.app.listing
        assert table is not None
        over: list[Callable[[], object]] = []
        monkeypatch.setattr(app, "set_timer", lambda seconds, callback: over.append(callback))
        app.hold_keys()
        app.release_keys()
        await console.until(lambda: app._held is None)
        app.hold_keys()
        await console.burst("j")
        await console.until(lambda: app._waiting)
        first, second = over
        first()
        await console.pilot.pause()
        assert table.cursor_index == 0
        second()
        await console.until(lambda: table.cursor_index == 1)


async def test_a_slow_look_up_keeps_no_keys_for_itself(own_sandbox: Sandbox) -> None:
    async with console_on(own_sandbox) as console:
        await console.sees("Apps (24)")

        async def never() -> list[object]:
            await asyncio.sleep(3600)
            return []

        console.app.cluster.resources = never  # type: ignore[method-assign,assignment]
        await console.burst(*":svc", "enter", "j")
        table = console.app.listing
        assert table is not None
        await console.until(lambda: table.cursor_index == 1, "the key that was held")
        await console.burst(*":ing", "enter", "ctrl+c")
        await console.until(lambda: not console.app.is_running, "the end")


async def test_editing_keys_that_arrive_together_keep_their_order(own_sandbox: Sandbox) -> None:
    async with console_on(own_sandbox) as console:
        await console.press("slash")
        await console.burst(*"bix", "backspace", *"ll", "home", "s", "end", "m")
        await console.until(lambda: console.app.focused is not None, "the prompt has the focus")
        await console.until(
            lambda: getattr(console.app.focused, "value", "") == "sbillm", "each key in its turn"
        )


@pytest.mark.parametrize("turns", [0, 2, 5, 11])
async def test_escape_waits_for_what_was_typed_before_it(
    still_sandbox: Sandbox, turns: int
) -> None:
    async with console_on(still_sandbox) as console:
        table = console.app.listing
        assert table is not None
        await console.burst(*":jj", "escape", turns=turns)
        await console.until(lambda: not console.app._waiting, "the keys are taken")
        await console.press("f5")
        assert len(console.app.screen_stack) == 2
        assert table.cursor_index == 0
        await console.burst(*"jjj/sh", "escape", *"gj", turns=turns)
        await console.until(lambda: table.cursor_index == 1)
        assert console.app.base_screen is not None
        assert console.app.base_screen.prompt is None


async def test_an_open_line_keeps_the_focus(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        screen = console.app.base_screen
        assert screen is not None
        await console.press("slash")
        await console.pilot.click(offset=(10, 6))
        await console.press(*"shop")
        await console.sees("/shop")
        await console.pilot.resize_terminal(50, 10)
        await console.pilot.resize_terminal(120, 40)
        await console.press("backspace", "backspace", *"op", "enter")
        await console.sees("/shop")
        await console.until(lambda: screen.prompt is None, "the line is closed")


@pytest.mark.parametrize("key", ["s", "colon"])
async def test_a_dialog_opened_while_the_window_has_no_focus_has_it_afterwards(
    still_sandbox: Sandbox, key: str
) -> None:
    async with console_on(still_sandbox) as console:
        console.app.post_message(events.AppBlur())
        await console.press(key)
        await console.until(lambda: len(console.app.screen_stack) == 3, "the dialog")
        console.app.post_message(events.AppFocus())
        await console.pilot.pause()
        await console.press("9")
        field = console.app.screen.query_one(Input)
        await console.until(lambda: field.value == "9", "what is typed")


async def test_a_paste_behind_a_key_is_for_what_that_opened(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        await console.burst(":")
        console.app.post_message(events.Paste("pods"))
        await console.burst("enter")
        await console.until(lambda: console.app.place.view == "pods")


async def test_what_saves_a_form_finds_in_it_what_was_typed_before(
    own_sandbox: Sandbox,
) -> None:
    async with console_on(own_sandbox) as console:
        for number, turns in enumerate(TURNS):
            await console.press("n")
            await console.sees("New app")
            await console.burst(*f"late-{number}", "tab", *"nginx:1.29", turns=turns)
            await console.burst(*["tab"] * 9, *"sleep 100000", "ctrl+s", turns=turns)
            await console.sees(f"Deploy late-{number}?", "- sleep", "- '100000'")
            await console.press("escape")
            await console.until(lambda: len(console.app.screen_stack) == 2, "the question is gone")


@pytest.mark.parametrize(("key", "where"), [("up", "#image"), ("tab", "#replicas")])
async def test_what_leaves_a_field_leaves_in_it_what_was_typed(
    own_sandbox: Sandbox, key: str, where: str
) -> None:
    async with console_on(own_sandbox) as console:
        await console.press("n")
        await console.sees("New app")
        await console.burst(*"web", "tab", *"ngi", "tab", *"x", key, *"yz")
        field = console.app.screen.query_one(where, Input)
        await console.until(lambda: field.value.endswith("yz"))
        values = [item.value for item in console.app.screen.query(Input)][:4]
        assert values == (["web", "yz", "x", "1"] if key == "up" else ["web", "ngi", "x", "yz"])
