"""What is looked for in logs: texts, regular expressions, their opposites, sources, levels."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.ring import NOTE, Block, Line
from leviathan_tui.backend.patterns import Pattern, PatternError, compile_bytes


class QueryError(ValueError):
    """What was typed cannot be understood; the text says why."""


class Term(msgspec.Struct, frozen=True):
    """One thing that a line has to have, or must not have."""

    text: str
    """As it was typed, without its `!`."""
    needle: bytes = b""
    """Lower-case; empty where a pattern or a source is meant."""
    pattern: Pattern[bytes] | None = None
    source: str = ""
    """Part of a pod's or container's name, lower-case."""
    inverse: bool = False


class Query(msgspec.Struct, frozen=True):
    """All terms have to be met, and the level."""

    terms: tuple[Term, ...] = ()
    level: int = Level.NONE
    """The least grave level that is wanted; `NONE` wants every line."""

    @property
    def is_empty(self) -> bool:
        """Whether every line meets it."""
        return not self.terms and not self.level

    def with_term(self, term: Term) -> "Query":
        """Return the query with one more term."""
        return Query((*self.terms, term), self.level)


SEPARATOR: Final = re.compile(r"\s+&\s+")


def parse_query(text: str, level: int = Level.NONE) -> Query:
    """Read terms with ` & ` between them. Raises `QueryError`."""
    parts = [part for part in SEPARATOR.split(text.strip()) if part.strip()]
    return Query(tuple(parse_term(part) for part in parts), level)


def parse_term(text: str) -> Term:
    """Read `text`, `/regular expression/`, `@pod`, or `!` and one of these. Raises `QueryError`."""
    text = text.strip()
    inverse = text.startswith("!") and len(text) > 1
    if inverse:
        text = text[1:].strip()
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        try:
            pattern = compile_bytes(text[1:-1])
        except PatternError as error:
            raise QueryError(str(error)) from error
        return Term(text, pattern=pattern, inverse=inverse)
    if len(text) > 1 and text.startswith("@"):
        return Term(text, source=text[1:].lower(), inverse=inverse)
    return Term(text, needle=text.lower().encode(), inverse=inverse)


class Matcher:
    """Finds the lines of blocks that meet a query; `names` are the sources', by index, lower-case."""

    def __init__(self, query: Query, names: Sequence[str]) -> None:
        self.query = query
        self._names = names
        self._wanted: dict[tuple[int, int], bool] = {}

    def find(self, block: Block, first: int, end: int) -> list[int]:
        """Return the numbers of the lines that meet the query, from `first` up to `end`, in order."""
        low, high = first - block.first, end - block.first
        found: list[int] | None = None
        if self.query.level:
            least = self.query.level
            found = [at for at, level in enumerate(block.levels[low:high], low) if level >= least]
        for position, term in enumerate(self.query.terms):
            if term.source:
                found = self._of_source(block, position, term, _all(found, low, high))
            elif term.pattern is not None:
                hits = set(_with_pattern(block, term.pattern, low, high))
                found = [at for at in _all(found, low, high) if (at in hits) != term.inverse]
            elif term.inverse:
                hits = set(_with_needle(block, term.needle, low, high))
                found = [at for at in _all(found, low, high) if at not in hits]
            else:
                hits_in_order = _with_needle(block, term.needle, low, high)
                if found is None:
                    found = hits_in_order
                else:
                    hits = set(hits_in_order)
                    found = [at for at in found if at in hits]
        offset = block.first
        return [at + offset for at in _all(found, low, high)]

    def meets(self, line: Line) -> bool:
        """Whether one line meets the query."""
        block = Block(
            line.number,
            line.text + b"\n",
            array("I", (0, len(line.text) + 1)),
            array("q", (line.stamp,)),
            array("H", (line.source,)),
            bytes((line.level,)),
        )
        return bool(self.find(block, line.number, line.number + 1))

    def _of_source(
        self, block: Block, position: int, term: Term, among: Sequence[int]
    ) -> list[int]:
        found = []
        for at in among:
            source = block.sources[at] & ~NOTE
            wanted = self._wanted.get((position, source))
            if wanted is None:
                name = self._names[source] if source < len(self._names) else ""
                wanted = (term.source in name) != term.inverse
                self._wanted[position, source] = wanted
            if wanted:
                found.append(at)
        return found


def _all(found: list[int] | None, low: int, high: int) -> Sequence[int]:
    return range(low, high) if found is None else found


def _with_pattern(block: Block, pattern: Pattern[bytes], low: int, high: int) -> list[int]:
    """Go from hit to hit: a pattern never reaches over the end of a line."""
    text, starts, search = block.text, block.starts, pattern.search
    end = starts[high] - 1
    found: list[int] = []
    at = low
    while at < high and (hit := search(text, starts[at], end)) is not None:
        line = bisect_right(starts, hit.span()[0]) - 1
        found.append(line)
        at = line + 1
    return found


def _with_needle(block: Block, needle: bytes, low: int, high: int) -> list[int]:
    starts = block.starts
    begin, end = starts[low], starts[high]
    text = block.text.lower()
    if text.count(needle, begin, end) * 4 > high - low:
        # Going from hit to hit would be slower than from line to line.
        lines = text[begin : end - 1].split(b"\n")
        return [at for at, line in enumerate(lines, low) if needle in line]
    found: list[int] = []
    hit = text.find(needle, begin, end)
    while hit >= 0:
        at = bisect_right(starts, hit) - 1
        found.append(at)
        hit = text.find(needle, starts[at + 1], end)
    return found
