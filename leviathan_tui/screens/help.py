"""The help screen: every action with its keys, from the actions themselves."""

from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.prose import Prose, heading
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.text_screen import TextScreen


class HelpScreen(TextScreen):
    """All keys and what they do."""

    def __init__(self, place: Place, session: Session, keys: dict[str, str]) -> None:
        super().__init__(place, session)
        self._keys = keys

    def refresh_data(self) -> None:
        """Show the actions, group by group."""
        prose: Prose = [
            (("esc goes back; : opens the palette, where each command has a name.", "dim"),)
        ]
        groups: dict[str, list[str]] = {}
        for action in REGISTRY.values():
            groups.setdefault(action.group, []).append(action.id)
        for group, ids in groups.items():
            prose += heading(group)
            for action_id in ids:
                action = REGISTRY[action_id]
                key = self._keys.get(action_id, "")
                prose.append(
                    (
                        (f"{key:<14}", "key"),
                        (f"{action.title:<18}", "strong"),
                        (action.help(), "plain"),
                    )
                )
        self.view.show("Help", prose)
        if self._needle:
            self.view.find(self._needle)
