"""A scrolling text of toned lines: the detail pane, YAML, descriptions, explanations and help."""

from typing import Final

from textual import events

from leviathan_tui.widgets.lines import Line, LineWidget, Span, title_line
from leviathan_tui.widgets.text import fit, width_of

ProseLine = tuple[tuple[str, str], ...]

WRAP_INDENT: Final = 2
"""Cells by which a wrapped line's continuation is set in."""


class ProseView(LineWidget, can_focus=True):
    """Shows lines of (text, tone) under a title, wrapped or not, with search."""

    DEFAULT_CSS = """
    ProseView { height: 1fr; width: 1fr; }
    """

    def __init__(self, *, wrap: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._wrap = wrap
        self._title = ""
        self._source: list[ProseLine] = []
        self._wrapped: list[ProseLine] = []
        self._wrapped_width = -1
        self._top = 0
        self._needle = ""
        self._hits: list[int] = []
        self.aside = ""
        """What stands at the right end of the title line."""

    def show(self, title: str, lines: list[ProseLine], *, keep_place: bool = True) -> None:
        """Show a text; only the cells that differ from the present one are drawn again."""
        self._title = title
        self._source = lines
        self._wrapped_width = -1
        if not keep_place:
            self._top = 0
        self._rewrap()
        self.repaint()

    @property
    def text(self) -> str:
        """The whole text without its tones."""
        return "\n".join("".join(part for part, _ in line) for line in self._source)

    @property
    def room(self) -> int:
        """How many lines of text fit."""
        return max(1, self.size.height - 1)

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """Scroll by lines or pages, or to the first or last line."""
        most = max(0, len(self._wrapped) - self.room)
        if end:
            self._top = most if step > 0 else 0
        else:
            self._top = min(max(0, self._top + step * (self.room - 1 if pages else 1)), most)
        self.repaint()

    def find(self, needle: str) -> int:
        """Highlight a text, without regard to case; return in how many lines it stands."""
        self._needle = needle.lower()
        self._find_hits()
        self.next_hit(0)
        self.repaint()
        return len(self._hits)

    def next_hit(self, step: int) -> None:
        """Scroll to the next (1), previous (-1) or nearest (0) line that holds the text."""
        if not self._hits:
            return
        if step < 0:
            target = next((hit for hit in reversed(self._hits) if hit < self._top), self._hits[-1])
        else:
            start = self._top + step
            target = next((hit for hit in self._hits if hit >= start), self._hits[0])
        self._top = min(target, max(0, len(self._wrapped) - self.room))
        if step > 0 and self._top != target:
            self._top = max(0, len(self._wrapped) - self.room)
        self.repaint()

    def on_resize(self) -> None:
        """Wrap anew."""
        self._rewrap()
        self._top = min(self._top, max(0, len(self._wrapped) - self.room))
        self.invalidate()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down three lines."""
        event.stop()
        self.scroll_text(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up three lines."""
        event.stop()
        self.scroll_text(-3)

    def line(self, y: int, width: int) -> Line:
        """Draw the title or a line of the text."""
        if y == 0:
            return title_line(self._title, self.aside, width)
        position = self._top + y - 1
        if position >= len(self._wrapped):
            return ()
        shown = ((" ", "plain"), *self._wrapped[position])
        return self._highlight(shown) if self._needle else shown

    def _highlight(self, line: ProseLine) -> Line:
        spans: list[Span] = []
        size = len(self._needle)
        for text, tone in line:
            start = 0
            lower = text.lower()
            while (hit := lower.find(self._needle, start)) >= 0:
                spans += [(text[start:hit], tone), (text[hit : hit + size], "hit")]
                start = hit + size
            spans.append((text[start:], tone))
        return tuple(spans)

    def _rewrap(self) -> None:
        width = max(1, self.size.width - 2)
        if width == self._wrapped_width:
            return
        self._wrapped_width = width
        if self._wrap and self.size.width:
            self._wrapped = [part for line in self._source for part in wrapped(line, width)]
        else:
            self._wrapped = list(self._source)
        self._top = min(self._top, max(0, len(self._wrapped) - self.room))
        self._find_hits()

    def _find_hits(self) -> None:
        self._hits = (
            [
                position
                for position, line in enumerate(self._wrapped)
                if self._needle in "".join(text for text, _ in line).lower()
            ]
            if self._needle
            else []
        )


def wrapped(line: ProseLine, width: int) -> list[ProseLine]:
    """Break a line into lines of at most `width` cells, at spaces where there are any."""
    if sum(width_of(text) for text, _ in line) <= width:
        return [line]
    lines: list[ProseLine] = []
    current: list[tuple[str, str]] = []
    used = 0
    for text, tone in line:
        for word in _words(text):
            size = width_of(word)
            if used + size > width and used > WRAP_INDENT:
                lines.append(tuple(current))
                current, used = [(" " * WRAP_INDENT, tone)], WRAP_INDENT
                word = word.lstrip(" ")
                size = width_of(word)
            while used + size > width:
                room = max(1, width - used)
                head = fit(word, room) if not word.isascii() else word[:room]
                cut = len(head) if word.isascii() else max(1, len(head) - 1)
                current.append((word[:cut], tone))
                lines.append(tuple(current))
                current, used = [(" " * WRAP_INDENT, tone)], WRAP_INDENT
                word = word[cut:]
                size = width_of(word)
            if word:
                current.append((word, tone))
                used += size
    if current:
        lines.append(tuple(current))
    return lines


def _words(text: str) -> list[str]:
    """Split a text so that each piece is one word with the spaces before it."""
    words: list[str] = []
    start = 0
    for position in range(1, len(text)):
        if text[position] == " " and text[position - 1] != " ":
            words.append(text[start:position])
            start = position
    words.append(text[start:])
    return words
