"""What can be done to cron jobs and to their runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from leviathan_tui.actions.base import Action
from leviathan_tui.actions.change import ChangeAction
from leviathan_tui.actions.ports import ChangePorts
from leviathan_tui.backend import changes
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.schedules import ScheduleError, describe, parse

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.intents import Intent

CRON_JOBS: Final = frozenset({"CronJob"})


class PauseCronJob(ChangeAction[ChangePorts]):
    """Start no more runs of cron jobs; what runs goes on."""

    id, title, keys, kinds, footer = "pause-cron", "pause", ("p",), CRON_JOBS, 2

    def enabled(self, front: ChangePorts) -> bool:
        """Whether one here is not paused."""
        return super().enabled(front) and not all(_suspended(front))

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Suspend it."""
        return changes.crons.Suspend(kind, ref)


class ResumeCronJob(ChangeAction[ChangePorts]):
    """Start runs of cron jobs by their schedules again."""

    id, title, keys, kinds, footer = "resume-cron", "resume", ("b",), CRON_JOBS, 1

    def enabled(self, front: ChangePorts) -> bool:
        """Whether one here is paused."""
        return super().enabled(front) and any(_suspended(front))

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Resume it."""
        return changes.crons.Resume(kind, ref)


class ToggleCronJob(ChangeAction[ChangePorts]):
    """Pause a cron job, or resume it where it is paused."""

    id, title, keys, kinds = "toggle-cron", "Pause or resume", ("s",), CRON_JOBS

    def run(self, front: ChangePorts) -> Any:
        """Do the one that applies to the row under the cursor."""
        action = ResumeCronJob() if all(_suspended(front)) else PauseCronJob()
        return action.run(front)


class RunNow(ChangeAction[ChangePorts]):
    """Start a run by hand, as kubectl create job --from does."""

    id, title, keys, kinds, footer = "run", "run now", ("t",), CRON_JOBS, 3

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Run it."""
        return changes.crons.RunNow(kind, ref)


class EditSchedule(ChangeAction[ChangePorts]):
    """Change when a cron job runs, in cron's words or in plain ones."""

    id, title, keys, kinds, footer = "schedule-edit", "schedule", ("i",), CRON_JOBS, 4
    one_at_a_time = True

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        ref = refs[0]
        row = front.row
        present = str(getattr(row, "schedule", ""))
        text = await front.ask(f"When shall {ref.name} run?", present, _schedule)
        if text is None:
            return
        from leviathan_tui.backend.schedules.entry import understand

        kind = await front.cluster.kind_of(ref)
        await front.change([changes.crons.Reschedule(kind, ref, understand(text).expression)])


class Retry(ChangeAction[ChangePorts]):
    """Run a job again, as a new job like it."""

    id, title, keys, kinds, footer = "retry", "retry", ("r",), frozenset({"Job"}), 3

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Retry it."""
        return changes.jobs.Retry(kind, ref)


def _suspended(front: ChangePorts) -> list[bool]:
    return [row.suspended for row in front.chosen if hasattr(row, "suspended")]


def _schedule(text: str) -> str:
    """Return what is wrong with a schedule, or `= ` and what it means."""
    from leviathan_tui.backend.schedules.entry import understand

    try:
        understood = understand(text)
        words = describe(parse(understood.expression))
        made = f"{understood.expression}: " if understood.translated else ""
        return f"= {made}{words}"
    except ScheduleError as error:
        return str(error)


ACTIONS: tuple[type[Action[ChangePorts]], ...] = (
    PauseCronJob,
    ResumeCronJob,
    ToggleCronJob,
    RunNow,
    EditSchedule,
    Retry,
)
