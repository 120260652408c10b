"""The cron manager: what can be done to a CronJob.

Pausing sets `spec.suspend`; jobs that run go on. Run now makes a Job from the template exactly as
`kubectl create job --from` does. Source:
https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
"""

import copy
import secrets
from datetime import UTC, datetime
from typing import Final

from leviathan_tui.backend.changes.endings import short_lived
from leviathan_tui.backend.changes.intents import Change, EditIntent, Intent, Request, edited
from leviathan_tui.backend.changes.refusals import Gone
from leviathan_tui.backend.fleet.records import INSTANTIATE, Ref
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import JOB, Kind
from leviathan_tui.backend.kube.objects import Document, annotations_of, metadata_of, uid_of
from leviathan_tui.backend.schedules import ScheduleError, describe, parse, zone
from leviathan_tui.backend.schedules.controller import starts_at

LONGEST_NAME: Final = 63
"""Characters of a Job's name: its pods carry it in a label."""

_INSTEAD: Final = {"Forbid": "start none beside {}", "Replace": "end {} first"}
"""What the controller does where a run is due while another runs, by policy."""


class Suspend(EditIntent):
    """Start no more runs."""

    verb, past = "pause", "Paused"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Set `spec.suspend`."""
        if target["spec"].get("suspend"):
            raise self.refuse(f"{self.ref.name} is paused already.")
        target["spec"]["suspend"] = True
        active = (target.get("status") or {}).get("active") or []
        notes = ["Jobs that are running go on."] if active else ["No job of it is running."]
        if active:
            count = len(active)
            notes = [f"{count} running {'job goes' if count == 1 else 'jobs go'} on."]
        return edited(f"Start no more runs of {self.ref.name}.", notes)


class Resume(EditIntent):
    """Start runs again."""

    verb, past = "resume", "Resumed"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Unset `spec.suspend`, and tell whether that starts a run at once."""
        if not target["spec"].get("suspend"):
            raise self.refuse(f"{self.ref.name} is not paused.")
        target["spec"]["suspend"] = False
        missed = missed_run(target, datetime.now(UTC))
        warnings = [] if missed is None else [late_start(target, missed, "at once")]
        return edited(f"Start runs of {self.ref.name} by its schedule again.", [], warnings)


def missed_run(cron: Document, now: datetime) -> datetime | None:
    """Return the run that the controller starts late when it looks at a cron job; else None.

    Whether other jobs of it are running is left out. A schedule that cannot be read misses nothing.
    """
    spec = cron.get("spec") or {}
    anchor = _moment((cron.get("status") or {}).get("lastScheduleTime")) or _moment(
        metadata_of(cron).get("creationTimestamp")
    )
    deadline = spec.get("startingDeadlineSeconds")
    try:
        schedule = parse(str(spec.get("schedule", "")), allow_zone_prefix=True)
        where = zone(str(spec.get("timeZone") or "UTC"))
    except ScheduleError:
        return None
    if anchor is None:
        return None
    found = starts_at(
        schedule,
        where,
        int(anchor.timestamp()),
        int(now.timestamp()),
        deadline if isinstance(deadline, int) else None,
    )
    return None if found is None else datetime.fromtimestamp(found, UTC)


def late_start(cron: Document, missed: datetime, when: str) -> str:
    """Return that the controller starts a missed run, and `when`, with what becomes of others."""
    run = f"The run of {missed.astimezone():%Y-%m-%d %H:%M}, which was missed,"
    active = (cron.get("status") or {}).get("active") or []
    policy = (cron.get("spec") or {}).get("concurrencyPolicy")
    if active and policy == "Forbid":
        return f"{run} starts once the running job has ended (concurrencyPolicy: Forbid)."
    if active and policy == "Replace":
        return f"{run} starts {when} in place of the running job (concurrencyPolicy: Replace)."
    return f"{run} starts {when}."


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


class Reschedule(EditIntent):
    """Change the schedule, and the time zone where one is named."""

    verb, past = "schedule", "Schedule changed"

    def __init__(self, kind: Kind, ref: Ref, schedule: str, time_zone: str | None = None) -> None:
        super().__init__(kind, ref)
        self.schedule = schedule.strip()
        self.time_zone = time_zone

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return "Schedule not changed"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Set the schedule."""
        spec = target["spec"]
        try:
            words = describe(parse(self.schedule))
            if self.time_zone:
                zone(self.time_zone)
        except ScheduleError as error:
            raise self.refuse(f"{error}.") from error
        before = (spec.get("schedule"), spec.get("timeZone") or "")
        spec["schedule"] = self.schedule
        if self.time_zone is not None:
            if self.time_zone:
                spec["timeZone"] = self.time_zone
            else:
                spec.pop("timeZone", None)
        if before == (spec["schedule"], spec.get("timeZone") or ""):
            raise self.refuse(f"{self.ref.name} has this schedule already.")
        where = f" in {spec['timeZone']}" if spec.get("timeZone") else ""
        missed = None if spec.get("suspend") else missed_run(target, datetime.now(UTC))
        # A new schedule alone does not make the controller look.
        when = (
            "when the controller looks next: at any change of the cron job, "
            "or when the old schedule is due"
        )
        return edited(
            f"Run {self.ref.name} {words[0].lower()}{words[1:]}{where}.",
            [],
            [] if missed is None else [late_start(target, missed, when)],
        )


class RunNow(Intent):
    """Start a run by hand, whatever the schedule says."""

    verb, past = "run", "Started"
    retries = False

    def __init__(self, kind: Kind, ref: Ref) -> None:
        super().__init__(kind, ref)
        self.job = job_name(ref.name, "manual")

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the Job that `kubectl create job --from` would make."""
        if document is None:
            raise Gone(f"{self.not_done}: {self.ref.name} is gone.")
        template = document["spec"]["jobTemplate"]
        metadata = metadata_of(template)
        job = {
            "apiVersion": JOB.api_version,
            "kind": JOB.name,
            "metadata": {
                "name": self.job,
                "namespace": self.ref.namespace,
                "labels": copy.deepcopy(metadata.get("labels") or {}),
                "annotations": {INSTANTIATE: "manual", **annotations_of(template)},
                "ownerReferences": [
                    {
                        "apiVersion": self.kind.api_version,
                        "kind": self.kind.name,
                        "name": self.ref.name,
                        "uid": uid_of(document),
                        "controller": True,
                    }
                ],
            },
            "spec": copy.deepcopy(template["spec"]),
        }
        notes = [
            "A run by hand does not count for concurrencyPolicy: "
            "it runs beside others, and others beside it."
        ]
        setting = short_lived(template["spec"], document["spec"])
        if setting:
            notes.append(f"Its job, and its logs, may be gone as soon as it ends: {setting}.")
        beside = run_beside(document)
        warnings = [beside] if beside else []
        return Change(
            Request("POST", JOB.path(self.ref.namespace), job),
            f"Start the job {self.job} from {self.ref.name} now.",
            job,
            notes,
            warnings,
        )


def run_beside(cron: Document) -> str:
    """Return what is to be said of a run by hand beside those that go on; empty where that is nothing."""
    active = (cron.get("status") or {}).get("active") or []
    policy = str((cron.get("spec") or {}).get("concurrencyPolicy"))
    if not active or policy not in _INSTEAD:
        return ""
    them = "it" if len(active) == 1 else "them"
    running = "A job of it is" if len(active) == 1 else f"{len(active)} of its jobs are"
    instead = _INSTEAD[policy].format(them)
    return (
        f"{running} running. Its schedule would {instead} ({policy}); this one runs beside {them}."
    )


def job_name(base: str, word: str) -> str:
    """Return a name that no other Job has, within the length that a Job's name may have."""
    end = f"-{word}-{secrets.token_hex(3)}"
    return base[: LONGEST_NAME - len(end)].rstrip("-.") + end
