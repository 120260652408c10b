"""A log line as it may be shown: decoded, cleaned, and with no control sequence left but colours.

What a container writes goes to the terminal of whoever reads it. Of all escape sequences only SGR
(ECMA-48, 8.3.117), which sets colours and weights, means anything here, and it ends with its line.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from leviathan_tui.backend.kube.wire import UNREADABLE
from leviathan_tui.backend.untrusted import clean

SHOWN: Final = 16_384
"""Characters of one line that are shown."""

Piece = tuple[str, str]
"""A text and its style, as in `sgr:f1:bold`; an empty style is the line's own."""

_SEQUENCE: Final = re.compile(
    # CSI; OSC, DCS, SOS, PM and APC up to their end, or the line's; other escapes of two bytes.
    "(?:\x1b\\[|\x9b)([0-?]*)[ -/]*([@-~])"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c|$)"
    "|\x1b[ -/]*[0-Z\\\\^-~]"
)
_ESCAPES: Final = re.compile("[\x1b\x80-\x9f]")
_SIMPLE: Final = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_ENDED: Final = {
    22: ("bold", "dim"),
    23: ("italic",),
    24: ("underline",),
    27: ("reverse",),
    29: ("strike",),
}


def last_segment(text: bytes) -> bytes:
    """Return what a terminal would show of a line in which carriage returns go back to its start.

    A progress bar writes itself again and again in one line; what it wrote last stands.
    """
    if b"\r" not in text:
        return text
    parts = [part for part in text.split(b"\r") if part]
    return parts[-1] if parts else b""


def decoded(text: bytes) -> str:
    """Return a line as text, tabs as four spaces; not yet cleaned."""
    if b"\r" in text:
        text = last_segment(text)
    if len(text) > SHOWN * 4:
        text = text[: SHOWN * 4]
    found = text.decode(errors="replace")
    if "\t" in found:
        found = found.replace("\t", "    ")
    return found


def pieces(text: bytes) -> list[Piece]:
    """Return a line as cleaned texts with their colours."""
    shown = decoded(text)
    if not _ESCAPES.search(shown):
        return [(clean(shown, SHOWN), "")]
    found: list[Piece] = []
    style: dict[str, str] = {}
    position = 0
    for match in _SEQUENCE.finditer(shown):
        if match.start() > position:
            found.append((clean(shown[position : match.start()], SHOWN), _name(style)))
        position = match.end()
        if match[2] == "m" and not match[1].startswith(("<", "=", ">", "?")):
            _apply(style, match[1])
    if position < len(shown):
        found.append((clean(shown[position:], SHOWN), _name(style)))
    return found


def plain(text: bytes) -> str:
    """Return a line as cleaned text without its colours."""
    return "".join(part for part, _ in pieces(text))


def coloured(text: bytes) -> str:
    """Return a line for a terminal: cleaned, with its colours, and without any behind its end."""
    shown = decoded(text)
    if not _ESCAPES.search(shown):
        return clean(shown, SHOWN)
    found: list[str] = []
    position = 0
    for match in _SEQUENCE.finditer(shown):
        found.append(clean(shown[position : match.start()], SHOWN))
        if match[2] == "m" and match[1].replace(";", "").replace(":", "").isdigit():
            found.append(f"\x1b[{match[1]}m")
        elif match[2] == "m" and not match[1]:
            found.append("\x1b[0m")
        position = match.end()
    found.append(clean(shown[position:], SHOWN))
    return "".join(found) + "\x1b[0m"


def _name(style: dict[str, str]) -> str:
    return "sgr:" + ":".join(style.values()) if style else ""


def _apply(style: dict[str, str], codes: str) -> None:
    numbers = [int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes)][:32]
    position = 0
    while position < len(numbers):
        code = numbers[position]
        position += 1
        if code == 0:
            style.clear()
        elif code in _SIMPLE:
            style[_SIMPLE[code]] = _SIMPLE[code]
        elif code in _ENDED:
            for name in _ENDED[code]:
                style.pop(name, None)
        elif code in (38, 48):
            colour, used = _extended(numbers[position:])
            position += used
            if colour:
                style["f" if code == 38 else "b"] = ("f" if code == 38 else "b") + colour
        elif code in (39, 49):
            style.pop("f" if code == 39 else "b", None)
        else:
            for base, offset, letter in ((30, 0, "f"), (40, 0, "b"), (90, 8, "f"), (100, 8, "b")):
                if base <= code < base + 8:
                    style[letter] = f"{letter}{code - base + offset}"


def _extended(numbers: list[int]) -> tuple[str, int]:
    """Return the colour behind 38 or 48, and how many numbers it took."""
    if numbers[:1] == [5] and len(numbers) > 1:
        return (str(numbers[1]), 2) if numbers[1] < 256 else ("", 2)
    if numbers[:1] == [2] and len(numbers) > 3:
        red, green, blue = (min(number, 255) for number in numbers[1:4])
        return f"#{red:02x}{green:02x}{blue:02x}", 4
    return "", len(numbers)


_MESSAGE: Final = ("message", "msg", "@m", "event", "log")
_LEVEL: Final = ("level", "severity", "lvl", "levelname", "@l", "log.level", "loglevel")
_TIME: Final = ("time", "ts", "timestamp", "@timestamp", "@t", "datetime")


@lru_cache(maxsize=512)
def json_object(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a line is; None for any other line."""
    text = text.strip()
    if not text.startswith(b"{") or not text.endswith(b"}"):
        return None
    try:
        found = msgspec.json.decode(text)
    except UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def fields(text: bytes) -> list[Piece] | None:
    """Return a JSON line with its message first and the other fields behind it; None for others."""
    found = json_object(text)
    if found is None:
        return None
    rest = dict(found)
    level = next((rest.pop(name) for name in _LEVEL if name in rest), None)
    message = next((rest.pop(name) for name in _MESSAGE if name in rest), None)
    for name in _TIME:
        rest.pop(name, None)
    shown: list[Piece] = []
    if level is not None:
        shown.append((f"{_short(level)[:8].upper():<6}", "strong"))
    if message is not None:
        shown.append((_short(message), ""))
    for name, value in rest.items():
        shown += [(f"  {clean(name, 100)}=", "dim"), (_short(value), "accent")]
    return shown


def pretty(text: bytes) -> list[list[Piece]] | None:
    """Return a JSON line as several, indented; None for others."""
    found = json_object(text)
    if found is None:
        return None
    lines = msgspec.json.format(msgspec.json.encode(found), indent=2).decode().split("\n")
    shown: list[list[Piece]] = []
    for line in lines[:500]:
        name, colon, value = line.partition('": ')
        if colon and name.lstrip().startswith('"'):
            shown.append([(clean(name + '": ', SHOWN), "dim"), (clean(value, SHOWN), "accent")])
        else:
            shown.append([(clean(line, SHOWN), "")])
    return shown


def _short(value: Any) -> str:
    if isinstance(value, str):
        return clean(value.replace("\t", "  "), SHOWN)
    return clean(msgspec.json.encode(value).decode(), SHOWN)
