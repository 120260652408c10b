"""What tests of credential plugins, and of all that reaches a cluster, run in."""

import time
from collections.abc import Callable, Iterator

import pytest

from leviathan_tui.backend.kube import plugin_run, plugins


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    yield
    assert plugin_run.running() == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that goes on only when it is told to."""
    now = [time.monotonic()]
    monkeypatch.setattr(plugins, "monotonic", lambda: now[0])

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on
