"""The cells of jobs, cron jobs, nodes, events, revisions and claims, as `kubectl get` shows them."""

from collections.abc import Callable
from datetime import datetime

from leviathan_sandbox.objects import Object, controller_of, lookup, moment
from leviathan_sandbox.server.durations import human_duration, since


def completions(job: Object, _: datetime) -> str:
    """Return how many of a job's pods have succeeded, of how many."""
    spec, done = job["spec"], (job.get("status") or {}).get("succeeded", 0)
    if spec.get("completions") is not None:
        return f"{done}/{spec['completions']}"
    parallelism = spec.get("parallelism") or 0
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def job_duration(job: Object, now: datetime) -> str:
    """Return how long a job runs or ran; nothing before its start."""
    status = job.get("status") or {}
    if not status.get("startTime"):
        return ""
    ended = status.get("completionTime")
    end = moment(ended) if ended else now
    return human_duration((end - moment(status["startTime"])).total_seconds())


def job_status(job: Object, _: datetime) -> str:
    """Return whether a job runs, or how it ended."""
    held = {
        item["type"]
        for item in (job.get("status") or {}).get("conditions") or ()
        if item["status"] == "True"
    }
    for condition in ("Complete", "Failed"):
        if condition in held:
            return condition
    if "deletionTimestamp" in job["metadata"]:
        return "Terminating"
    for condition in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if condition in held:
            return condition
    return "Running"


def suspended(cron_job: Object, _: datetime) -> str:
    """Return whether a cron job is paused."""
    suspend = cron_job["spec"].get("suspend")
    return "<unset>" if suspend is None else str(bool(suspend))


def last_schedule(cron_job: Object, now: datetime) -> str:
    """Return the time since a cron job was due last."""
    last = lookup(cron_job, "status", "lastScheduleTime")
    return since(last, now) if last else "<none>"


def node_status(node: Object, _: datetime) -> str:
    """Return whether a node is ready, and whether it takes new pods."""
    words = ["Unknown"]
    for condition in lookup(node, "status", "conditions") or ():
        if condition["type"] == "Ready":
            words = ["Ready" if condition["status"] == "True" else "NotReady"]
    if node["spec"].get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def node_roles(node: Object, _: datetime) -> str:
    """Return what a node is for, by its labels."""
    prefix = "node-role.kubernetes.io/"
    roles = set()
    for key, value in (node["metadata"].get("labels") or {}).items():
        if key.startswith(prefix) and key != prefix:
            roles.add(key.removeprefix(prefix))
        elif key == "kubernetes.io/role" and value:
            roles.add(value)
    return ",".join(sorted(roles)) or "<none>"


def node_address(kind: str) -> Callable[[Object, datetime], str]:
    """Return what makes the cell of a node's address of one type."""

    def cell(node: Object, _: datetime) -> str:
        for address in lookup(node, "status", "addresses") or ():
            if address["type"] == kind:
                return str(address["address"])
        return "<none>"

    return cell


def kernel(node: Object, _: datetime) -> str:
    """Return a node's kernel and architecture."""
    info = lookup(node, "status", "nodeInfo") or {}
    kernel = info.get("kernelVersion") or "<unknown>"
    return f"{kernel} ({info['architecture']})" if info.get("architecture") else kernel


def event_seen(event: Object, now: datetime) -> str:
    """Return the time since an event happened last."""
    series = event.get("series") or {}
    seen = series.get("lastObservedTime") or event.get("lastTimestamp")
    return since(seen, now) if seen else event_first(event, now)


def event_first(event: Object, now: datetime) -> str:
    """Return the time since an event happened first."""
    return since(event.get("firstTimestamp") or event.get("eventTime"), now)


def event_object(event: Object, _: datetime) -> str:
    """Return what an event is about."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    kind = (about.get("kind") or "").lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def event_source(event: Object, _: datetime) -> str:
    """Return who has recorded an event, and where."""
    source = event.get("source") or event.get("deprecatedSource") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def event_count(event: Object, _: datetime) -> int:
    """Return how often an event has happened."""
    count: int = (event.get("series") or {}).get("count") or event.get("count") or 1
    return count


def event_message(event: Object, _: datetime) -> str:
    """Return what happened."""
    return str(event.get("message") or event.get("note") or "").strip()


def revision_owner(revision: Object, _: datetime) -> str:
    """Return whose revision it is."""
    owner = controller_of(revision)
    if owner is None:
        return "<none>"
    group, slash, _version = owner["apiVersion"].partition("/")
    kind = owner["kind"].lower() + (f".{group}" if slash else "")
    return f"{kind}/{owner['name']}"


def access_modes(claim: Object, _: datetime) -> str:
    """Return how a claim's volume may be mounted, in short."""
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    modes = lookup(claim, "status", "accessModes") or ()
    return ",".join(short[mode] for mode in short if mode in modes)


def claim_status(claim: Object, _: datetime) -> str:
    """Return whether a claim has a volume."""
    if "deletionTimestamp" in claim["metadata"]:
        return "Terminating"
    return str(lookup(claim, "status", "phase") or "")


def size(*fields: str) -> Callable[[Object, datetime], int]:
    """Return what counts the values in some of an object's maps."""
    return lambda obj, _: sum(len(obj.get(field) or {}) for field in fields)
