"""Schedule: all cron jobs on one line of time, with what ran, what was missed, and what overlaps."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Final

from textual import work
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget

from leviathan_tui.actions.places import Place
from leviathan_tui.actions.ports import TimelineControls
from leviathan_tui.backend.fleet.prose import Prose, clock, field, heading, line
from leviathan_tui.backend.fleet.rows import CronRow, Diff
from leviathan_tui.backend.fleet.timeline import MINUTE, Planned, Timeline, Track, build, gather
from leviathan_tui.backend.schedules.minutes import positions
from leviathan_tui.backend.session import Session
from leviathan_tui.screens import cells
from leviathan_tui.screens.crons import CronsScreen, next_column
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.lines import Line, LineWidget
from leviathan_tui.widgets.text import fit, plural, span
from leviathan_tui.widgets.timeline import (
    DAY,
    LEGEND,
    Ruler,
    load_line,
    ruler_at,
    times_over,
    track_line,
)

SPANS: Final = ((DAY, "24 hours"), (7 * DAY, "7 days"))
"""How many minutes the line shows at least, and how that is called."""

GATHER: Final = 0.5
"""Seconds for which changes gather before the line is computed anew."""

NAMES: Final = 6
"""Cron jobs that are named as starting together with another."""

_LINE: Final = "line"

_OVERLAPPING: Final = {
    "Forbid": "only the newest of those due meanwhile starts, right after that has ended",
    "Replace": "each ends the run before it",
}


class Load(LineWidget):
    """Above the table: how many run at once, the busiest minutes, and what the signs mean."""

    DEFAULT_CSS = """
    Load { height: 3; width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__(id="load")
        self.lines: list[Line] = []

    def line(self, y: int, width: int) -> Line:
        """Draw one of the lines."""
        return self.lines[y] if y < len(self.lines) else ()


class ScheduleScreen(CronsScreen):
    """The time line. Implements `actions.ports.TimelineControls`.

    Its window moves with the clock, and a third of it is past.
    """

    NAME: ClassVar[str] = "Schedule"
    ROWS: ClassVar[str] = "cron jobs"
    KINDS: ClassVar[tuple[str, ...]] = ("CronJob", "Job")

    DEFAULT_CSS = """
    ScheduleScreen Vertical { height: 1fr; }
    ScheduleScreen Detail { width: 42; }
    """

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__(place, session)
        self._load = Load()
        self._span = 0
        self._shift = 0
        """Cells by which the window was moved from where the clock has it."""
        self._ruler = Ruler(0, 1, 0)
        self._timeline: Timeline | None = None
        self._built_at = 0.0
        self._tracks: dict[str, Line] = {}
        self._soon: Timer | None = None

    @property
    def timeline(self) -> TimelineControls:
        """This is one."""
        return self

    def columns(self) -> tuple[Column, ...]:
        """Return the name, the next run, and the line with the rest of the room."""
        return (
            cells.name_column(14, 36),
            cells.NAMESPACE,
            next_column(yields=1),
            Column(
                _LINE,
                "",
                lambda row, now: "",
                lambda row: row.next_run or float("inf"),
                24,
                draw=self._draw,
                heading=self._heading,
                fills=True,
            ),
        )

    def body(self) -> Iterable[Widget]:
        """Return the load above the list."""
        yield Vertical(self._load, *super().body())

    # What the actions do

    def next_span(self) -> None:
        """Show a day, or a week."""
        self._span = (self._span + 1) % len(SPANS)
        self._shift = 0
        self._rebuild()

    def pan(self, step: int) -> None:
        """Move by a quarter of the line, into the past or the future."""
        self._shift += step * max(1, self._ruler.width // 4)
        self._rebuild()

    def narrow_back(self) -> bool:
        """Take back marks or filter, then go back to now."""
        if super().narrow_back():
            return True
        if self._shift:
            self._shift = 0
            self._rebuild()
            return True
        return False

    # Keeping it true

    def reload(self) -> None:
        """Fill the table anew, and the line."""
        super().reload()
        self._rebuild_soon()

    def _changed(self, diff: Diff) -> None:
        super()._changed(diff)
        self._rebuild_soon()

    def tick(self) -> None:
        """Move on with the clock."""
        super().tick()
        if self.session.clock() // MINUTE != self._built_at // MINUTE:
            self._rebuild()

    def on_resize(self) -> None:
        """Fit the line into its new width."""
        super().on_resize()
        self.call_after_refresh(self._rebuild)

    def _rebuild_soon(self) -> None:
        if self._soon is None:
            self._soon = self.set_timer(GATHER, self._rebuild)

    def _rebuild(self) -> None:
        if self._soon is not None:
            self._soon.stop()
            self._soon = None
        width = self._table.place_of(_LINE)[1]
        if not width:
            return
        now = self.session.clock()
        at = ruler_at(now, SPANS[self._span][0], width)
        ruler = at._replace(start=at.start + self._shift * at.step * MINUTE)
        self._built_at = now
        planned = gather(self.session.cluster.store, self._table.model.rows, now)
        self._compute(ruler, planned, now)

    @work(group="timeline", exclusive=True, exit_on_error=False)
    async def _compute(self, ruler: Ruler, planned: list[Planned], now: float) -> None:
        # A thousand schedules take a tenth of a second, which the keys must not wait for.
        self._timeline = await asyncio.to_thread(build, ruler.window, planned, now)
        self._ruler = ruler
        self._tracks.clear()
        self._load.lines = self._above(self._timeline)
        self._load.repaint()
        self._table.repaint()
        self._show_detail()

    # Drawing

    def _heading(self, width: int) -> str:
        if self._ruler.width != width:
            return ""
        return times_over(self._ruler, self.session.clock())

    def _draw(self, row: CronRow, width: int) -> Line:
        drawn = self._tracks.get(row.uid)
        if drawn is None:
            track = self._track_of(row)
            if track is None or self._ruler.width != width:
                return ((" " * width, "plain"),)
            drawn = self._tracks[row.uid] = track_line(track, self._ruler, self._built_at)
        return drawn

    def _track_of(self, row: CronRow) -> Track | None:
        return None if self._timeline is None else self._timeline.tracks.get(row.uid)

    def _above(self, timeline: Timeline) -> list[Line]:
        left = self._table.place_of(_LINE)[0]
        minute, most = timeline.most
        words = (
            f"    at most {most} at once, {self._time(minute)}" if most else "    nothing is due"
        )
        return [
            (
                (fit(words, left - 1) + " ", "dim"),
                *load_line(timeline, self._ruler, self._built_at),
            ),
            self._words(timeline),
            (("    ", "dim"), *LEGEND),
        ]

    def _words(self, timeline: Timeline) -> Line:
        tracks = timeline.tracks.values()
        missed = sum(track.missed.bit_count() for track in tracks)
        overlapping = sum(bool(track.overlaps) for track in tracks)
        busiest = ", ".join(f"{self._time(minute)} ×{count}" for minute, count in timeline.busiest)
        zone = datetime.fromtimestamp(self._built_at).astimezone().tzname() or "local time"
        words: list[tuple[str, str]] = [
            ("    ", "dim"),
            (f"{SPANS[self._span][1]}, {zone}", "strong"),
        ]
        if missed:
            words += [("  ", "dim"), (f"{plural(missed, 'run')} missed", "bad")]
        if overlapping:
            verb = "overlaps itself" if overlapping == 1 else "overlap themselves"
            words += [("  ", "dim"), (f"{plural(overlapping, 'cron job')} {verb}", "warn")]
        words.append((f"  busiest {busiest}" if busiest else "  no two start together", "dim"))
        return tuple(words)

    def _time(self, minute: int) -> str:
        moment = datetime.fromtimestamp(self._ruler.start + minute * MINUTE).astimezone()
        return f"{moment:%H:%M}" if self._span == 0 else f"{moment:%a %H:%M}"

    # The pane

    def summary_of(self, row: CronRow) -> Prose:
        """Return what the line shows of a cron job, in words, and what the list says of it."""
        prose = super().summary_of(row)
        track = self._track_of(row)
        if track is None or self._timeline is None:
            return prose
        told = heading("On the time line")
        if track.measured:
            runs = plural(track.measured, "run")
            told.append(field("Takes", f"{span(track.typical)}, the median of {runs}"))
        else:
            told.append(field("Takes", "not seen yet"))
        told.append(field("Due", f"{plural(track.due.bit_count(), 'time')} in what is shown"))
        if track.missed:
            start = self._ruler.start
            times = [clock(start + minute * MINUTE) for minute in positions(track.missed)[-NAMES:]]
            told.append(line("Missed: " + ", ".join(times), "bad"))
        if track.overlaps:
            count = plural(track.overlaps.bit_count(), "run overlaps", "runs overlap")
            effect = _OVERLAPPING.get(row.concurrency, "both run, for it allows two at once")
            told.append(line(f"{count} the run before: {effect}.", "warn"))
        others = [uid for uid in self._timeline.together(row.next_run) if uid != row.uid]
        if row.next_run and others:
            rows = self._table.model.rows
            names = sorted(rows[uid].name for uid in others if uid in rows)
            more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
            told.append(field("Next with", ", ".join(names[:NAMES]) + more))
        return [*prose, *told]
