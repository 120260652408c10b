"""The releases of an app: a Deployment's ReplicaSets, the ControllerRevisions of the other kinds.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#revision-history-limit
"""

import copy
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.records import (
    CHANGE_CAUSE,
    REVISION,
    ReplicaSet,
    release_number,
    seconds_at,
)
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import (
    Document,
    annotations_of,
    decoded,
    metadata_of,
    uid_of,
    whole,
)
from leviathan_tui.backend.kube.selectors import SelectorError, selector_query
from leviathan_tui.backend.kube.wire import UNREADABLE, Wire
from leviathan_tui.backend.untrusted import clean

MOST_NAMED: Final = 6
"""Fields that are named of those in which two releases differ."""

UNREADABLE_IMAGE: Final = "(not readable)"
"""What stands for the images of a release that is no pod template."""

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"


class Release(msgspec.Struct, frozen=True):
    """One release of an app."""

    revision: int
    image: str
    """The images of its containers."""
    created: int
    """Seconds since the epoch."""
    current: bool
    """Whether it is the one that the app is at, or on its way to."""
    ready: int = 0
    desired: int | None = None
    """Its replicas; None where only the app's own are known."""
    template: dict[str, Any] = {}
    """The pod template; empty where the release is known from the store alone, or is not readable."""
    cause: str = ""
    """The annotation `kubernetes.io/change-cause`, in which people say why."""
    changed: str = ""
    """In which fields but images it differs from the release before it; empty where none is known."""

    @property
    def told_by(self) -> str:
        """What tells it from others of the same image, in words; empty where nothing is known."""
        return "; ".join(filter(None, (self.cause, self.changed)))


def releases_known(sets: Iterable[ReplicaSet], revision: str) -> list[Release]:
    """Return a Deployment's releases from the records of its ReplicaSets, the newest first.

    `revision` is the Deployment's own.
    """
    found = [
        Release(
            one.revision,
            one.image,
            one.created,
            current=str(one.revision) == revision,
            ready=one.ready,
            desired=one.desired,
            cause=one.cause,
        )
        for one in sets
    ]
    return sorted(found, key=lambda release: -release.revision)


async def releases(client: KubeClient, kind: Kind, app: Document) -> list[Release]:
    """Return the releases that the cluster remembers of an app, the newest first.

    Raises `KubeError`.
    """
    holder = kinds.REPLICA_SET if kind == kinds.DEPLOYMENT else kinds.CONTROLLER_REVISION
    try:
        query = selector_query((app.get("spec") or {}).get("selector") or {})
    except SelectorError:
        query = ""
    found: list[Release] = []
    namespace = str(metadata_of(app).get("namespace") or "")
    async for page in client.pages(holder, namespace, selector=query):
        for raw in page.items:
            item = decoded(raw)
            owners = metadata_of(item).get("ownerReferences") or ()
            if any(owner.get("uid") == uid_of(app) for owner in owners):
                found.append(_release(kind, app, item))
    found.sort(key=lambda release: -release.revision)
    if kind != kinds.DEPLOYMENT:
        # Going back gives an old revision the newest number: the present one is always the newest.
        found = [msgspec.structs.replace(one, current=not at) for at, one in enumerate(found)]
    return [
        msgspec.structs.replace(one, changed=changed_fields(before.template, one.template))
        for one, before in itertools.pairwise(found)
    ] + found[-1:]


def _release(kind: Kind, app: Document, item: Document) -> Release:
    spec = item.get("spec") or {}
    if kind == kinds.DEPLOYMENT:
        template = copy.deepcopy(spec.get("template") or {})
        labels = template.get("metadata", {}).get("labels")
        if isinstance(labels, dict):
            labels.pop("pod-template-hash", None)
        number = annotations_of(item).get(REVISION, "0")
        revision = release_number(number)
        current = number == annotations_of(app).get(REVISION)
    else:
        template = _kept_template(item.get("data"))
        revision, current = whole(item.get("revision")), False
    containers = (template.get("spec") or {}).get("containers") or ()
    images = ", ".join(clean(str(one.get("image", "")), 200) for one in containers)
    status = item.get("status") or {}
    return Release(
        revision,
        images if template else UNREADABLE_IMAGE,
        seconds_at(metadata_of(item).get("creationTimestamp")),
        current,
        ready=whole(status.get("readyReplicas")),
        desired=whole(spec.get("replicas")) if kind == kinds.DEPLOYMENT else None,
        template=template,
        cause=clean(annotations_of(item).get(CHANGE_CAUSE, ""), 200),
    )


class _Container(Wire):
    env: list[dict[str, Any]] | None = None


class _PodSpec(Wire):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None


class _Metadata(Wire):
    labels: dict[str, Any] | None = None
    annotations: dict[str, Any] | None = None


class _Template(Wire):
    metadata: _Metadata | None = None
    spec: _PodSpec | None = None


class _KeptSpec(Wire):
    template: _Template


class _Kept(Wire):
    """What a ControllerRevision holds: the server takes anything for that."""

    spec: _KeptSpec


def _kept_template(data: Any) -> dict[str, Any]:
    """Return the pod template that a ControllerRevision holds; empty where it holds none."""
    try:
        msgspec.convert(data, _Kept)
    except UNREADABLE:
        return {}
    template: dict[str, Any] = copy.deepcopy(data["spec"]["template"])
    template.pop("$patch", None)
    return template


def changed_fields(before: Document, after: Document) -> str:
    """Return in which fields but images two pod templates differ, as in `env LOG_LEVEL, command`.

    Values are left out: they may be secrets.
    """
    found = list(dict.fromkeys(_changed(before, after)))
    named = [clean(one, 60) for one in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        named.append(f"{len(found) - MOST_NAMED} more")
    return ", ".join(named)


def _changed(before: Document, after: Document) -> Iterator[str]:
    old, new = before.get("spec") or {}, after.get("spec") or {}
    for name in _unequal(old, new):
        if name in ("containers", "initContainers"):
            yield from _of_containers(old.get(name) or [], new.get(name) or [])
        else:
            yield name
    for name in _unequal(metadata_of(before), metadata_of(after)):
        if name != "annotations":
            yield name
            continue
        changed = _unequal(annotations_of(before), annotations_of(after))
        yield from ("restart" if one == RESTARTED_AT else f"annotation {one}" for one in changed)


def _of_containers(before: list[Document], after: list[Document]) -> Iterator[str]:
    old, new = _by_name(before), _by_name(after)
    several = len(old | new) > 1
    for name in old | new:
        where = f"{name}: " if several else ""
        if name not in old or name not in new:
            yield f"container {name}"
            continue
        for key in _unequal(old[name], new[name]):
            if key == "env":
                variables = _unequal(
                    _by_name(old[name].get("env") or []), _by_name(new[name].get("env") or [])
                )
                yield from (f"{where}env {variable}" for variable in variables)
            elif key != "image":
                yield f"{where}{key}"


def _by_name(items: list[Document]) -> dict[str, Document]:
    return {str(one.get("name", "")): one for one in items}


def _unequal(old: Document, new: Document) -> list[str]:
    return [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
