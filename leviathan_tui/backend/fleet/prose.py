"""Texts with meaning for the screen: lines of fragments, each with a tone. Knows nothing of drawing."""

from datetime import datetime
from typing import Final

Fragment = tuple[str, str]
"""A text and its tone."""

ProseLine = tuple[Fragment, ...]
Prose = list[ProseLine]

TONES: Final = ("plain", "dim", "good", "warn", "bad", "accent", "strong", "head", "key")
"""The tones there are; what they look like is the theme's business."""


def line(text: str, tone: str = "plain") -> ProseLine:
    """Return a line of one fragment."""
    return ((text, tone),)


def clock(seconds: float) -> str:
    """Return a moment in the viewer's zone, as `11-24 09:41:07`; a dash for none."""
    if not seconds:
        return "–"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%m-%d %H:%M:%S")


def field(name: str, value: str, tone: str = "plain", width: int = 12) -> ProseLine:
    """Return a named value, the name padded to `width`."""
    return ((f"{name:<{width}}", "dim"), (value, tone))


def heading(text: str) -> Prose:
    """Return a heading with an empty line before it."""
    return [(), line(text, "head")]


def plain_text(prose: Prose) -> str:
    """Return the text without its tones, as for a file or a clipboard."""
    return "\n".join("".join(text for text, _ in fragments).rstrip() for fragments in prose)
