"""What people type for schedules, and what becomes of it."""

import pytest

from leviathan_tui.backend.schedules import ScheduleError
from leviathan_tui.backend.schedules.entry import understand


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("0 3 * * *", "0 3 * * *"),
        ("@daily", "@daily"),
        ("every weekday at 9", "0 9 * * 1-5"),
        ("mon-fri at 7:30", "30 7 * * 1-5"),
        ("every monday and friday at 5pm", "0 17 * * 1,5"),
        ("weekends at noon", "0 12 * * 0,6"),
        ("at 12am", "0 0 * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 90 minutes", "@every 90m"),
        ("every hour", "0 * * * *"),
        ("the first of the month at 6", "0 6 1 * *"),
        ("0 9 * * 7", "0 9 * * 0"),
        ("0 9 * * 5-7", "0 9 * * 0,5-6"),
        ("0 22 * * fri-mon", "0 22 * * 0-1,5-6"),
        ("0 0 1 nov-feb *", "0 0 1 1-2,11-12 *"),
        ("0 30 9 * * 1", "30 9 * * 1"),
    ],
)
def test_what_has_an_equivalent_is_translated(text: str, expression: str) -> None:
    understood = understand(text)
    assert understood.expression == expression
    assert bool(understood.translated) == (text != expression)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 0 L * *", "no number that fits|no equivalent"),
        ("0 0 15W * *", "no equivalent|no number"),
        ("0 0 * * 5#3", "no equivalent|no number"),
        ("15 0 9 * * 1", "knows no seconds"),
        ("0 9 * * 1 0", "may mean"),
        ("whenever it suits", "five"),
        ("at 25", "five"),
        ("", "."),
    ],
)
def test_what_has_none_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(ScheduleError, match=problem):
        understand(text)
