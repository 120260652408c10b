"""Jobs: pods that run until enough of them have succeeded.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from typing import Final

from leviathan_sandbox.controllers.base import Controller, less_zeros, owned, owner_key
from leviathan_sandbox.controllers.templates import (
    create_pod,
    delete_pod,
    is_active,
    is_ready,
    pod_from,
)
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.kinds import JOB, POD
from leviathan_sandbox.objects import (
    Object,
    find_condition,
    has_condition,
    is_terminating,
    lookup,
    moment,
    set_condition,
    timestamp,
)
from leviathan_sandbox.storage import Change, Entry

TRACKING: Final = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a job's pod until it has been counted."""
_COMPONENT: Final = "job-controller"
_BACK_OFF: Final = 10
_MAX_BACK_OFF: Final = 600


def is_finished(job: Object) -> bool:
    """Whether a job has completed or failed for good."""
    return has_condition(job, "Complete") or has_condition(job, "Failed")


class Jobs(Controller):
    """Runs jobs."""

    def observe(self, change: Change) -> None:
        """Look at jobs that changed, or whose pods did."""
        if change.kind is JOB and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.kind is POD:
            for key in owner_key(change, JOB):
                self.enqueue(key)

    def sync(self, key: str) -> None:
        """Count the job's pods, decide on its end, or start and stop pods."""
        entry = self.storage.get(JOB, key)
        if entry is None:
            return
        job = entry.object
        pods = [item.object for item in owned(self.storage, job, POD)]
        status = self._count(job, pods)
        if is_finished(job):
            self.registry.set_status(JOB, entry, self._with_numbers(status, pods))
            self._expire(entry)
            return
        if is_terminating(job):
            self.registry.set_status(JOB, entry, self._with_numbers(status, pods))
            return
        status = self._suspend(job, status)
        suspended = bool(job["spec"].get("suspend"))
        if not suspended:
            status.setdefault("startTime", timestamp(self.now()))
        ending = None if suspended else self._ending(job, status, pods)
        if ending is not None:
            pods = self._stop(job, pods, len(pods))
            status = self._finish(job, status, pods, *ending)
        else:
            pods = self._balance(job, status, pods, suspended=suspended)
        self.registry.set_status(JOB, entry, self._with_numbers(status, pods))

    def _count(self, job: Object, pods: list[Object]) -> Object:
        """Return the status with the pods counted that have ended since last time."""
        status = dict(job.get("status") or {})
        for index, pod in enumerate(pods):
            phase = pod["status"].get("phase")
            ended = phase in ("Succeeded", "Failed") or is_terminating(pod)
            if TRACKING not in (pod["metadata"].get("finalizers") or ()) or not ended:
                continue
            field = "succeeded" if phase == "Succeeded" else "failed"
            if not is_finished(job) or field == "succeeded":
                status[field] = status.get(field, 0) + 1
            released = self._release(pod)
            if released is not None:
                pods[index] = released
        return status

    def _release(self, pod: Object) -> Object | None:
        def change(body: Object) -> None:
            kept = [name for name in body["metadata"]["finalizers"] if name != TRACKING]
            body["metadata"]["finalizers"] = kept

        metadata = pod["metadata"]
        entry = self.registry.edit(POD, POD.key(metadata["namespace"], metadata["name"]), change)
        return None if entry is None else entry.object

    def _suspend(self, job: Object, status: Object) -> Object:
        """Return the status with the condition that says whether the job is suspended."""
        suspend = bool(job["spec"].get("suspend"))
        if suspend == has_condition(job, "Suspended"):
            return status
        if not suspend and find_condition(status.get("conditions"), "Suspended") is None:
            return status
        word = "Suspended" if suspend else "Resumed"
        message = f"Job {word.lower()}"
        self.recorder.record(job, "Normal", word, message, _COMPONENT)
        status = self._with_condition(status, "Suspended", suspend, f"Job{word}", message)
        if suspend:
            status.pop("startTime", None)
        return status

    def _with_condition(
        self,
        status: Object,
        kind: str,
        holds: bool,
        reason: str,
        message: str,
    ) -> Object:
        now = timestamp(self.now())
        condition: Object = {
            "type": kind,
            "status": "True" if holds else "False",
            "lastProbeTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        conditions = set_condition(list(status.get("conditions") or []), condition)
        return {**status, "conditions": conditions}

    def _ending(
        self, job: Object, status: Object, pods: list[Object]
    ) -> tuple[bool, str, str] | None:
        """Return whether a job has succeeded, and the reason; None while it goes on."""
        for interim, success in (("SuccessCriteriaMet", True), ("FailureTarget", False)):
            decided = find_condition(status.get("conditions"), interim)
            if decided is not None:
                # What its pods come to while they are ended is not why it ends.
                return success, decided["reason"], decided["message"]
        spec = job["spec"]
        succeeded, failed = status.get("succeeded", 0), status.get("failed", 0)
        completions = spec.get("completions")
        active = [pod for pod in pods if is_active(pod)]
        limit = spec["backoffLimit"]
        if failed > limit or self._restarted_too_often(spec, active):
            message = "Job has reached the specified backoff limit"
            return False, "BackoffLimitExceeded", message
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None:
            due = moment(status["startTime"]).timestamp() + deadline
            if self.agenda.clock.time() >= due:
                message = "Job was active longer than specified deadline"
                return False, "DeadlineExceeded", message
            metadata = job["metadata"]
            self.enqueue_at(JOB.key(metadata["namespace"], metadata["name"]), due)
        done = succeeded >= completions if completions is not None else succeeded and not active
        if done:
            return True, "CompletionsReached", "Reached expected number of succeeded pods"
        return None

    @staticmethod
    def _restarted_too_often(spec: Object, active: list[Object]) -> bool:
        if spec["template"]["spec"]["restartPolicy"] != "OnFailure":
            return False
        restarts = sum(
            int(item["restartCount"])
            for pod in active
            for field in ("containerStatuses", "initContainerStatuses")
            for item in pod["status"].get(field) or ()
        )
        limit: int = spec["backoffLimit"]
        return restarts >= limit if limit else restarts > 0

    def _stop(self, job: Object, pods: list[Object], surplus: int) -> list[Object]:
        """Delete active pods, `surplus` at most; return the pods as they are then."""
        active = [pod for pod in pods if is_active(pod)]
        active.sort(key=lambda pod: (is_ready(pod), pod["metadata"]["creationTimestamp"]))
        for pod in active[:surplus]:
            delete_pod(self, job, pod, _COMPONENT)
        return [item.object for item in owned(self.storage, job, POD)]

    def _finish(
        self,
        job: Object,
        status: Object,
        pods: list[Object],
        success: bool,
        reason: str,
        message: str,
    ) -> Object:
        """Return the status of a job that is ending, or has ended once all pods have."""
        interim, final = (
            ("SuccessCriteriaMet", "Complete") if success else ("FailureTarget", "Failed")
        )
        status = self._with_condition(status, interim, True, reason, message)
        if any(pod["status"].get("phase") not in ("Succeeded", "Failed") for pod in pods):
            return status
        status = self._with_condition(status, final, True, reason, message)
        if success:
            status["completionTime"] = timestamp(self.now())
            self.recorder.record(job, "Normal", "Completed", "Job completed", _COMPONENT)
        else:
            self.recorder.record(job, "Warning", reason, message, _COMPONENT)
        return status

    def _balance(
        self, job: Object, status: Object, pods: list[Object], *, suspended: bool
    ) -> list[Object]:
        """Start or stop pods; return the pods as they are then."""
        spec = job["spec"]
        active = sum(map(is_active, pods))
        wanted = 0 if suspended else spec["parallelism"]
        succeeded = status.get("succeeded", 0)
        if spec.get("completions") is not None:
            wanted = min(wanted, spec["completions"] - succeeded)
        elif succeeded:
            wanted = min(wanted, active)
        if active > wanted:
            return self._stop(job, pods, active - wanted)
        if active == wanted:
            return pods
        due = self._next_start(pods, status)
        if self.agenda.clock.time() < due:
            metadata = job["metadata"]
            self.enqueue_at(JOB.key(metadata["namespace"], metadata["name"]), due)
            return pods
        for _ in range(wanted - active):
            pod = pod_from(job, spec["template"], prefix=job["metadata"]["name"] + "-")
            pod["metadata"]["finalizers"] = [
                *(pod["metadata"].get("finalizers") or ()),
                TRACKING,
            ]
            create_pod(self, job, pod, _COMPONENT)
        return [item.object for item in owned(self.storage, job, POD)]

    @staticmethod
    def _next_start(pods: list[Object], status: Object) -> float:
        """Return when the next pod may start: later after each failure (seconds since 1970)."""
        failed: int = status.get("failed", 0)
        if not failed:
            return 0.0
        ends = [
            moment(ended["finishedAt"]).timestamp()
            for pod in pods
            if pod["status"].get("phase") == "Failed"
            for item in pod["status"].get("containerStatuses") or ()
            if (ended := item["state"].get("terminated"))
        ]
        return max(ends, default=0.0) + min(_BACK_OFF << min(failed - 1, 8), _MAX_BACK_OFF)

    @staticmethod
    def _with_numbers(status: Object, pods: list[Object]) -> Object:
        """Return the status with the numbers that follow from the pods there are."""
        active = [pod for pod in pods if is_active(pod)]
        numbers = {
            "active": len(active),
            "ready": sum(map(is_ready, active)),
            "terminating": sum(
                is_terminating(pod) and pod["status"].get("phase") not in ("Succeeded", "Failed")
                for pod in pods
            ),
            "uncountedTerminatedPods": {},
        }
        return less_zeros({**status, **numbers}, "ready", "terminating")

    def _expire(self, entry: Entry) -> None:
        """Delete a finished job when its time to live is over."""
        job = entry.object
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None or is_terminating(job):
            return
        ended = find_condition(lookup(job, "status", "conditions"), "Complete") or find_condition(
            lookup(job, "status", "conditions"), "Failed"
        )
        if ended is None:
            return
        due = moment(ended["lastTransitionTime"]).timestamp() + seconds
        if self.agenda.clock.time() < due:
            self.enqueue_at(entry.key, due)
            return
        metadata = job["metadata"]
        self.registry.delete(
            JOB,
            metadata["namespace"],
            metadata["name"],
            DeleteOptions(propagation="Foreground", uid=metadata["uid"]),
        )
