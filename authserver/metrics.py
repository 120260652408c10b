"""Counters and gauges in the Prometheus text format.

https://prometheus.io/docs/instrumenting/exposition_formats/. Labels are chosen by this server, never
by a client, so that nobody can make their number grow.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What this process has done since it started."""

    def __init__(self) -> None:
        self._events: Counter[tuple[str, str]] = Counter()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._durations: dict[str, list[int]] = {}
        self._totals: dict[str, float] = {}
        self._gauges: list[tuple[str, str, Callable[[], float]]] = []

    def event(self, action: str, outcome: str) -> None:
        """Count an attempt or a change by its outcome."""
        self._events[action, outcome] += 1

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request and the time it took."""
        self._requests[route, status] += 1
        buckets = self._durations.setdefault(route, [0] * (len(_BUCKETS) + 1))
        buckets[bisect_left(_BUCKETS, seconds)] += 1
        self._totals[route] = self._totals.get(route, 0.0) + seconds

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Register a value that is read whenever the metrics are asked for."""
        self._gauges.append((name, help_text, read))

    def render(self) -> str:
        """Return all of it as text."""
        lines = [
            "# HELP leviathan_auth_events_total Attempts and changes by outcome.",
            "# TYPE leviathan_auth_events_total counter",
        ]
        for (action, outcome), count in sorted(self._events.items()):
            labels = f'action="{action}",outcome="{outcome}"'
            lines.append(f"leviathan_auth_events_total{{{labels}}} {count}")
        lines += [
            "# HELP leviathan_auth_requests_total HTTP requests by route and status.",
            "# TYPE leviathan_auth_requests_total counter",
        ]
        for (route, status), count in sorted(self._requests.items()):
            labels = f'route="{route}",status="{status}"'
            lines.append(f"leviathan_auth_requests_total{{{labels}}} {count}")
        lines += self._histogram()
        for name, help_text, read in self._gauges:
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge", f"{name} {read():g}"]
        return "\n".join(lines) + "\n"

    def _histogram(self) -> Iterable[str]:
        name = "leviathan_auth_request_seconds"
        yield f"# HELP {name} Time from the request's head to the answer."
        yield f"# TYPE {name} histogram"
        for route, buckets in sorted(self._durations.items()):
            running = 0
            for bound, count in zip((*_BUCKETS, None), buckets, strict=True):
                running += count
                shown = "+Inf" if bound is None else f"{bound:g}"
                yield f'{name}_bucket{{route="{route}",le="{shown}"}} {running}'
            yield f'{name}_sum{{route="{route}"}} {self._totals[route]:.6f}'
            yield f'{name}_count{{route="{route}"}} {running}'
