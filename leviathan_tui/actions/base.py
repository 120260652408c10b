"""What a command is, and what it may ask of the front end that runs it.

One class per user action. Its docstring is its help, its `id` the name in keymaps, its keys the
defaults. Commands know no Textual: the screens and the headless twin are two front ends of the same
classes.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import msgspec

from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.records import Ref

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.deploying import Answers
    from leviathan_tui.backend.changes.entry import Entry
    from leviathan_tui.backend.changes.intents import Intent


class Place(msgspec.Struct, frozen=True):
    """Somewhere to be: a list or a text, and what it is about."""

    view: str
    """As in `apps`, `runs`, `yaml`, `resource`."""
    about: Ref | None = None
    """The object that the view is about, where it is about one."""
    resource: str = ""
    """The resource type of a `resource` view, as `plural.group`."""
    filter: str = ""
    cursor: str = ""
    """The key of the row under the cursor."""
    others: tuple[Ref, ...] = ()
    """What else the view is about, as where the logs of several marked rows are read."""


class Option(msgspec.Struct, frozen=True):
    """One of several things to choose from."""

    value: str
    title: str
    detail: str = ""


Check = Callable[[str], str]
"""Returns what is wrong with a typed text, or nothing; what begins with `= ` is what it means."""


class Listing(Protocol):
    """The list on the screen, as commands move about in it."""

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""

    @property
    def chosen(self) -> list[Any]:
        """The marked rows, or the one under the cursor where none is marked."""

    @property
    def room(self) -> int:
        """How many rows fit on the screen."""

    @property
    def cursor_index(self) -> int:
        """The cursor's position."""

    def move(self, step: int) -> None:
        """Move the cursor by so many rows."""

    def move_to(self, index: int) -> None:
        """Move the cursor to a position."""

    def scroll_columns(self, step: int) -> None:
        """Scroll sideways."""

    def toggle_mark(self) -> None:
        """Mark the row under the cursor or take its mark away."""

    def mark_range(self) -> None:
        """Mark from the last mark to the cursor."""

    def clear_marks(self) -> bool:
        """Take all marks away; False where there was none."""

    def has_column(self, column: str) -> bool:
        """Whether the list has this column."""

    def sort_by_column(self, column: str) -> None:
        """Sort by a column; once more, the other way round; a third time, as at first."""


class TimelineControls(Protocol):
    """The time line on the screen, as commands use it."""

    def next_span(self) -> None:
        """Show a day, or a week."""

    def pan(self, step: int) -> None:
        """Move by a quarter of what is shown, back or ahead."""


class LogControls(Protocol):
    """The logs on the screen, as commands use them."""

    def toggle_follow(self) -> None:
        """Stop following what comes, or go on with it."""

    def toggle_wrap(self) -> None:
        """Break long lines, or cut them off."""

    def next_times(self) -> None:
        """Show no times, local ones, UTC, or how long ago."""

    def next_json(self) -> None:
        """Show JSON lines as they are, as fields, or indented."""

    def next_level(self) -> None:
        """Show only lines that are at least so grave."""

    def next_context(self) -> None:
        """Show more or fewer lines around each line that the filter finds."""

    def ask_log_filter(self) -> None:
        """Let the user type what lines must have."""

    def toggle_previous(self) -> None:
        """Show the containers' run before the present one, or the present one."""

    def use_span(self, number: int) -> None:
        """Read another part of the logs; by the number of its key."""

    def toggle_log_mark(self) -> None:
        """Mark the line under the cursor, or take its mark away."""

    def go_to_mark(self, step: int) -> None:
        """Go to the next or previous marked line."""

    def go_to_error(self, step: int) -> None:
        """Go to the next or previous error."""

    def ask_moment(self) -> None:
        """Let the user type a time to go to."""

    def ask_save(self, everything: bool) -> None:
        """Let the user name a file for what is shown, or for everything."""

    def copied_line(self) -> str:
        """Return the text of the line under the cursor; empty for none."""

    def toggle_expanded(self) -> None:
        """Show the line under the cursor in full, JSON indented, or as the others again."""

    def scroll_sideways(self, step: int) -> None:
        """Scroll long lines."""


class Front(Protocol):
    """A front end: the full screen, or the command line."""

    @property
    def cluster(self) -> Cluster:
        """The cluster in use."""

    @property
    def place(self) -> Place:
        """Where the user is."""

    @property
    def listing(self) -> Listing | None:
        """The list in use; None where a text is shown."""

    @property
    def timeline(self) -> TimelineControls | None:
        """The time line on the screen, where there is one."""

    @property
    def logs(self) -> LogControls | None:
        """The logs in use; None where something else is shown."""

    @property
    def subject(self) -> Ref | None:
        """The object under the cursor, or the one that the place is about."""

    @property
    def who(self) -> str:
        """The name under which changes are written down."""

    def change(self, intents: "Sequence[Intent]") -> Awaitable[None]:
        """Have changes tried, confirmed, made and watched."""

    def ask(self, question: str, text: str, check: Check) -> Awaitable[str | None]:
        """Let the user type a text; None where they turn away."""

    def choose(self, title: str, options: Sequence[Option]) -> Awaitable[str | None]:
        """Let the user choose; None where they turn away."""

    @property
    def namespace(self) -> str:
        """The namespace in view; empty for all."""

    @property
    def argument(self) -> str:
        """What was typed behind the command's name in the palette."""

    def fill(self, answers: "Answers", *, cron: bool, title: str) -> Awaitable["Answers | None"]:
        """Let the user fill in a form; None where they turn away."""

    def edit(self, text: str, name: str) -> Awaitable[str | None]:
        """Let the user edit a text in their editor; None where that is not possible."""

    def warn(self, texts: Sequence[str]) -> None:
        """Show warnings about what was read."""

    def activity(self) -> Awaitable["list[Entry]"]:
        """Return the journal, the newest entry first."""

    def export_journal(self, path: str) -> Awaitable[None]:
        """Write the journal to a file, as JSON lines."""

    def open(self, place: Place) -> None:
        """Go somewhere."""

    def back(self) -> None:
        """Undo the last narrowing: the marks, the filter, or the place."""

    def travel(self, step: int) -> None:
        """Go back or forth in the history of places."""

    def say(self, text: str, tone: str = "plain") -> None:
        """Show one line for a moment."""

    def copy(self, text: str) -> None:
        """Put a text on the user's clipboard."""

    def ask_filter(self) -> None:
        """Let the user type a filter."""

    def ask_command(self) -> None:
        """Open the command palette."""

    def choose_namespace(self) -> None:
        """Let the user pick a namespace."""

    def show_namespace(self, namespace: str) -> None:
        """Show another namespace; empty for all. What can be none is said and left."""

    def use_namespace(self, number: int) -> None:
        """Use all namespaces for 0, or the one with this number in the header's list."""

    def choose_context(self) -> None:
        """Let the user pick a context of the kubeconfig."""

    def next_list(self, step: int) -> None:
        """Go to the next of the main lists."""

    def next_theme(self) -> None:
        """Change between the dark and the light theme."""

    def ask_login(self, why: str = "") -> None:
        """Let the user log in at the auth server."""

    def log_out(self) -> Awaitable[None] | None:
        """End the session at the auth server."""

    def refresh_now(self) -> None:
        """Ask the cluster again at once."""

    def find(self, step: int) -> None:
        """In a text, go to the next or previous hit."""

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """In a text, scroll by lines or pages, or to one of the ends."""

    def quit(self) -> None:
        """Leave."""


LISTS = frozenset(
    {
        "apps",
        "crons",
        "runs",
        "pods",
        "nodes",
        "namespaces",
        "events",
        "resource",
        "app",
        "activity",
        "schedule",
    }
)
"""The views that have a table."""

SCHEDULE = frozenset({"schedule"})
"""The views that have a time line."""

LOGS = frozenset({"logs"})
"""The views that follow logs."""

TEXTS = frozenset({"yaml", "describe", "explain", "help", "whoami"}) | LOGS
"""The views that are texts."""


class Command:
    """A user action. Subclasses carry its facts as class attributes; the docstring is its help."""

    id: ClassVar[str]
    """Its name in keymaps, as in `open`."""
    title: ClassVar[str]
    """A word or two for the footer and the palette."""
    keys: ClassVar[tuple[str, ...]] = ()
    """Default keys in Textual's spelling."""
    group: ClassVar[str] = "General"
    """The heading under which help lists it."""
    views: ClassVar[frozenset[str]] = LISTS | TEXTS
    """Where it exists."""
    footer: ClassVar[int] = 0
    """Its place in the footer, from 1; 0 keeps it out."""
    argument: ClassVar[str] = ""
    """What may be typed behind its name in the palette; empty for a namespace only."""

    def enabled(self, front: Front) -> bool:
        """Whether it can be done here and now."""
        return front.place.view in self.views

    def run(self, front: Front) -> Awaitable[None] | None:
        """Do it. What takes time is returned to be awaited by the front end."""
        raise NotImplementedError

    @classmethod
    def help(cls) -> str:
        """Return the help text: the docstring on one line."""
        return " ".join((cls.__doc__ or "").split())


class ObjectCommand(Command):
    """A command about the object under the cursor."""

    def enabled(self, front: Front) -> bool:
        """Whether there is an object to do it to."""
        return super().enabled(front) and front.subject is not None
