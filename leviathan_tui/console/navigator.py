"""Going from place to place: which screen is open, and what is chosen on it."""

from collections.abc import Sequence
from typing import Any, Final

from textual.timer import Timer

from leviathan_tui import screens
from leviathan_tui.actions import key_table
from leviathan_tui.actions.places import Place
from leviathan_tui.actions.ports import LogControls, TimelineControls
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.names import is_label
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.console.dialogs import Dialogs
from leviathan_tui.console.history import History
from leviathan_tui.screens.base import BaseScreen
from leviathan_tui.widgets.table import Table

SAY_TIMEOUT: Final = 4.0
"""Seconds for which a line that was said stays."""


class Navigator(Dialogs, inherit_bindings=False):
    """An app that goes from place to place."""

    def __init__(self, session: Session, start: Place, keymap: dict[str, str]) -> None:
        super().__init__()
        self.session = session
        self.runs_editors = not session.served
        self.key_labels = key_table.labels(keymap)
        self._history = History(start)
        self._saying: Timer | None = None

    @property
    def base_screen(self) -> BaseScreen | None:
        """The place's screen, which may lie under a dialog."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, BaseScreen):
                return screen
        return None

    @property
    def place(self) -> Place:
        """Where the user is."""
        return self._history.here

    @property
    def demanded_namespace(self) -> str:
        """Any: what is in view says nothing of where a file's objects have to be."""
        return ""

    @property
    def namespace(self) -> str:
        """The namespace in view; empty for all."""
        return self.session.namespace

    @property
    def listing(self) -> Table | None:
        """The list in use."""
        screen = self.base_screen
        return None if screen is None else screen.table

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""
        listing = self.listing
        return None if listing is None else listing.row

    @property
    def chosen(self) -> Sequence[Any]:
        """The marked rows, or the one under the cursor where none is marked."""
        listing = self.listing
        return [] if listing is None else listing.chosen

    @property
    def subject(self) -> Ref | None:
        """The object under the cursor, or the one that the place is about."""
        screen = self.base_screen
        return None if screen is None else screen.subject

    @property
    def timeline(self) -> TimelineControls | None:
        """The time line on the screen, where there is one."""
        screen = self.base_screen
        return None if screen is None else screen.timeline

    @property
    def logs(self) -> LogControls | None:
        """The logs in use."""
        screen = self.base_screen
        return None if screen is None else screen.logs

    # Going

    def run_begun(self, cron: Ref) -> Ref | None:
        """Return the run of a cron job that was started here a moment ago; None where none was."""
        return self.session.run_begun(cron)

    def open(self, place: Place) -> None:
        """Go to a place, and make it the newest of the history."""
        if place.view == "apps" and place.about is not None and place.about.kind == "Namespace":
            self.show_namespace(place.about.name)
            place = Place("apps")
        self._leave()
        self._history.open(place)
        self._arrive()

    def travel(self, step: int) -> None:
        """Go back or forth in the history."""
        self._leave()
        if self._history.travel(step):
            self._arrive()
        elif step < 0 and self.place.view not in screens.MAIN_LISTS:
            self.open(Place("apps"))

    def next_list(self, step: int) -> None:
        """Go to the next of the main lists."""
        lists = screens.MAIN_LISTS
        here = lists.index(self.place.view) if self.place.view in lists else -step
        self.open(Place(lists[(here + step) % len(lists)]))

    def _leave(self) -> None:
        """Remember where the cursor was in the place that is left."""
        screen = self.base_screen
        if screen is not None:
            self._history.leave(screen.here())

    def _arrive(self) -> None:
        # What is typed from now on is meant for the screen that comes.
        self.hold_keys()
        screen = screens.make(self.place, self.session, self.key_labels)
        if self.base_screen is None:
            self.push_screen(screen)
        else:
            self.switch_screen(screen)
        self.call_after_refresh(self._arrived)
        self.release_keys()

    def _arrived(self) -> None:
        screen = self.base_screen
        if screen is not None:
            screen.update_header()
            self._show_keys()

    def _show_keys(self) -> None:
        """Bring the footer up to date; what can be done here, only the app knows."""
        raise NotImplementedError

    def show_namespace(self, namespace: str) -> None:
        """Show another namespace; empty for all. What is none, or can be none, is said and left."""
        if namespace and not is_label(namespace):
            self.say(f"“{clean(namespace, 60)}” is no namespace.", "warn")
            return
        if namespace and self.session.cluster.store.lacks_namespace(namespace):
            self.say(f"There is no namespace {namespace}.", "warn")
            return
        self.session.namespace = namespace
        self.session.remember(namespace)
        self.session.cluster.cover(namespace)

    def use_namespace(self, number: int) -> None:
        """Use all namespaces for 0, or the favourite with this number."""
        favourites = self.session.favourites
        if number > len(favourites):
            self.say(f"No namespace has the number {number} yet; choose one with :ns.")
            return
        name = "" if number == 0 else favourites[number - 1]
        self.show_namespace(name)
        self.reload()
        self.say(f"Namespace: {name or 'all'}")

    def reload(self) -> None:
        """Fill the screen anew, as after a change of namespace."""
        screen = self.base_screen
        reload = getattr(screen, "reload", None)
        if reload is not None:
            reload()
        if screen is not None:
            screen.update_header()

    # On the screen that is open

    def say(self, text: str, tone: str = "plain", *, stay: bool = False) -> None:
        """Show a line in the footer for a moment, or until the next one."""
        if self._saying is not None:
            self._saying.stop()
        text = clean(text, 1000)
        self.call_after_refresh(self._say, text, tone)
        if not stay:
            self._saying = self.set_timer(SAY_TIMEOUT, lambda: self._unsay(text))

    def _say(self, text: str, tone: str = "plain") -> None:
        screen = self.base_screen
        if screen is not None:
            screen.footer.say(text, tone)

    def _unsay(self, text: str) -> None:
        screen = self.base_screen
        if screen is not None:
            screen.footer.unsay(text)

    def ask_filter(self) -> None:
        """Let the user type a filter."""
        if self.base_screen is not None:
            self.base_screen.edit_filter()

    def find(self, step: int) -> None:
        """Go to the next hit in a text."""
        if self.base_screen is not None:
            self.base_screen.next_hit(step)

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """Scroll a text."""
        if self.base_screen is not None:
            self.base_screen.scroll_text(step, pages=pages, end=end)
