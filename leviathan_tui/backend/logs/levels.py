"""How grave a log line is, read from what loggers write: JSON fields, level words, klog, syslog.

Most lines have to be judged without looking at each: words are looked for in many lines at once, and
only lines that hold one are read closely.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """Grave lines have the higher numbers."""

    NONE = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARN = 4
    ERROR = 5
    FATAL = 6


HEAD: Final = 256
"""Bytes at a line's beginning in which a level is looked for."""

_JSON_HEAD: Final = 2048
"""The same in a JSON line, whose level field may come late."""

_WORDS: Final[dict[bytes, Level]] = {
    b"trace": Level.TRACE,
    b"trc": Level.TRACE,
    b"verbose": Level.TRACE,
    b"debug": Level.DEBUG,
    b"dbg": Level.DEBUG,
    b"info": Level.INFO,
    b"inf": Level.INFO,
    b"information": Level.INFO,
    b"notice": Level.INFO,
    b"warn": Level.WARN,
    b"wrn": Level.WARN,
    b"warning": Level.WARN,
    b"error": Level.ERROR,
    b"err": Level.ERROR,
    b"severe": Level.ERROR,
    b"fatal": Level.FATAL,
    b"ftl": Level.FATAL,
    b"panic": Level.FATAL,
    b"crit": Level.FATAL,
    b"critical": Level.FATAL,
    b"alert": Level.FATAL,
    b"emerg": Level.FATAL,
    b"emergency": Level.FATAL,
}
_NEEDLES: Final = (
    b"tr",  # trace, trc, traceback
    b"inf",
    b"err",
    b"war",
    b"wrn",
    b"deb",
    b"dbg",
    b"fatal",
    b"ftl",
    b"panic",
    b"crit",
    b"alert",
    b"emerg",
    b"severe",
    b"exception",
    b"notice",
    b"verbose",
)
"""Lower-case texts of which each line with a level word holds one."""

_LONGEST_FIRST: Final[list[bytes]] = sorted(_WORDS, key=len, reverse=True)
_ALTERNATIVES: Final = b"|".join(_LONGEST_FIRST)
_UPPER: Final = re.compile(rb"\b(?:" + _ALTERNATIVES.upper() + rb")\b")
_NAMED: Final = re.compile(
    # level=error, [error], <error>, (error), |error|, error: at the beginning, and after a time.
    rb"(?:\b(?:level|lvl|severity|loglevel)[=:]\s*[\"']?(" + _ALTERNATIVES + rb")\b"
    rb"|[\[<(|]\s*(" + _ALTERNATIVES + rb")\s*[\])>|]"
    rb"|^(?:[\d:.,TZ/+ -]+\s)?(" + _ALTERNATIVES + rb")(?::|\s+\[|\s*\|))",
    re.IGNORECASE,
)
_RAISED: Final = re.compile(
    rb"^(?:Traceback \(most recent call last\)"
    rb"|(?:Exception in thread |Caused by: )?[\w.$]*[A-Z]\w*(?:Error|Exception)\b(?::|$)"
    rb"|Unhandled exception)"
)
_PANIC: Final = re.compile(rb"^(?:panic: |fatal error: )")
_JSON: Final = re.compile(
    rb"\"(?:level|severity|lvl|loglevel|log\.level|levelname|@l)\"\s*:\s*(?:\"(\w+)\"|(\d+))",
    re.IGNORECASE,
)
_KLOG: Final = re.compile(rb"([IWEF])\d{4} \d\d:\d\d:\d\d")
_SYSLOG: Final = re.compile(rb"<(\d{1,3})>")
_ESCAPE: Final = re.compile(rb"\x1b\[[0-9;:]*m")
_KLOG_LEVELS: Final = {
    b"I": Level.INFO,
    b"W": Level.WARN,
    b"E": Level.ERROR,
    b"F": Level.FATAL,
}
_SYSLOG_LEVELS: Final = (6, 6, 6, 5, 4, 3, 3, 2)
"""By severity: https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1"""

_FIRST: Final = frozenset(b"IWEF{<")
"""First bytes of lines that are read closely even without a level word."""

_INDENT: Final = frozenset(b" \t")


def level_of(line: bytes) -> Level:
    """Return how grave one line says it is."""
    if line.startswith(b"{"):
        match = _JSON.search(line, 0, _JSON_HEAD)
        if match is not None:
            return _json_level(match)
    head = line[:HEAD]
    if b"\x1b" in head:
        head = _ESCAPE.sub(b"", head)
    match = _KLOG.match(head)
    if match is not None:
        return _KLOG_LEVELS[match[1]]
    match = _SYSLOG.match(head)
    if match is not None:
        return Level(_SYSLOG_LEVELS[int(match[1]) & 7])
    match = _UPPER.search(head)
    if match is not None:
        return _WORDS[match[0].lower()]
    match = _NAMED.search(head)
    if match is not None:
        return _WORDS[(match[1] or match[2] or match[3]).lower()]
    if _PANIC.match(head) is not None:
        return Level.FATAL
    return Level.ERROR if _RAISED.match(head) is not None else Level.NONE


def _json_level(match: re.Match[bytes]) -> Level:
    if match[2] is None:
        return _WORDS.get(match[1].lower(), Level.NONE)
    number = int(match[2])
    if number < 10:
        # Syslog's numbers, as Graylog's format has them.
        return Level(_SYSLOG_LEVELS[number & 7])
    # Bunyan and pino count 10 trace, 20 debug, up to 60 fatal.
    return Level(max(Level.TRACE, min(number // 10, Level.FATAL)))


def levels_of(lines: Sequence[bytes]) -> bytearray:
    """Return the lines' levels, one byte each."""
    heads = [line[:HEAD] for line in lines]
    found = bytearray(len(lines))
    text = b"\n".join(heads).lower()
    starts = [0]
    position = 0
    for head in heads:
        position += len(head) + 1
        starts.append(position)
    close = {index for index, head in enumerate(heads) if head and head[0] in _FIRST}
    for needle in _NEEDLES:
        hit = text.find(needle)
        while hit >= 0:
            index = bisect_right(starts, hit) - 1
            close.add(index)
            hit = text.find(needle, starts[index + 1])
    for index in close:
        found[index] = level_of(lines[index])
    return found


def inherit(levels: bytearray, lines: Sequence[bytes], sources: Sequence[int]) -> None:
    """Give the lines of a stack trace the level of the line they belong to."""
    last: dict[int, int] = {}
    for index, source in enumerate(sources):
        level = levels[index]
        line = lines[index]
        if not level and line and line[0] in _INDENT:
            levels[index] = last.get(source, 0)
        else:
            last[source] = level if level >= Level.WARN else 0
