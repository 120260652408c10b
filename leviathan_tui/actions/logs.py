"""Opening logs, and what can be done in them. The keys are k9s' where it has one for the same."""

from collections.abc import Callable
from typing import Final

from leviathan_tui.actions.base import Action, chosen_refs, no_files
from leviathan_tui.actions.places import LOGS, Place
from leviathan_tui.actions.ports import Front, LogControls
from leviathan_tui.backend.fleet.records import Ref

GROUP: Final = "Logs"

READABLE: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod"})
"""The kinds that have logs, through their pods."""


def readable(front: Front) -> list[Ref]:
    """Return what logs can be read of here: the marked rows, or the object in use."""
    return [ref for ref in chosen_refs(front) if ref.kind in READABLE]


class OpenLogs(Action[Front]):
    """The logs of everything in it, live: of an app, a cron job, a run, a pod, or all marked rows.

    Of a cron job right after run now, those of that run.
    """

    id, title, keys, group, footer = "logs", "logs", ("l",), "Looking", 12

    def enabled(self, front: Front) -> bool:
        """Whether there is something that has logs."""
        return front.logs is None and super().enabled(front) and bool(readable(front))

    def run(self, front: Front) -> None:
        """Open them."""
        refs = readable(front)
        if len(refs) == 1 and refs[0].kind == "CronJob":
            refs = [front.run_begun(refs[0]) or refs[0]]
        if refs:
            front.open(Place("logs", about=refs[0], others=tuple(refs[1:])))


class _InLogs(Action[Front]):
    group = GROUP
    views = LOGS

    def run(self, front: Front) -> None:
        if front.logs is not None:
            self.do(front.logs, front)

    def do(self, logs: LogControls, front: Front) -> None:
        raise NotImplementedError


class Follow(_InLogs):
    """Stop following what comes, or go on with it; scrolling up stops it too."""

    id, title, keys, footer = "log-follow", "follow", ("s", "space"), 13

    def do(self, logs: LogControls, front: Front) -> None:
        """Toggle it."""
        logs.toggle_follow()


class Find(_InLogs):
    """Find a text or a /regular expression/ in the lines that are shown; n and N go on."""

    id, title, keys, footer = "log-find", "find", ("slash",), 14

    def do(self, logs: LogControls, front: Front) -> None:
        """Open the prompt."""
        front.ask_filter()


class FilterLogs(_InLogs):
    """Show only lines with a text, /re/, !not or @pod; several with & between them."""

    id, title, keys, footer = "log-filter", "filter", ("f", "ampersand"), 15

    def do(self, logs: LogControls, front: Front) -> None:
        """Open the prompt."""
        logs.ask_log_filter()


class MinimumLevel(_InLogs):
    """Show all lines, or only info, warnings or errors and what is graver."""

    id, title, keys, footer = "log-level", "level", ("L",), 16

    def do(self, logs: LogControls, front: Front) -> None:
        """Take the next."""
        logs.next_level()


class NextError(_InLogs):
    """Go to the next error."""

    id, title, keys = "log-next-error", "Next error", ("e",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Go there."""
        logs.go_to_error(1)


class PreviousError(_InLogs):
    """Go to the error before."""

    id, title, keys, footer = "log-previous-error", "error", ("E",), 17

    def do(self, logs: LogControls, front: Front) -> None:
        """Go there."""
        logs.go_to_error(-1)


class ContextLines(_InLogs):
    """Show no, two, five or ten lines around each line that the filter finds."""

    id, title, keys = "log-context", "Context lines", ("C",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Take the next."""
        logs.next_context()


class Wrap(_InLogs):
    """Break long lines, or cut them off at the edge."""

    id, title, keys, footer = "log-wrap", "wrap", ("w",), 18

    def do(self, logs: LogControls, front: Front) -> None:
        """Toggle it."""
        logs.toggle_wrap()


class Times(_InLogs):
    """Show local times, UTC, how long ago, or no times."""

    id, title, keys, footer = "log-times", "times", ("t",), 19

    def do(self, logs: LogControls, front: Front) -> None:
        """Take the next."""
        logs.next_times()


class Json(_InLogs):
    """Show JSON lines as they are, as message and fields, or indented."""

    id, title, keys = "log-json", "JSON", ("J",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Take the next."""
        logs.next_json()


class Expand(_InLogs):
    """Show the line under the cursor in full, JSON indented; once more, as the others."""

    id, title, keys = "log-expand", "Line in full", ("enter",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Toggle it."""
        logs.toggle_expanded()


class Previous(_InLogs):
    """The containers' run before the present one, as after a crash; once more, the present one."""

    id, title, keys, footer = "log-previous", "previous run", ("p",), 23

    def do(self, logs: LogControls, front: Front) -> None:
        """Read it."""
        logs.toggle_previous()


class MarkLine(_InLogs):
    """Mark the line, or take its mark away."""

    id, title, keys, footer = "log-mark", "mark", ("m",), 24

    def do(self, logs: LogControls, front: Front) -> None:
        """Toggle the mark."""
        logs.toggle_log_mark()


class NextMark(_InLogs):
    """Go to the next marked line."""

    id, title, keys = "log-next-mark", "Next mark", ("apostrophe",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Go there."""
        logs.go_to_mark(1)


class PreviousMark(_InLogs):
    """Go to the marked line before."""

    id, title, keys = "log-previous-mark", "Previous mark", ("quotation_mark",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Go there."""
        logs.go_to_mark(-1)


class GoToTime(_InLogs):
    """Go to a time: 14:05, 10m (ago), 2026-11-24T09:41; what is not loaded is read."""

    id, title, keys = "log-moment", "Go to time", ("T",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Open the prompt."""
        logs.ask_moment()


class CopyLine(_InLogs):
    """Copy the line under the cursor to the clipboard, through the terminal."""

    id, title, keys, footer = "log-copy", "copy", ("c",), 25

    def do(self, logs: LogControls, front: Front) -> None:
        """Copy it."""
        text = logs.copied_line()
        if text:
            front.copy(text)
            front.say("Copied the line.")


class _Saves(_InLogs):
    def refusal(self, front: Front) -> str:
        """Refuse it where no files are written."""
        return no_files(front, "Not saved")


class Save(_Saves):
    """Save the lines that are shown to a file."""

    id, title, keys, footer = "log-save", "save", ("ctrl+s",), 26

    def do(self, logs: LogControls, front: Front) -> None:
        """Open the prompt."""
        logs.ask_save(False)


class SaveAll(_Saves):
    """Save everything that was read to a file, whatever the filter."""

    id, title, keys = "log-save-all", "Save all", ("S",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Open the prompt."""
        logs.ask_save(True)


class ScrollLeft(_InLogs):
    """Scroll long lines back."""

    id, title, keys = "log-left", "Left", ("left",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Scroll."""
        logs.scroll_sideways(-1)


class ScrollRight(_InLogs):
    """Scroll long lines on."""

    id, title, keys = "log-right", "Right", ("right",)

    def do(self, logs: LogControls, front: Front) -> None:
        """Scroll."""
        logs.scroll_sideways(1)


RANGES: Final = ("tail", "head", "1m", "5m", "15m", "30m", "1h", "all")
"""Parts of the logs by the number of their key."""

_RANGE_WORDS: Final = {
    "tail": "The last lines of each container, and what comes.",
    "head": "The first lines of each container.",
    "all": "Everything that the nodes still have, and what comes.",
}


def _range(number: int, name: str) -> type[Action[Front]]:
    def do(self: Action[Front], logs: LogControls, front: Front) -> None:
        logs.use_range(number)

    run: Callable[[Action[Front], LogControls, Front], None] = do
    words = _RANGE_WORDS.get(name, f"The last {name}, and what comes.")
    return type(
        f"Range{name.capitalize()}",
        (_InLogs,),
        {
            "__doc__": words,
            "id": f"log-{name}",
            "title": name.capitalize() if number in (0, 1, 7) else f"Last {name}",
            "keys": (str(number),),
            "do": run,
        },
    )


ACTIONS: Final[tuple[type[Action[Front]], ...]] = (
    OpenLogs,
    Follow,
    Find,
    FilterLogs,
    MinimumLevel,
    NextError,
    PreviousError,
    ContextLines,
    Wrap,
    Times,
    Json,
    Expand,
    Previous,
    *(_range(number, name) for number, name in enumerate(RANGES)),
    GoToTime,
    MarkLine,
    NextMark,
    PreviousMark,
    CopyLine,
    Save,
    SaveAll,
    ScrollLeft,
    ScrollRight,
)
