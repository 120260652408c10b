"""Logs: of everything in an app, a cron job, a run, a pod, or in several of them."""

import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zlib import crc32

from textual import work
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.rows import Diff
from leviathan_tui.backend.logs import stamps, text
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.query import QueryError, parse_term
from leviathan_tui.backend.logs.reader import Reader
from leviathan_tui.backend.logs.ring import Ring
from leviathan_tui.backend.logs.saving import file_name, save
from leviathan_tui.backend.logs.sources import TAIL, LogRange
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.base import BaseScreen
from leviathan_tui.screens.log_words import note_of, state_of, title_of
from leviathan_tui.widgets.log_lines import COLOURS, JsonView, Times
from leviathan_tui.widgets.log_view import LogView
from leviathan_tui.widgets.prompt import Prompt

TICK: Final = 0.12
"""Seconds between two drawings of what comes."""

SAID: Final = 4.0
"""Seconds for which a line that was said stays."""

LEVELS: Final = (Level.NONE, Level.INFO, Level.WARN, Level.ERROR)
CONTEXTS: Final = (0, 2, 5, 10)

HEAD: Final = 1_000
"""Lines of each container's beginning."""

SECONDS: Final = {2: 60, 3: 300, 4: 900, 5: 1800, 6: 3600}
"""Of the ranges under the keys 2 to 6."""

_TIMES: Final = "14:05, 14:05:30, 10m, 2026-11-24T09:41"


class Arrived(Message):
    """There are new lines."""


class LogsScreen(BaseScreen):
    """See the module's docstring. Implements `actions.ports.LogControls`."""

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__(place, session)
        refs = [ref for ref in (place.about, *place.others) if ref is not None]
        self._reader = Reader(
            session.cluster.store,
            session.logs,
            refs,
            lambda: self.post_message(Arrived()),
            lines=session.config.log_lines,
            spill=session.config.log_spill,
        )
        self._reader.look_through(place.filter, Level.NONE, 0)
        self._wants_error = self._reader.selection.is_failing()
        self._wants_moment: float | None = None
        """The time to go to as soon as what was asked for from there on is read."""
        self._any_pods = False
        self._asking = ""
        """What is being asked for in the prompt."""
        self._unsubscribe: Callable[[], None] | None = None
        self._due: Timer | None = None
        self._saying: Timer | None = None
        self._drawn = 0.0
        self.view = LogView(
            self._reader.ring, self._reader.lens, clock=session.clock, id="logs-view"
        )
        memory = session.memory
        self.view.wrap = memory.get("logs.wrap") == "yes"
        self.view.times = Times(memory.get("logs.times", Times.LOCAL.value))
        self.view.json = JsonView(memory.get("logs.json", JsonView.RAW.value))

    # Life

    def body(self) -> Iterable[Widget]:
        """Return the lines."""
        yield self.view

    def on_mount(self) -> None:
        """Begin to follow."""
        self.view.focus()
        store = self.session.cluster.store
        self._unsubscribe = store.subscribe("pods", self._pods_changed)
        self._begun(self._reader.begin())

    def on_unmount(self) -> None:
        """End all streams."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._reader.end()

    def _begun(self, any_pods: bool) -> None:
        self._any_pods = any_pods
        self._wants_moment = None
        self.view.show(self._reader.ring, self._reader.lens)
        self._arrived()

    def _pods_changed(self, diff: Diff) -> None:
        if self._reader.pods_changed(diff):
            self._any_pods = True
            self._soon()

    def on_arrived(self) -> None:
        """Draw what has come, now or a little later."""
        wait = self._drawn + TICK - time.monotonic()
        if wait <= 0:
            self._arrived()
        else:
            self._soon(wait)

    def _soon(self, seconds: float = TICK) -> None:
        if self._due is None and self.is_mounted:
            self._due = self.set_timer(seconds, self._arrived)

    def _arrived(self) -> None:
        if self._due is not None:
            self._due.stop()
            self._due = None
        reader, progress = self._reader, self._reader.progress
        settled = progress.settled
        if reader.name_sources():
            self.view.name_sources(reader.names, self._colours())
        more = reader.advance()
        if self._wants_error and settled and not more:
            self._wants_error = False
            last = reader.last_error()
            if last is not None:
                self.view.go_to(last, middle=True)
        if self._wants_moment is not None and settled and not more:
            found, self._wants_moment = reader.nearest(self._wants_moment), None
            if found is not None:
                self.view.go_to(found, middle=True)
        self._tell()
        self.view.arrived()
        self._drawn = time.monotonic()
        if more:
            self._soon(0.001)
        elif not settled:
            self._soon()

    def _colours(self) -> dict[int, int]:
        """Return the sources' colours: a pod's is the same each time, unless another has it here."""
        colours: dict[int, int] = {}
        by_pod: dict[str, int] = {}
        for source in self._reader.sources:
            if source.pod not in by_pod:
                wanted = crc32(source.pod.encode()) % COLOURS
                taken = set(by_pod.values())
                others = ((wanted + step) % COLOURS for step in range(COLOURS))
                by_pod[source.pod] = next((one for one in others if one not in taken), wanted)
            colours[source.index] = by_pod[source.pod]
        return colours

    # What is said

    def _tell(self) -> None:
        """Bring the title up to date."""
        self.view.note = note_of(self._reader, self._any_pods)
        self.view.title = title_of(self.place, self._reader, self.view.cursor)
        self.view.aside = state_of(self._reader, self.view)

    def on_log_view_paused(self) -> None:
        """Say so in the title."""
        self._tell()
        self.view.repaint()

    def tick(self) -> None:
        """Draw what the clock changed."""
        super().tick()
        self._tell()
        self.view.repaint()

    def _say(self, words: str, tone: str = "plain") -> None:
        """Show a line in the footer for a moment; an empty one brings the keys back."""
        if self._saying is not None:
            self._saying.stop()
        self.footer.say(words, tone)
        # The app says things here too: what it said since is not taken away.
        self._saying = self.set_timer(SAID, lambda: self.footer.unsay(words)) if words else None

    # What is typed

    def edit_filter(self) -> None:
        """Let the user type what to find."""
        self._ask("find", self._reader.needle, "find: text or /re/")

    def ask_log_filter(self) -> None:
        """Let the user type what lines must have."""
        words = "filter: text, /re/, !not, @pod; several with & between them"
        self._ask("filter", self._reader.filter, words)

    def ask_moment(self) -> None:
        """Let the user type a time."""
        self._ask("moment", "", f"time: {_TIMES}")

    def ask_save(self, everything: bool) -> None:
        """Let the user name a file."""
        about = self.place.about
        now = datetime.fromtimestamp(self.session.clock()).astimezone()
        name = file_name("logs" if about is None else about.name, f"{now:%Y%m%d-%H%M%S}")
        self._ask("save-all" if everything else "save", name, "file")

    def _ask(self, what: str, typed: str, placeholder: str) -> None:
        self._asking = what
        self.open_prompt(typed, placeholder)

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Find or filter as the user types."""
        if self._asking == "find":
            self._find(message.text)
        elif self._asking == "filter":
            self._look_through(message.text)

    def on_prompt_closed(self, message: Prompt.Closed) -> None:
        """Do what was asked for, or take it back."""
        typed = message.text
        asking, self._asking = self._asking, ""
        self.close_prompt()
        self.view.focus()
        match asking:
            case "find" if typed != self._reader.needle:
                self._find(typed)
            case "filter" if typed != self._reader.filter:
                self._look_through(typed)
            case "moment" if typed:
                self._go_to_moment(typed)
            case "save" | "save-all" if typed:
                self._save(Path(typed).expanduser(), asking == "save-all")

    def _look_through(
        self, typed: str, level: Level | None = None, context: int | None = None
    ) -> None:
        reader = self._reader
        try:
            reader.look_through(
                typed,
                reader.level if level is None else level,
                reader.context if context is None else context,
            )
        except QueryError as error:
            self._say(str(error), "warn")
            return
        self.view.show(reader.ring, reader.lens)
        self._arrived()

    def _find(self, typed: str) -> None:
        reader = self._reader
        try:
            reader.look_for(typed)
        except QueryError as error:
            self._say(str(error), "warn")
            return
        self.view.find(parse_term(reader.needle) if reader.needle else None)
        self.next_hit(0)

    def next_hit(self, step: int) -> None:
        """Go to the next or previous hit, or the nearest."""
        here = self.view.cursor
        found = self._reader.hit(here, step)
        if found is not None:
            self.view.go_to(found, middle=True)
            if (found - here) * step < 0:
                first = "first" if step > 0 else "last"
                self._say(f"There are no more; from the {first} on.")
        elif step and not self._reader.needle:
            self._say("Nothing is being looked for; / begins.")
        self._arrived()

    def here(self) -> Place:
        """Return the place with its filter."""
        place = self.place
        return Place(place.view, place.about, filter=self._reader.filter, others=place.others)

    def narrow_back(self) -> bool:
        """Take back what is looked for, then the filter, then the level."""
        reader = self._reader
        if reader.needle:
            self._find("")
        elif reader.filter:
            self._look_through("")
        elif reader.level:
            self._look_through("", Level.NONE)
        else:
            return False
        return True

    # What the actions do

    @property
    def logs(self) -> "LogsScreen":
        """The logs of this screen."""
        return self

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """Move the cursor."""
        self.view.scroll_text(step, pages=pages, end=end)

    def toggle_follow(self) -> None:
        """Stop following, or go on."""
        self.view.follow(not self.view.following)

    def toggle_wrap(self) -> None:
        """Break long lines, or cut them off."""
        self.view.wrap = not self.view.wrap
        self.session.memory["logs.wrap"] = "yes" if self.view.wrap else "no"
        self.view.changed_look()

    def next_times(self) -> None:
        """Show times in the next way."""
        ways = list(Times)
        self.view.times = ways[(ways.index(self.view.times) + 1) % len(ways)]
        self.session.memory["logs.times"] = self.view.times.value
        self._say(f"Times: {self.view.times.value}")
        self.view.changed_look()

    def next_json(self) -> None:
        """Show JSON lines in the next way."""
        ways = list(JsonView)
        self.view.json = ways[(ways.index(self.view.json) + 1) % len(ways)]
        self.session.memory["logs.json"] = self.view.json.value
        self._say(f"JSON lines: {self.view.json.value}")
        self.view.changed_look()

    def next_level(self) -> None:
        """Show only graver lines, or all again."""
        level = LEVELS[(LEVELS.index(self._reader.level) + 1) % len(LEVELS)]
        self._look_through(self._reader.filter, level)

    def next_context(self) -> None:
        """Show more lines around each that the filter finds."""
        context = CONTEXTS[(CONTEXTS.index(self._reader.context) + 1) % len(CONTEXTS)]
        self._say(f"{context or 'No'} lines around each line that the filter finds")
        self._look_through(self._reader.filter, context=context)

    def toggle_previous(self) -> None:
        """Read the run before the present one, or the present one."""
        reader = self._reader
        now = reader.opening_range if reader.log_range.previous else LogRange(previous=True)
        self._begun(reader.read_anew(now))

    def use_range(self, number: int) -> None:
        """Read another part of the logs."""
        reader = self._reader
        if number == 0:
            log_range = LogRange(
                tail=reader.opening_range.tail or TAIL, previous=reader.log_range.previous
            )
        elif number == 1:
            log_range = LogRange(head=HEAD, previous=reader.log_range.previous)
        else:
            log_range = LogRange(seconds=SECONDS.get(number, 0), previous=reader.log_range.previous)
        self._begun(reader.read_anew(log_range))

    def toggle_log_mark(self) -> None:
        """Mark the line under the cursor."""
        self.view.toggle_mark()

    def go_to_mark(self, step: int) -> None:
        """Go to the next or previous marked line."""
        found = self.view.marked(step)
        if found is None:
            self._say("No marked line there; m marks one.")
        else:
            self.view.go_to(found, middle=True)

    def go_to_error(self, step: int) -> None:
        """Go to the next or previous error; while following, to the last."""
        here = self.view.cursor + (1 if self.view.following else 0)
        found = self._reader.error(here, step)
        if found is None:
            self._say("No error there.")
        else:
            self.view.go_to(found, middle=True)

    def _go_to_moment(self, typed: str) -> None:
        moment = stamps.moment(typed, self.session.clock())
        if moment is None:
            self._say(f"That is no time: {_TIMES} are.", "warn")
            return
        ring = self._reader.ring
        found = self._reader.at_moment(moment)
        if found is not None:
            self.view.go_to(found, middle=True)
        elif ring is not self._reader.ring:
            self._say("Reading from that time on …")
            self._begun(True)
            self._wants_moment = moment

    def copied_line(self) -> str:
        """Return the text of the line under the cursor."""
        line = self._reader.ring.line(self.view.cursor)
        return "" if line is None else text.plain(line.text)

    def _save(self, path: Path, everything: bool) -> None:
        # Which lines, is told now: while they are written, others come and the oldest go.
        ring, lens = self._reader.ring, self._reader.lens
        numbers: Sequence[int] = range(ring.first, ring.end)
        if not everything:
            numbers = array("Q", (lens[position] for position in range(len(lens))))
        self._write(path, ring, numbers, dict(self._reader.names))

    @work(thread=True, exit_on_error=False)
    def _write(self, path: Path, ring: Ring, numbers: Sequence[int], names: dict[int, str]) -> None:
        try:
            count = save(path, ring, numbers, names)
        except OSError as error:
            words, tone = f"Not saved: {error.strerror or error}: {path}", "bad"
        else:
            words, tone = f"Saved {count:,} lines to {path}", "good"
            if count < len(numbers):
                words, tone = f"{words}; {len(numbers) - count:,} were gone by then", "warn"
        self.app.call_from_thread(self._say, words, tone)

    def toggle_expanded(self) -> None:
        """Show the line under the cursor in full."""
        self.view.toggle_expanded()

    def scroll_sideways(self, step: int) -> None:
        """Scroll long lines."""
        self.view.scroll_sideways(step)

    def refresh_data(self) -> None:
        """Try again at once whatever waits."""
        self._reader.follower.retry_now()
