"""Regular expressions that a user types.

Python's own engine can take hours for one line, and nothing can interrupt it. RE2 needs time in
proportion to the text (https://github.com/google/re2/wiki/Syntax); it has no look-around and no
back-references.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol, TypeVar

Text = TypeVar("Text", str, bytes, contravariant=True)


class PatternError(ValueError):
    """The expression cannot be read; the text says why."""


class Match(Protocol):
    """Where a pattern was found."""

    def span(self) -> tuple[int, int]:
        """Return where it begins and where it ends."""


class Pattern(Protocol[Text]):
    """A compiled expression, without regard to case; it never reaches over a line feed."""

    def search(self, text: Text, pos: int = 0, endpos: int | None = None) -> Match | None:
        """Return the first place where it is found."""

    def finditer(self, text: Text) -> Iterator[Match]:
        """Yield all places where it is found."""


def compile_bytes(text: str) -> Pattern[bytes]:
    """Return a pattern for UTF-8. Raises `PatternError`."""
    found: Pattern[bytes] = _compiled(text.encode())
    return found


def compile_text(text: str) -> Pattern[str]:
    """Return a pattern for text. Raises `PatternError`."""
    found: Pattern[str] = _compiled(text)
    return found


@lru_cache(maxsize=64)
def _compiled(text: str | bytes) -> Any:
    # Imported where it is needed: few starts have a pattern.
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_nl = True
    prefix: str | bytes = "(?m)" if isinstance(text, str) else b"(?m)"
    try:
        return re2.compile(prefix + text, options)  # type: ignore[operator]
    except re2.error as error:
        said = error.args[0] if error.args else error
        words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise PatternError(f"Not a regular expression: {words}.") from error
