"""The filter language of the lists: plain text, `/re/`, `!not`, `-l label=value`, `-f fuzzy`."""

import re
from collections.abc import Callable
from typing import Any

from leviathan_tui.backend.kube.selectors import SelectorError, parse_selector
from leviathan_tui.backend.patterns import PatternError, compile_text

Accept = Callable[[Any], bool]


class FilterError(ValueError):
    """The filter cannot be read; the text says why."""


def parse_filter(text: str) -> Accept | None:
    """Return a test for rows, or None for an empty filter.

    Plain text is looked for in everything a row says, without regard to case. A row has `search`
    (lower-case text, its fields separated by line feeds) and `labels`. Raises `FilterError`.
    """
    text = text.strip()
    if not text:
        return None
    if text.startswith("-l"):
        try:
            accept = parse_selector(text[2:].strip())
        except SelectorError as error:
            raise FilterError(str(error)) from error
        return lambda row: accept(row.labels)
    if text.startswith("-f"):
        return _fuzzy(text[2:].strip().lower())
    if text.startswith("!"):
        inner = parse_filter(text[1:])
        return None if inner is None else lambda row: not inner(row)
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        try:
            wanted = compile_text(text[1:-1])
        except PatternError as error:
            raise FilterError(str(error)) from error
        return lambda row: wanted.search(row.search) is not None
    needle = text.lower()
    return lambda row: needle in row.search


def _fuzzy(letters: str) -> Accept | None:
    if not letters:
        return None
    pattern = re.compile("[^\n]*?".join(re.escape(letter) for letter in letters))
    return lambda row: pattern.search(row.search) is not None
