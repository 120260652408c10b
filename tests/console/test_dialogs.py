"""Dialogs are answered once, however fast the keys come."""

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.config import Config, ContextConfig, GuardConfig
from leviathan_tui.screens.base import BaseScreen
from tests.console.conftest import console_on


@pytest.mark.parametrize(
    ("opens", "sees", "answer"),
    [
        ("p", "type web to confirm", "web"),
        ("s", "How many replicas for web?", "2"),
        ("ctrl+n", "kube-system", ""),
        ("colon", "apps", "pods"),
    ],
)
@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_a_second_answer_takes_no_screen_away(
    own_sandbox: Sandbox, opens: str, sees: str, answer: str, key: str
) -> None:
    guard = GuardConfig(confirm="type-the-name")
    config = Config(contexts={"sandbox": ContextConfig(guard=guard)})
    place = Place("apps", filter="/^web$/")
    async with console_on(own_sandbox, config=config, place=place) as console:
        await console.sees("Apps (1 of")
        await console.press(opens)
        await console.sees(sees)
        dialog = console.app.screen
        await console.burst(*answer, key, key)
        await console.until(lambda: dialog not in console.app.screen_stack)
        await console.pilot.pause()
        assert any(isinstance(one, BaseScreen) for one in console.app.screen_stack)
