"""The time line of all cron jobs."""

from leviathan_tui.actions.base import Action
from leviathan_tui.actions.places import LISTS, SCHEDULE, TEXTS, Place
from leviathan_tui.actions.ports import Front

GROUP = "Going"


class GoSchedule(Action[Front]):
    """All cron jobs on one time line: runs, overlaps, the busiest minutes, missed runs."""

    id, title, keys, group = "schedule", "Schedule", ("v",), GROUP
    views = (LISTS | TEXTS) - SCHEDULE

    def run(self, front: Front) -> None:
        """Go there."""
        front.open(Place("schedule"))


class NextSpan(Action[Front]):
    """Change between 24 hours and 7 days."""

    id, title, keys, group = "schedule-span", "day or week", ("v",), "Schedule"
    views, footer = SCHEDULE, 5

    def run(self, front: Front) -> None:
        """Change it."""
        if front.timeline is not None:
            front.timeline.next_span()


class _Pan(Action[Front]):
    group, views = "Schedule", SCHEDULE
    step = 0

    def run(self, front: Front) -> None:
        if front.timeline is not None:
            front.timeline.pan(self.step)


class Earlier(_Pan):
    """Look further back in time; esc comes back to now."""

    id, title, keys, step, footer = "earlier", "earlier", ("left",), -1, 6


class Later(_Pan):
    """Look further ahead in time; esc comes back to now."""

    id, title, keys, step, footer = "later", "later", ("right",), 1, 7


ACTIONS: tuple[type[Action[Front]], ...] = (GoSchedule, NextSpan, Earlier, Later)
