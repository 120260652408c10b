"""The help screen: every command with its keys, from the commands themselves."""

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
        """Show the commands, group by group."""
        prose: Prose = [
            (("esc goes back; : opens the palette, where each command has a name.", "dim"),)
        ]
        groups: dict[str, list[str]] = {}
        for command in REGISTRY.values():
            groups.setdefault(command.group, []).append(command.id)
        for group, ids in groups.items():
            prose += heading(group)
            for command_id in ids:
                command = REGISTRY[command_id]
                key = self._keys.get(command_id, "")
                prose.append(
                    (
                        (f"{key:<14}", "key"),
                        (f"{command.title:<18}", "strong"),
                        (command.help(), "plain"),
                    )
                )
        self.view.show("Help", prose)
        if self._needle:
            self.view.find(self._needle)
