"""Text from a cluster, a log or a server is hostile until it has passed through here.

Nothing between a container's output and the terminal removes control bytes, so an escape sequence in
a pod's name or an event's message could retitle the window, write the clipboard or repaint the
screen. Every string is cleaned once, where it is decoded; what is removed stays visible as a symbol,
so that an attack is seen instead of silently vanishing.
"""

import re
from typing import Final

MAX_TEXT: Final = 4096
"""Characters kept of one text; a longer one ends in an ellipsis."""

# C0 (tab and line feed become a space in one-line texts), DEL, C1, the bidirectional controls, the
# zero-width characters that hide or reorder text, line and paragraph separators, the byte order
# mark, and lone surrogates, which cannot be encoded for a terminal.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_PICTURES: Final = {code: chr(0x2400 + code) for code in range(0x20)} | {
    0x7F: "\u2421",
    0x09: " ",
    0x0A: " ",
}


def _picture(match: re.Match[str]) -> str:
    return _PICTURES.get(ord(match[0]), "\ufffd")


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text` as one line that no terminal can act on.

    Control characters become their visible symbols (ESC turns into "␛"), the rest of what must not
    reach a terminal becomes "�", tabs and line feeds become spaces, and anything over `limit`
    characters is cut with an ellipsis.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    # isprintable is a single pass in C and true of nearly everything that a cluster sends.
    if text.isprintable():
        return text
    return _CONTROL.sub(_picture, text)


def clean_name(text: str, limit: int) -> str:
    """Return a name cleaned, and cut in its middle: names of one place begin alike."""
    if len(text) > limit:
        tail = (limit - 1) // 2
        text = f"{text[: limit - 1 - tail]}…{text[-tail:]}"
    return clean(text, limit)


def clean_block(text: str, limit: int = 1_000_000) -> str:
    """Return a text of several lines (YAML, a description) with each of its lines cleaned.

    Tabs become two spaces. `limit` is in characters and for the whole text.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(clean(line.replace("\t", "  "), limit) for line in lines)
