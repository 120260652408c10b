"""What all full screens share: header, footer, the place they show, and the smallest size."""

from collections.abc import Iterable
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.places import Place
from leviathan_tui.actions.ports import LogControls, TimelineControls
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.session import Session
from leviathan_tui.widgets.bars import Counts, Footer, Header
from leviathan_tui.widgets.lines import Line, LineWidget
from leviathan_tui.widgets.prompt import Prompt
from leviathan_tui.widgets.table import Table

SMALLEST: Final = Size(60, 15)
"""Below this the console says that it needs more room."""


MOST_NAMED: Final = 3
"""Namespaces that the header names, where all of them may not be read."""

_APPS: Final = ("Deployment", "StatefulSet", "DaemonSet")


class RunAction(Message):
    """An action is to be run, other than by its key."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__()


class TooSmall(LineWidget):
    """What a terminal that is too small shows instead of the screen."""

    DEFAULT_CSS = """
    TooSmall { display: none; height: 1fr; width: 1fr; }
    """

    def line(self, y: int, width: int) -> Line:
        """Draw the sentence in the middle."""
        if y != self.size.height // 2:
            return ()
        words = f"Leviathan needs {SMALLEST.width}×{SMALLEST.height} cells."
        return ((f"{words:^{width}}", "warn"),)


class BaseScreen(Screen[None], inherit_bindings=False):
    """A full screen of the console."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(action.keys), f"app.perform('{action.id}')", action.title, id=action.id)
        for action in REGISTRY.values()
        if action.keys
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual declares it

    DEFAULT_CSS = """
    BaseScreen { layout: vertical; }
    BaseScreen.-small > * { display: none; }
    BaseScreen.-small > TooSmall { display: block; }
    """

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__()
        self.place = place
        self.session = session
        self.header = Header()
        self.footer = Footer()
        self.prompt: Prompt | None = None

    def compose(self) -> ComposeResult:
        """Put the body between header and footer."""
        yield self.header
        yield from self.body()
        yield self.footer
        yield TooSmall()

    def body(self) -> Iterable[Widget]:
        """Return the widgets between header and footer."""
        raise NotImplementedError

    def on_resize(self) -> None:
        """Say so when the terminal is too small."""
        size = self.app.size
        self.set_class(size.width < SMALLEST.width or size.height < SMALLEST.height, "-small")

    def open_prompt(self, text: str, placeholder: str = "") -> None:
        """Open the line at the bottom in which a text is typed."""
        if self.prompt is not None:
            return
        self.prompt = Prompt(text)
        if placeholder:
            self.prompt.placeholder = placeholder
        self.mount(self.prompt, before=self.footer)
        self.prompt.focus()

    def on_descendant_blur(self) -> None:
        """Keep the focus in the line as long as it is open: a click, or a tiny terminal, takes it."""
        if self.prompt is not None and self.app.app_focus:
            self.prompt.select_on_focus = False
            self.prompt.focus()

    def close_prompt(self) -> None:
        """Take the line away."""
        if self.prompt is not None:
            self.prompt.remove()
            self.prompt = None

    @property
    def table(self) -> Table | None:
        """The list of this screen, where it has one."""
        return None

    @property
    def timeline(self) -> TimelineControls | None:
        """The time line of this screen, where it has one."""
        return None

    @property
    def logs(self) -> LogControls | None:
        """The logs of this screen, where it has any."""
        return None

    @property
    def subject(self) -> Ref | None:
        """The object that actions are about here."""
        return self.place.about

    def here(self) -> Place:
        """Return the place with what the user has done in it, to come back to."""
        return self.place

    def narrow_back(self) -> bool:
        """Take back marks or a filter; False where there is none."""
        return False

    def edit_filter(self) -> None:
        """Let the user type a filter or something to find."""

    def refresh_data(self) -> None:
        """Ask again for what this screen asked for itself."""

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """Scroll the screen's text, where it has one."""

    def next_hit(self, step: int) -> None:
        """Go to the next hit in the screen's text, where it has one."""

    def tick(self) -> None:
        """Draw what the clock changed."""
        self.update_header()

    def update_header(self) -> None:
        """Bring the header up to date."""
        session, header = self.session, self.header
        store = session.cluster.store
        connection = store.connection
        status = connection.status(session.clock())
        header.cluster, header.all_clusters = session.context_name, session.context_names
        header.identity = session.identity
        header.namespace = session.namespace or self._all_namespaces()
        header.awaits_login = session.awaits_login
        header.status = status
        header.now = session.clock()
        header.warning = session.mark
        apps = store.tally("apps", session.namespace)
        crons = store.tally("crons", session.namespace)
        known = [
            connection.any_restored
            or any(connection.known(kind, session.namespace) for kind in kinds)
            for kinds in (_APPS, ("CronJob",))
        ]
        if not apps.rows and not crons.rows and store.lacks_namespace(session.namespace):
            known = [False, False]
        header.counts = (
            Counts(apps.rows, apps.failing) if known[0] or apps.rows else None,
            Counts(crons.rows, crons.failing, crons.missed) if known[1] or crons.rows else None,
        )
        refusals = store.connection.refusals()
        header.limited = ""
        if refusals and status.freshness is not Freshness.REFUSED:
            kinds = sorted({state.scope.kind for state in refusals})
            header.limited = "not allowed: " + ", ".join(kinds[:3]) + ("…" if kinds[3:] else "")
        polled = sorted({state.scope.kind for state in connection.polled()})
        if polled and not header.limited:
            header.limited = "may not watch: " + ", ".join(polled[:3]) + ("…" if polled[3:] else "")
        if store.malformed:
            unread = f"{store.malformed} unreadable"
            header.warning = f"{header.warning}, {unread}" if header.warning else unread
        header.repaint()

    def _all_namespaces(self) -> str:
        """Return what is in view where no namespace is chosen."""
        read = self.session.cluster.store.connection.instead(_APPS[0])
        if read is None:
            return "all"
        return ", ".join(read[:MOST_NAMED]) + ("…" if read[MOST_NAMED:] else "") or "none allowed"
