"""What an action may ask of the door that runs it, in four narrow ports.

Whoever changes something needs `Selection`, `Prompts` and `Changes`, which both doors have; what moves
about on the screen needs `Navigation`, which only the full screen has.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.records import Ref

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.deploying import Answers
    from leviathan_tui.backend.changes.entry import Entry
    from leviathan_tui.backend.changes.intents import Intent


class Selection(Protocol):
    """Where the user is, and what is chosen there."""

    @property
    def cluster(self) -> Cluster:
        """The cluster in use."""

    @property
    def place(self) -> Place:
        """Where the user is."""

    @property
    def namespace(self) -> str:
        """The namespace in view; empty for all."""

    @property
    def demanded_namespace(self) -> str:
        """The namespace in which everything has to be that is applied; empty for any."""

    @property
    def subject(self) -> Ref | None:
        """The object under the cursor, or the one that the place is about."""

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""

    @property
    def chosen(self) -> Sequence[Any]:
        """The marked rows, or the one under the cursor where none is marked."""

    @property
    def argument(self) -> str:
        """What was typed behind the action's name."""


class Option(msgspec.Struct, frozen=True):
    """One of several things to choose from."""

    value: str
    title: str
    detail: str = ""


Check = Callable[[str], str]
"""Returns what is wrong with a typed text, or nothing; what begins with `= ` is what it means."""


class Prompts(Protocol):
    """Saying something, and asking for a word."""

    def say(self, text: str, tone: str = "plain", *, stay: bool = False) -> None:
        """Show a line for a moment, or until the next one."""

    def warn(self, texts: Sequence[str]) -> None:
        """Show warnings about what was read."""

    def ask(self, question: str, text: str, check: Check) -> Awaitable[str | None]:
        """Let the user type a text; None where they turn away."""

    def choose(
        self, title: str, options: Sequence[Option], default: str = ""
    ) -> Awaitable[str | None]:
        """Let the user choose; None where they turn away.

        `default` is taken without asking where there is nothing else, or nobody to be asked.
        """


class Changes(Protocol):
    """Changing the cluster, and what was changed."""

    @property
    def who(self) -> str:
        """The name under which changes are written down."""

    def change(self, intents: "Sequence[Intent]") -> Awaitable[None]:
        """Have changes tried, confirmed, made and watched."""

    def activity(self) -> Awaitable["list[Entry]"]:
        """Return the journal, the newest entry first."""


class ChangePorts(Selection, Prompts, Changes, Protocol):
    """What an action that changes something may ask of either door."""


class Listing(Protocol):
    """The list on the screen, as actions move about in it."""

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
    """The time line on the screen, as actions use it."""

    def next_span(self) -> None:
        """Show a day, or a week."""

    def pan(self, step: int) -> None:
        """Move by a quarter of what is shown, back or ahead."""


class LogControls(Protocol):
    """The logs on the screen, as actions use them."""

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

    def use_range(self, number: int) -> None:
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


class Navigation(Protocol):
    """The full screen: going about in it, and what only it can show."""

    @property
    def served(self) -> bool:
        """Whether several people use this console, one after another: it writes nothing down."""

    @property
    def listing(self) -> Listing | None:
        """The list in use; None where a text is shown."""

    @property
    def timeline(self) -> TimelineControls | None:
        """The time line on the screen, where there is one."""

    @property
    def logs(self) -> LogControls | None:
        """The logs in use; None where something else is shown."""

    def fill(self, answers: "Answers", *, cron: bool, title: str) -> Awaitable["Answers | None"]:
        """Let the user fill in a form; None where they turn away."""

    def edit(self, text: str, name: str) -> Awaitable[str | None]:
        """Let the user edit a text in their editor; None where that is not possible."""

    def export_journal(self, path: str) -> Awaitable[None]:
        """Write the journal to a file, as JSON lines."""

    def run_begun(self, cron: Ref) -> Ref | None:
        """Return the run of a cron job that was started here a moment ago; None where none was."""

    def open(self, place: Place) -> None:
        """Go somewhere."""

    def back(self) -> None:
        """Undo the last narrowing: the marks, the filter, or the place."""

    def travel(self, step: int) -> None:
        """Go back or forth in the history of places."""

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


class Front(ChangePorts, Navigation, Protocol):
    """The full screen, which has all ports."""
