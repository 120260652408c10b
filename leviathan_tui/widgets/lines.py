"""A widget made of lines of styled text that sends only what changed to the terminal.

Textual keeps no picture of what the terminal shows: a region marked dirty is sent again in full. So
each line is compared with the one last drawn, and only the span of cells that differs is marked.
Over SSH this is the difference between 16 KB and 20 bytes for one changed number.
"""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from leviathan_tui.widgets.text import fit, width_of

Span = tuple[str, str]
"""A text and the names of its styles, as in `("12%", "bad cursor")`."""

Line = tuple[Span, ...]


class LineWidget(Widget):
    """Base of every widget that draws lines. Subclasses override `line`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line--plain",
        "line--dim",
        "line--good",
        "line--warn",
        "line--bad",
        "line--accent",
        "line--strong",
        "line--head",
        "line--key",
        "line--rule",
        "line--cursor",
        "line--mark",
        "line--hit",
    }

    DEFAULT_CSS = """
    LineWidget {
        color: $text;
        .line--plain { color: $foreground; }
        .line--dim { color: $foreground 60%; }
        .line--good { color: $success; }
        .line--warn { color: $warning; }
        .line--bad { color: $error; }
        .line--accent { color: $accent; }
        .line--strong { color: $foreground; text-style: bold; }
        .line--head { color: $secondary; text-style: bold; }
        .line--key { color: $accent; text-style: bold; }
        .line--rule { color: $foreground 40%; }
        .line--cursor { background: $primary-background-lighten-1; text-style: bold; }
        .line--mark { color: $accent; text-style: bold; }
        .line--hit { color: $background; background: $warning; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._lines: dict[int, Line] = {}
        self._styles_by_names: dict[str, Style] = {}

    def line(self, y: int, width: int) -> Line:
        """Return the spans of line `y`, `width` cells wide at most; a shorter line is filled up."""
        raise NotImplementedError

    def invalidate(self) -> None:
        """Draw everything anew."""
        self._lines.clear()
        self.refresh()

    def repaint(self, first: int = 0, last: int | None = None) -> None:
        """Compare lines `first` up to `last` (excluded) with what is drawn; mark what differs."""
        width, height = self.size
        for y in range(max(first, 0), height if last is None else min(last, height)):
            before = self._lines.get(y)
            now = _filled(self.line(y, width), width)
            if before == now:
                continue
            self._lines[y] = now
            if before is None:
                self.refresh(Region(0, y, width, 1))
                continue
            start, end = _difference(before, now)
            if end > start:
                self.refresh(Region(start, y, end - start, 1))

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.size.width
        line = self._lines.get(y)
        if line is None:
            line = self._lines[y] = _filled(self.line(y, width), width)
        return Strip([Segment(text, self.named_style(names)) for text, names in line], width)

    def named_style(self, names: str) -> Style:
        """Return the style that a space-separated list of style names stands for."""
        style = self._styles_by_names.get(names)
        if style is None:
            first, *rest = names.split() or ["plain"]
            style = self.get_component_rich_style(f"line--{first}")
            for name in rest:
                style += self.get_component_rich_style(f"line--{name}", partial=True)
            self._styles_by_names[names] = style
        return style

    def notify_style_update(self) -> None:
        """Forget resolved styles: the theme or the stylesheet changed."""
        super().notify_style_update()
        self._styles_by_names.clear()
        self._lines.clear()

    def on_resize(self) -> None:
        """Draw anew: what was drawn since the size changed was laid out for the old one."""
        self.invalidate()


def title_line(title: str, aside: str, width: int, tone: str = "accent") -> Line:
    """Return a rule with a title at its left end and something of another tone at its right."""
    title, aside = f" {title} ", f" {aside} " if aside else ""
    room = max(0, width - 2 - width_of(aside))
    if width_of(title) > room:
        title = fit(title, room)
    rest = max(0, width - 2 - width_of(title) - width_of(aside))
    return (
        ("─", "rule"),
        (title, "strong"),
        ("─" * rest, "rule"),
        (aside, tone),
        ("─", "rule"),
    )


def _filled(line: Line, width: int) -> Line:
    """Return the line exactly `width` cells wide, neighbours of one style joined."""
    joined: list[Span] = []
    left = width
    for text, names in line:
        size = width_of(text)
        if size > left:
            text = fit(text, left)
            size = left
        if not size:
            continue
        if joined and joined[-1][1] == names:
            joined[-1] = (joined[-1][0] + text, names)
        else:
            joined.append((text, names))
        left -= size
    if left:
        # The rest of a cursor's line is under the cursor too.
        names = "plain cursor" if joined and joined[-1][1].endswith("cursor") else "plain"
        if joined and joined[-1][1] == names:
            joined[-1] = (joined[-1][0] + " " * left, names)
        else:
            joined.append((" " * left, names))
    return tuple(joined)


def _difference(before: Line, now: Line) -> tuple[int, int]:
    """Return the first differing cell and the one after the last, of two lines of equal width."""
    start = 0
    while start < min(len(before), len(now)) and before[start] == now[start]:
        start += 1
    end = 0
    while end < min(len(before), len(now)) - start and before[-1 - end] == now[-1 - end]:
        end += 1
    left = sum(width_of(text) for text, _ in now[:start])
    right = sum(width_of(text) for text, _ in now)
    right -= sum(width_of(text) for text, _ in now[len(now) - end :]) if end else 0
    inner_before = before[start : len(before) - end]
    inner_now = now[start : len(now) - end]
    if (
        len(inner_before) == len(inner_now) == 1
        and inner_before[0][1] == inner_now[0][1]
        and (inner_before[0][0] + inner_now[0][0]).isascii()
        and len(inner_before[0][0]) == len(inner_now[0][0])
    ):
        old, new = inner_before[0][0], inner_now[0][0]
        prefix = _common(old, new)
        suffix = _common(old[prefix:][::-1], new[prefix:][::-1])
        return left + prefix, right - suffix
    return left, right


def _common(first: str, second: str) -> int:
    """Return how many letters two texts have in common from their beginning."""
    for position, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return position
    return min(len(first), len(second))
