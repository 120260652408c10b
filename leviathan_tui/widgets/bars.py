"""The header and the footer: one line each, redrawn only where they differ."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.ports import Front
from leviathan_tui.backend.fleet.connection import Freshness, Status
from leviathan_tui.widgets.lines import Line, LineWidget, Span
from leviathan_tui.widgets.text import apart, fit, plural, span, width_of

GLYPHS = {
    Freshness.CONNECTING: ("◌", "accent", "connecting"),
    Freshness.LISTING: ("◔", "accent", "listing"),
    Freshness.LIVE: ("●", "good", "live"),
    Freshness.POLLED: ("◑", "accent", "polled"),
    Freshness.STALE: ("◐", "warn", "stale"),
    Freshness.OFFLINE: ("○", "bad", "offline"),
    Freshness.REFUSED: ("✗", "bad", "refused"),
}

NOT_LOGGED_IN = ("○", "warn", "not logged in")

A_DAY = 24 * 3600.0
"""Seconds after which a time of day alone says too little."""


class Counts(NamedTuple):
    """How many rows a list has, and how many of them somebody should look at."""

    rows: int
    failing: int
    missed: int | None = None
    """Cron jobs with missed runs; None of apps."""


SHORTEST: Final = 24
"""Cells that the cluster's name has at least where it is as long."""


class Header(LineWidget):
    """Which cluster, how fresh, who acts, which namespace, and the counts that matter."""

    DEFAULT_CSS = """
    Header { height: 1; width: 1fr; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__(id="header")
        self.cluster = ""
        self.all_clusters: Callable[[], Sequence[str]] = tuple
        """The names from which that one has to be told apart where it is cut."""
        self.identity = ""
        self.namespace = ""
        self.warning = ""
        """What the user should know of this connection, such as unverified TLS."""
        self.status = Status(Freshness.CONNECTING, 0.0)
        self.now = 0.0
        self.counts: tuple[Counts | None, Counts | None] = (None, None)
        """Of apps and of cron jobs; None for what is not known."""
        self.awaits_login = False
        """Whether nobody has logged in yet, and so nothing was asked."""
        self.limited = ""
        """What may not be read, in a few words."""

    def line(self, y: int, width: int) -> Line:
        """Draw the line; what matters least gives way first."""
        glyph, tone, word = GLYPHS[self.status.freshness]
        problem = self.status.problem
        if self.awaits_login and self.status.freshness is Freshness.REFUSED:
            glyph, tone, word = NOT_LOGGED_IN
            problem = None
        elif self.status.freshness is Freshness.STALE:
            word = f"stale {span(self.now - self.status.since)}"
        elif self.status.freshness is Freshness.POLLED:
            word = f"polled {span(self.now - self.status.since)} ago"
        elif self.status.freshness is Freshness.OFFLINE:
            since = datetime.fromtimestamp(self.status.since).astimezone()
            day = "%d %b " if self.now - self.status.since > A_DAY else ""
            word = f"offline since {since.strftime(f'{day}%H:%M')}"
        cluster = self.cluster
        if width_of(cluster) > max(SHORTEST, width * 2 // 5):
            names = frozenset((*self.all_clusters(), cluster))
            cluster = apart(names, max(SHORTEST, width * 2 // 5))[cluster].rstrip()
        left: list[Span] = [
            (" leviathan " if width >= 100 else "", "strong"),
            (f" {cluster} ", "plain"),
            (f"{glyph} {word}", tone),
            (f"  ▲ {self.warning}" if self.warning else "", "warn"),
        ]
        optional: list[list[Span]] = []
        if self.status.freshness is Freshness.REFUSED:
            # Just then it matters who acts.
            left.append((f"   {self.identity}", "dim"))
        if problem is not None:
            optional.append([(f"  {problem.sentence}", tone)])
        optional.append([(f"   ns: {self.namespace}", "accent")])
        if self.status.freshness is not Freshness.REFUSED:
            optional.append([(f"   {self.identity}", "dim")])
        if self.limited:
            optional.append([(f"   {self.limited}", "warn")])
        always = width_of(f"   ns: {self.namespace}   {self.identity}")
        right = self._counted(short=False)
        if _width(left) + always + _width(right) >= width:
            # Who acts and where matters more than how much there is in all.
            right = self._counted(short=True)
        room = width - _width(left) - _width(right) - 1
        for spans in optional:
            size = _width(spans)
            if size <= room:
                left += spans
                room -= size
            elif spans[0][1] == tone and room > 12:
                left.append((fit(spans[0][0], room), tone))
                room = 0
        gap = max(1, width - _width(left) - _width(right))
        return (*left, (" " * gap, "plain"), *right)

    def _counted(self, *, short: bool) -> list[Span]:
        """Return the counts, in short only those that should be none."""
        spans: list[Span] = []
        for known, noun in zip(self.counts, ("app", "cron"), strict=True):
            if known is None:
                spans.append((f" · – {noun}s", "dim"))
                continue
            if not short:
                spans.append((f" · {plural(known.rows, noun)}", "plain"))
            if known.failing or known.missed is None:
                # Without the count before it, "failing" alone is about apps.
                many = str(known.failing)
                if short and known.missed is not None:
                    many = plural(known.failing, noun)
                spans.append((f" · {many} failing", "bad" if known.failing else "dim"))
            # None: those that were missed once, and are caught up with, are for the time line to tell.
            if known.missed:
                spans.append((f" · {known.missed} missed", "bad"))
        first, tone = spans[0]
        return [(first.removeprefix(" · "), tone), *spans[1:], (" ", "plain")]


class Footer(LineWidget):
    """What can be done here, or what was just said."""

    DEFAULT_CSS = """
    Footer { height: 1; width: 1fr; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__(id="footer")
        self._said: tuple[str, str] = ("", "plain")
        self._keys: list[tuple[str, str]] = []

    def show_keys(self, front: Front, keys: dict[str, str]) -> None:
        """Show the actions that can be done; `keys` has each action's key as it is shown."""
        shown = [
            action
            for action in REGISTRY.values()
            if action.footer
            and action.id in keys
            and action.enabled(front)
            and not action.refusal(front)
        ]
        shown.sort(key=lambda action: action.footer)
        self._keys = [(keys[action.id], action.title) for action in shown]
        self.repaint()

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a line instead of the keys; an empty one brings the keys back."""
        self._said = (text, tone)
        self.repaint()

    def unsay(self, text: str) -> None:
        """Bring the keys back, unless something else was said since."""
        if self._said[0] == text:
            self.say("")

    def line(self, y: int, width: int) -> Line:
        """Draw the keys, or what was said."""
        text, tone = self._said
        if text:
            return ((f" {text}", tone),)
        spans: list[Span] = [(" ", "plain")]
        used = 1
        for key, title in self._keys:
            size = width_of(key) + width_of(title) + 3
            if used + size > width:
                break
            spans += [(key, "key"), (f" {title}  ", "plain")]
            used += size
        return tuple(spans)


def _width(spans: list[Span]) -> int:
    return sum(width_of(text) for text, _ in spans)
