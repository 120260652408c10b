"""One file per screen. `make` builds the screen of a place, importing it when it is first needed."""

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.base import BaseScreen

MAIN_LISTS = ("apps", "crons", "pods", "events")
"""The lists that tab goes through."""


def make(place: Place, session: Session, keys: dict[str, str]) -> BaseScreen:
    """Return a new screen for a place; `keys` has each action's key as help shows it."""
    match place.view:
        case "apps":
            from leviathan_tui.screens.apps import AppsScreen

            return AppsScreen(place, session)
        case "app":
            from leviathan_tui.screens.app_screen import AppScreen

            return AppScreen(place, session)
        case "crons":
            from leviathan_tui.screens.crons import CronsScreen

            return CronsScreen(place, session)
        case "schedule":
            from leviathan_tui.screens.schedule import ScheduleScreen

            return ScheduleScreen(place, session)
        case "pods":
            from leviathan_tui.screens.pods import PodsScreen

            return PodsScreen(place, session)
        case "runs":
            from leviathan_tui.screens.runs import RunsScreen

            return RunsScreen(place, session)
        case "events":
            from leviathan_tui.screens.events import EventsScreen

            return EventsScreen(place, session)
        case "nodes":
            from leviathan_tui.screens.places import NodesScreen

            return NodesScreen(place, session)
        case "namespaces":
            from leviathan_tui.screens.places import NamespacesScreen

            return NamespacesScreen(place, session)
        case "activity":
            from leviathan_tui.screens.activity import ActivityScreen

            return ActivityScreen(place, session)
        case "resource":
            from leviathan_tui.screens.resource import ResourceScreen

            return ResourceScreen(place, session)
        case "logs":
            from leviathan_tui.screens.logs import LogsScreen

            return LogsScreen(place, session)
        case "help":
            from leviathan_tui.screens.help import HelpScreen

            return HelpScreen(place, session, keys)
        case _:
            from leviathan_tui.screens.text_screen import TextScreen

            return TextScreen(place, session)
