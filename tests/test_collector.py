"""When Python looks for reference cycles."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from leviathan_tui import collector


class _Knot:
    """Refers to itself, as a screen and its widgets do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _leave_as_it_was() -> Iterator[None]:
    yield
    collector.look_as_usual()


def test_a_console_that_has_ended_leaves_no_trace() -> None:
    before = gc.get_threshold()

    @collector.looking_later()
    def console() -> int:
        assert not gc.isenabled()
        collector.look_briefly()
        assert gc.isenabled()
        assert gc.get_threshold() != before
        return 1

    assert console() == 1
    assert gc.isenabled()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_cluster_that_was_left_is_let_go() -> None:
    collector.look_later()
    knot = _Knot()
    collector.look_briefly()
    left = weakref.ref(knot)
    collector.look_later()
    del knot
    collector.look_briefly()
    assert left() is None
