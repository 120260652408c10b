"""When Python looks for reference cycles."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from leviathan_tui import gc_tuning


class _Knot:
    """Refers to itself, as a screen and its widgets do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _leave_as_it_was() -> Iterator[None]:
    yield
    gc_tuning.look_as_usual()


def test_a_console_that_has_ended_leaves_no_trace() -> None:
    before = gc.get_threshold()

    @gc_tuning.looking_later()
    def console() -> int:
        assert not gc.isenabled()
        gc_tuning.look_briefly()
        assert gc.isenabled()
        assert gc.get_threshold() != before
        return 1

    assert console() == 1
    assert gc.isenabled()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_cluster_that_was_left_is_let_go() -> None:
    gc_tuning.look_later()
    knot = _Knot()
    gc_tuning.look_briefly()
    left = weakref.ref(knot)
    gc_tuning.look_later()
    del knot
    gc_tuning.look_briefly()
    assert left() is None
