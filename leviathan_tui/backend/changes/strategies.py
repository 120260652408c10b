"""What an app's update strategy makes of a new pod template, for that is not always "a few at a time".

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy,
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#update-strategies,
https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/
"""

from typing import Any, Final

from leviathan_tui.backend.changes.intents import Change, Intent
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.new_pods import is_ready, pods_of
from leviathan_tui.backend.changes.refusals import NotPossible, Refusal
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.relations import RelatedObject
from leviathan_tui.backend.fleet.status import pod_status
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, replicas_of, whole
from leviathan_tui.backend.untrusted import clean

_SELDOM_ALL_AT_ONCE: Final = 2
"""From so many pods on, it is worth a word that all of them may be stopped at once."""


def rolls_out(before: Document | None, after: Document | None) -> bool:
    """Whether a change gives an app a new pod template that its controller acts on, or resumes one."""
    if before is None or after is None:
        return False
    old, new = before.get("spec") or {}, after.get("spec") or {}
    if new.get("paused"):
        return False
    if old.get("template") != new.get("template"):
        return True
    # Of what is held back, no pod is there yet.
    updated = whole((before.get("status") or {}).get("updatedReplicas"))
    return bool(old.get("paused")) and updated < replicas_of(after)


def warnings_of(kind: Kind, app: Document) -> list[str]:
    """Return what is to be known before an app, with its new template, is rolled out."""
    status = app.get("status") or {}
    wanted = (
        whole(status.get("desiredNumberScheduled"))
        if kind == kinds.DAEMON_SET
        else replicas_of(app)
    )
    if not wanted:
        return []
    strategy = _strategy(kind, app)
    how = strategy.get("type")
    if how == "Recreate":
        first = "the pod first, then starts it again" if wanted == 1 else f"all {wanted} pods first"
        then = "" if wanted == 1 else f", then starts {wanted}"
        return [f"Recreate stops {first}{then}: nothing answers in between."]
    if how == "OnDelete":
        keep = "the pod keeps its release" if wanted == 1 else "the pods keep their release"
        them = "it is" if wanted == 1 else "they are"
        return [f"Kubernetes replaces no pod by itself (OnDelete): {keep} until {them} deleted."]
    rolling = strategy.get("rollingUpdate") or {}
    if kind == kinds.STATEFUL_SET:
        warnings = _of_partition(wanted, whole(rolling.get("partition")), _first_ordinal(app))
        if warnings:
            return warnings
    away = rolling.get("maxUnavailable")
    if _count(away, wanted, up=kind == kinds.DAEMON_SET) >= wanted >= _SELDOM_ALL_AT_ONCE:
        return [
            f"All {wanted} pods may be stopped at once (maxUnavailable {clean(str(away), 20)})."
        ]
    return []


def _of_partition(wanted: int, partition: int, first: int) -> list[str]:
    replaced = max(0, wanted - partition)
    if replaced == wanted:
        return []
    if not replaced:
        return [f"No pod is replaced: the partition {partition} leaves all {wanted} as they are."]
    # A partition counts the pods that stay, from the first one on, whatever its number.
    lowest = first + partition
    which = f"pod {lowest} is" if replaced == 1 else f"pods {lowest} and up are"
    return [f"Only {which} replaced, {replaced} of {wanted} (partition {partition})."]


def _count(value: Any, wanted: int, *, up: bool) -> int:
    """Return a number of pods that is given as one, or as a percentage of those wanted."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        exact = int(value[:-1]) * wanted
        return -(-exact // 100) if up else exact // 100
    return whole(value)


def _strategy(kind: Kind, app: Document) -> dict[str, Any]:
    name = "strategy" if kind == kinds.DEPLOYMENT else "updateStrategy"
    found: dict[str, Any] = (app.get("spec") or {}).get(name) or {}
    return found


def _first_ordinal(app: Document) -> int:
    return whole(((app.get("spec") or {}).get("ordinals") or {}).get("start"))


def _ordinal(pod: str) -> int:
    """Return the number at the end of the name of a StatefulSet's pod; 0 where it has none."""
    number = pod.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def replaced_at_most(kind: Kind, app: Document, wanted: int) -> int:
    """Return how many of the pods that an app wants its controller brings to the new release."""
    strategy = _strategy(kind, app)
    if strategy.get("type") == "OnDelete":
        return 0
    partition = whole((strategy.get("rollingUpdate") or {}).get("partition"))
    return max(0, wanted - partition)


def why_kept(kind: Kind, app: Document, kept: int) -> str:
    """Return that so many pods keep the former release, in words; nothing where none do."""
    if kept <= 0:
        return ""
    strategy = _strategy(kind, app)
    pods = "1 pod keeps" if kept == 1 else f"{kept} pods keep"
    if strategy.get("type") == "OnDelete":
        return f"{pods} the former release until {'it is' if kept == 1 else 'they are'} deleted"
    partition = whole((strategy.get("rollingUpdate") or {}).get("partition"))
    return f"{pods} the former release (partition {partition})"


def waits_for_each(kind: Kind, app: Document) -> bool:
    """Whether a pod that is not ready keeps the controller from replacing any pod, itself included.

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
    """
    if kind != kinds.STATEFUL_SET or _strategy(kind, app).get("type") == "OnDelete":
        return False
    policy = (app.get("spec") or {}).get("podManagementPolicy")
    return policy in (None, "OrderedReady")


def blocks(pod: wire.Pod) -> bool:
    """Whether a pod holds up a controller that waits for each: a pod that ended is replaced."""
    going = pod.metadata.deletion_timestamp is not None
    return not going and pod.status.phase not in ("Failed", "Succeeded") and not is_ready(pod)


def trouble_of(pod: wire.Pod) -> str:
    """Return what is the matter with a pod, as in `CrashLoopBackOff, exit 1`."""
    status = pod_status(pod)
    word = "not ready" if status.word == "Running" else clean(status.word)
    return f"{word}, {clean(status.reason, 200)}" if status.reason else word


async def kept_pods(client: KubeClient, kind: Kind, app: Document, ref: Ref) -> list[RelatedObject]:
    """Return the pods of an app that its controller would not bring to a new release by itself.

    A broken one, which also keeps the controller from replacing the others, counts as one that
    should go, unless a partition gives it the former release again. Raises `KubeError` where the pods
    cannot be read.
    """
    on_delete = _strategy(kind, app).get("type") == "OnDelete"
    in_order = waits_for_each(kind, app)
    if not (on_delete or in_order):
        return []
    lowest = _first_ordinal(app) + replicas_of(app) - replaced_at_most(kind, app, replicas_of(app))
    found = []
    for pod in await pods_of(client, ref, app):
        name = pod.metadata.name
        pod_ref = Ref("Pod", pod.metadata.namespace, name, pod.metadata.uid)
        if on_delete and pod.metadata.deletion_timestamp is None:
            found.append(RelatedObject(kinds.POD, pod_ref, "keeps its release until then"))
        elif in_order and blocks(pod):
            why = f"{trouble_of(pod)}; no pod is replaced before it is ready"
            helps = pod_status(pod).failing and _ordinal(name) >= lowest
            found.append(RelatedObject(kinds.POD, pod_ref, why, ticked=helps))
    return sorted(found, key=lambda one: one.ref.name)


class ReplacePod(Delete):
    """Delete a pod so that its controller makes it anew, with the release that it has by then."""

    takes_related = False

    def __init__(self, ref: Ref, app: Intent) -> None:
        """`app` is the change of the app that it is part of."""
        super().__init__(kinds.POD, ref)
        self.part_of = app.subject

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the deletion, said as what it is for."""
        change = await super().plan(client, document, actor)
        change.effect = f"Delete {self.ref.name}, to be made anew for {self.part_of}."
        return change

    def refuse(self, why: str) -> Refusal:
        """Return the refusal."""
        return NotPossible(f"{self.ref.name} is not replaced: {why}")
