"""Logs on the screen: the lines of a lens, from the newest or wherever the reader is.

The reader's place is a line's number, so that it stays the same line whatever comes or goes.
"""

import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.message import Message

from leviathan_tui.backend.logs.lens import Lens
from leviathan_tui.backend.logs.query import Term
from leviathan_tui.backend.logs.ring import Line as LogLine
from leviathan_tui.backend.logs.ring import Ring, note_source
from leviathan_tui.widgets.lines import Line, LineWidget, Span, title_line
from leviathan_tui.widgets.log_bar import bar
from leviathan_tui.widgets.log_layout import (
    Row,
    next_row,
    rows_from_end,
    rows_from_top,
    top_for,
)
from leviathan_tui.widgets.log_lines import (
    COLOURS,
    TIME_WIDTH,
    JsonView,
    Times,
    body_of,
    highlight,
    pattern_of,
    sgr_style,
    shifted,
    time_text,
    wrapped,
)
from leviathan_tui.widgets.text import apart, fit, width_of

BAR_EVERY: Final = 0.5
"""Seconds between two looks at the whole ring for the bar."""

SIDEWAYS: Final = 16
"""Cells by which long lines are scrolled."""

_CACHED: Final = 4_000
_NAME_WIDTH: Final = 28


class LogView(LineWidget, can_focus=True):
    """See the module's docstring. The screen fills it with `show` and calls `arrived`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--pod{number}" for number in range(COLOURS)}

    DEFAULT_CSS = """
    LogView { height: 1fr; width: 1fr; }
    LogView .line--pod0 { color: #5fafff; }
    LogView .line--pod1 { color: #d787d7; }
    LogView .line--pod2 { color: #87d787; }
    LogView .line--pod3 { color: #d7af87; }
    LogView .line--pod4 { color: #5fd7d7; }
    LogView .line--pod5 { color: #af87ff; }
    LogView .line--pod6 { color: #d7d75f; }
    LogView .line--pod7 { color: #ff87af; }
    LogView:light .line--pod0 { color: #005faf; }
    LogView:light .line--pod1 { color: #870087; }
    LogView:light .line--pod2 { color: #005f00; }
    LogView:light .line--pod3 { color: #875f00; }
    LogView:light .line--pod4 { color: #005f5f; }
    LogView:light .line--pod5 { color: #5f00af; }
    LogView:light .line--pod6 { color: #5f5f00; }
    LogView:light .line--pod7 { color: #af005f; }
    """

    class Paused(Message):
        """The reader began or ended to follow what comes."""

    def __init__(
        self,
        ring: Ring,
        lens: Lens,
        *,
        clock: Callable[[], float] = time.time,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._ring = ring
        self._lens = lens
        self._clock = clock
        self.title = ""
        self.aside = ""
        """What stands at the right end of the title line."""
        self.note = ""
        """What stands in place of lines where there are none."""
        self.wrap = False
        self.times = Times.LOCAL
        self.json = JsonView.RAW
        self.following = True
        self.marks: set[int] = set()
        self._expanded: set[int] = set()
        self._names: Mapping[int, str] = {}
        self._colours: Mapping[int, int] = {}
        self._name_width = 0
        self._found: Term | None = None
        self._pattern = pattern_of(None)
        self._shift = 0
        self._cursor = -1
        self._top: Row = (0, 0)
        self._rows: list[Row] = []
        self._seen = 0
        """The end of the lens when the reader stopped following."""
        self._bodies: dict[int, list[list[Span]]] = {}
        self._bar: list[Span] = []
        self._bar_at = 0.0

    # What is shown

    def show(self, ring: Ring, lens: Lens) -> None:
        """Show another lens; the reader stays at the same line where it can be."""
        if ring is not self._ring:
            self._bodies.clear()
            self.marks.clear()
            self._expanded.clear()
            self.following, self._cursor, self._top = True, -1, (0, 0)
        self._ring, self._lens = ring, lens
        self.arrived()

    def name_sources(self, names: Mapping[int, str], colours: Mapping[int, int]) -> None:
        """Give the sources their short names and colours, by index."""
        self._colours = colours
        widest = max((width_of(name) for name in names.values()), default=0)
        self._name_width = min(widest, _NAME_WIDTH)
        shown = apart(frozenset(names.values()), self._name_width)
        self._names = {source: shown[name] for source, name in names.items()}
        self.changed_look()

    def changed_look(self) -> None:
        """Draw every line anew: wrapping, times, names or JSON are shown in another way."""
        self._bodies.clear()
        self.arrived()

    def find(self, term: Term | None) -> None:
        """Highlight what a term finds."""
        self._found, self._pattern = term, pattern_of(term)
        self.changed_look()

    def arrived(self) -> None:
        """Lines came or went: draw what is different now."""
        self._layout()
        self.repaint()

    @property
    def cursor(self) -> int:
        """The number of the line under the cursor; -1 where there is none."""
        if self.following or self._cursor < 0:
            return self._lens[-1 + len(self._lens)] if len(self._lens) else -1
        return self._cursor

    @property
    def waiting(self) -> int:
        """How many lines came since the reader stopped following."""
        if self.following:
            return 0
        return max(0, len(self._lens) - self._lens.index(self._seen))

    @property
    def room(self) -> int:
        """How many rows there are for lines."""
        return max(1, self.size.height - 1)

    # Moving

    def follow(self, follows: bool) -> None:
        """Follow what comes, or stay."""
        if follows == self.following:
            return
        if not follows:
            self._cursor = self.cursor
            self._top = self._rows[0] if self._rows else (self._ring.first, 0)
            self._seen = self._ring.end
        self.following = follows
        self.arrived()
        self.post_message(self.Paused())

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """Move the cursor by lines or pages, or to one of the ends; up ends following."""
        count = len(self._lens)
        if not count:
            return
        if end and step > 0:
            self.follow(True)
            return
        if self.following:
            if step > 0:
                return
            self.follow(False)
        if end:
            self.go_to(self._lens[0])
            return
        position = self._lens.index(self._cursor)
        if step > 0 and position >= count - 1 and not self._rows_below(self._cursor):
            self.follow(True)
            return
        if abs(step) == 1 and not pages and self._scroll_inside(step):
            return
        if pages:
            shown = len({number for number, _ in self._rows})
            step *= max(1, shown - 1)
        self.go_to(self._lens[min(max(0, position + step), count - 1)])

    def _rows_below(self, number: int) -> bool:
        """Whether a line has rows below the screen's end."""
        if not self._rows or self._rows[-1][0] != number:
            return False
        return self._rows[-1][1] < self._height(number) - 1

    def _scroll_inside(self, step: int) -> bool:
        """Scroll by a row within the line under the cursor, where it goes on beyond the screen."""
        if not self._rows:
            return False
        if step > 0 and self._rows_below(self._cursor):
            self._top = next_row(self._lens, self._height, self._top)
        elif step < 0 and self._rows[0][0] == self._cursor and self._rows[0][1] > 0:
            self._top = (self._cursor, self._rows[0][1] - 1)
        else:
            return False
        self.arrived()
        return True

    def go_to(self, number: int, *, middle: bool = False) -> None:
        """Put the cursor on a line, which ends following; in the middle where it was not in sight."""
        if self.following:
            self.follow(False)
        self._cursor = number
        shown = {shown for shown, _ in self._rows}
        whole = (number, 0) in self._rows and (number, self._height(number) - 1) in self._rows
        if not whole:
            if number in shown or not middle:
                above = bool(self._rows) and number <= self._rows[0][0]
                self._top = (
                    (number, 0) if above else top_for(self._lens, self._height, self.room, number)
                )
            else:
                self._top = top_for(self._lens, self._height, self.room // 2, number)
        self.arrived()

    def scroll_sideways(self, step: int) -> None:
        """Scroll long lines."""
        self._shift = max(0, self._shift + step * SIDEWAYS)
        self.arrived()

    def toggle_mark(self) -> None:
        """Mark the line under the cursor, or take its mark away."""
        number = self.cursor
        if number >= 0:
            self.marks ^= {number}
            self.repaint()

    def marked(self, step: int) -> int | None:
        """Return the next or previous marked line that is still there; None where there is none."""
        here = self.cursor
        marks = sorted(mark for mark in self.marks if mark >= self._ring.first)
        found = [mark for mark in marks if (mark > here if step > 0 else mark < here)]
        if not found:
            return None
        return found[0] if step > 0 else found[-1]

    def toggle_expanded(self) -> None:
        """Show the line under the cursor in full, or as the others again."""
        number = self.cursor
        if number >= 0:
            self.follow(False)
            self._expanded ^= {number}
            self._bodies.pop(number, None)
            self.go_to(number)

    # Layout

    def _layout(self) -> None:
        """Work out which rows are on the screen."""
        if not self.size.height:
            return
        if self.following:
            self._rows = rows_from_end(self._lens, self._height, self.room)
        else:
            self._rows = self._from_top()

    def _from_top(self) -> list[Row]:
        first = self._lens[0] if len(self._lens) else 0
        if self._top[0] < first:
            # What was read has gone: the place moves to what is left.
            self._top = (first, 0)
        self._cursor = max(self._cursor, first)
        rows = rows_from_top(self._lens, self._height, self.room, self._top)
        if len(rows) < self.room:
            return rows_from_end(self._lens, self._height, self.room)
        return rows

    def _height(self, number: int) -> int:
        return len(self._body(number))

    @property
    def _text_width(self) -> int:
        name = self._name_width + 1 if self._name_width else 0
        return max(8, self.size.width - 3 - TIME_WIDTH[self.times] - name)

    def _body(self, number: int) -> list[list[Span]]:
        """Return a line's rows of text, without time and name."""
        known = self._bodies.get(number)
        if known is not None:
            return known
        line = self._ring.line(number)
        if line is None:
            return [[("…", "dim")]]
        expanded = number in self._expanded
        body = body_of(line, self.json, expanded=expanded)
        if self._pattern is not None:
            body = [highlight(spans, self._pattern) for spans in body]
        if self.wrap or expanded:
            width = self._text_width
            body = [row for spans in body for row in wrapped(spans, width)]
        if len(self._bodies) > _CACHED:
            self._bodies.clear()
        self._bodies[number] = body
        return body

    # Drawing

    def on_resize(self) -> None:
        """Lay out anew."""
        self._bodies.clear()
        self._layout()
        self._bar_at = 0.0
        self.invalidate()

    def repaint(self, first: int = 0, last: int | None = None) -> None:
        """Draw what is different now, and the bar from time to time."""
        now = time.monotonic()
        if now - self._bar_at > BAR_EVERY or len(self._bar) != self.room:
            self._bar_at = now
            top = self._rows[0][0] if self._rows else 0
            end = self._rows[-1][0] if self._rows else 0
            self._bar = bar(self._ring, self.room, top, end)
        super().repaint(first, last)

    def line(self, y: int, width: int) -> Line:
        """Draw the title, or a row of a line."""
        if y == 0:
            tone = "accent" if self.following else "warn"
            return title_line(self.title, self.aside, width, tone)
        if y > len(self._rows):
            if not self._rows and y == 2:
                return ((f" {self.note}", "dim"),)
            return ()
        number, part = self._rows[y - 1]
        line = self._ring.line(number)
        if line is None:
            return ()
        under = " cursor" if number == self._cursor and not self.following else ""
        spans: list[Span] = [("▌" if number in self.marks else " ", "mark")]
        spans += self._lead(line) if part == 0 else [(" " * self._lead_width, "plain")]
        body = self._body(number)
        if part < len(body):
            own = body[part]
            spans += own if self.wrap or not self._shift else shifted(own, self._shift)
        if not self._lens.is_hit(number):
            spans = [(text, "dim") for text, _ in spans]
        room = width - 1
        fitted: list[Span] = []
        for text, names in spans:
            size = width_of(text)
            if size > room:
                text, size = fit(text, room), room
            if size:
                fitted.append((text, names + under))
            room -= size
            if room <= 0:
                break
        if room > 0:
            fitted.append((" " * room, "plain" + under))
        fitted.append(self._bar[y - 1] if y - 1 < len(self._bar) else (" ", "plain"))
        return tuple(fitted)

    @property
    def _lead_width(self) -> int:
        return TIME_WIDTH[self.times] + (self._name_width + 1 if self._name_width else 0)

    def _lead(self, line: LogLine) -> list[Span]:
        lead: list[Span] = []
        if self.times is not Times.NONE:
            lead.append((time_text(line.stamp, self.times, self._clock()), "dim"))
        if self._name_width:
            source = note_source(line.source)
            name = self._names.get(source, " " * self._name_width)
            colour = f"pod{self._colours.get(source, 0)}"
            lead.append((name + " ", colour))
        return lead

    def named_style(self, names: str) -> Style:
        """Return the style of style names; those of an application's own colours begin with sgr."""
        known = self._styles_by_names.get(names)
        if known is not None:
            return known
        if len(self._styles_by_names) > _CACHED:
            self._styles_by_names.clear()
        plain = " ".join(name for name in names.split() if not name.startswith("sgr:"))
        style = super().named_style(plain or "plain")
        for name in names.split():
            if name.startswith("sgr:"):
                style += sgr_style(name)
        if "hit" in names:
            style += self.get_component_rich_style("line--hit", partial=True)
        self._styles_by_names[names] = style
        return style

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down three lines."""
        event.stop()
        self.scroll_text(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up three lines."""
        event.stop()
        self.scroll_text(-3)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the clicked line; a second click shows it in full."""
        if 0 < event.y <= len(self._rows):
            self.go_to(self._rows[event.y - 1][0])
            if event.chain == 2:
                self.toggle_expanded()
