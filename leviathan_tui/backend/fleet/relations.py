"""The only answer to what belongs to an app.

* Pods are those that it controls, directly or through what it makes for that purpose (a Deployment its
  ReplicaSets, a cron job its Jobs): the controller decides, never a label, which a stranger may carry.
* Services, Ingresses and disruption budgets are those that pick its *pods*, by the labels that its
  template gives them. Source:
  https://kubernetes.io/docs/concepts/services-networking/service/#services-in-kubernetes
* Releases are a Deployment's ReplicaSets, and the ControllerRevisions of the other kinds.
"""

import copy
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.records import REVISION, Ref, ReplicaSet, seconds_at
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotConnected, NotFound, NotKubernetes
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import (
    Document,
    annotations_of,
    metadata_of,
    pod_labels_of,
    pod_spec_of,
    replicas_of,
    uid_of,
)
from leviathan_tui.backend.kube.selectors import SelectorError, selector_query, selects
from leviathan_tui.backend.kube.wire import Metadata, Wire
from leviathan_tui.backend.untrusted import clean

BETWEEN: Final[dict[str, Kind]] = {
    kinds.DEPLOYMENT.name: kinds.REPLICA_SET,
    kinds.CRON_JOB.name: kinds.JOB,
}
"""What some kinds make that makes their pods in turn; the others make them themselves."""

MOST_CLAIMS: Final = 20
"""Replicas of a StatefulSet whose volume claims are looked for."""


def controls(owner: str, between: Collection[str], controller: str) -> bool:
    """Whether a pod whose controller has the uid `controller` belongs to the object `owner`.

    `between` are the uids of what that object controls itself.
    """
    return bool(controller) and (controller == owner or controller in between)


class RelatedObject(msgspec.Struct, frozen=True):
    """One object that belongs to an app."""

    kind: Kind
    ref: Ref
    why: str
    """Why it is taken to belong to the app, as in `sends to its pods`."""
    alone: bool = False
    """Whether it serves this app and certainly no other, so that it may go with it."""
    document: Document = {}
    """The object as it was read; empty where only its uid was asked for."""


class Relations(msgspec.Struct):
    """What belongs to an app besides its pods and releases."""

    objects: list[RelatedObject]
    unreadable: dict[str, str]
    """The kinds that could not be read, with the reason: of these, more may belong to it."""


Alone = Callable[[Document], Awaitable[bool]]
"""Tells whether a LabelSelector picks pods of certain apps, and certainly no others."""


async def serving(
    client: KubeClient, kind: Kind, app: Document, alone: Alone | None = None
) -> Relations:
    """Return what works on an app's pods: Services, Ingresses, disruption budgets, autoscalers.

    Without `alone`, nothing counts as serving this app alone but what names it. Raises `NotConnected`.
    """
    namespace, name = _place_of(app)
    labels = pod_labels_of(app)
    found = Relations([], {})

    def add(of: Kind, item: Document, why: str, *, alone: bool) -> None:
        metadata = metadata_of(item)
        ref = Ref(of.name, namespace, str(metadata.get("name") or ""), uid_of(item))
        found.objects.append(RelatedObject(of, ref, why, alone, item))

    services: set[str] = set()
    own: set[str] = set()
    for item in await _list(client, kinds.SERVICE, namespace, found):
        pairs = (item.get("spec") or {}).get("selector")
        selector = {"matchLabels": pairs}
        if not pairs or not selects(selector, labels):
            # A Service without a selector has its endpoints from elsewhere.
            continue
        service = str(metadata_of(item).get("name") or "")
        services.add(service)
        is_own = alone is not None and await alone(selector)
        if is_own:
            own.add(service)
        shared = alone is not None and not is_own
        why = "sends to its pods and may to others" if shared else "sends to its pods"
        add(kinds.SERVICE, item, why, alone=is_own)
    for item in await _list(client, kinds.INGRESS, namespace, found):
        backends = set(_backends(item.get("spec") or {}))
        if backends and backends <= services:
            add(kinds.INGRESS, item, "leads to its Service alone", alone=backends <= own)
    for item in await _list(client, kinds.DISRUPTION_BUDGET, namespace, found):
        guarded = (item.get("spec") or {}).get("selector")
        if isinstance(guarded, dict) and selects(guarded, labels):
            is_own = alone is not None and await alone(guarded)
            add(kinds.DISRUPTION_BUDGET, item, "guards its pods", alone=is_own)
    for item in await _list(client, kinds.AUTOSCALER, namespace, found):
        if _scales(item, kind.name, name):
            add(kinds.AUTOSCALER, item, "scales it", alone=True)
    return found


async def related_objects(
    client: KubeClient, kind: Kind, app: Document, going: Collection[str] = ()
) -> Relations:
    """Return everything that belongs to an app: what serves it, its configuration, its volumes.

    Configuration, which others may use, and volumes, whose data would be lost, never count as its
    alone. What it shares with apps of the uids `going` only, which go too, does. Raises
    `NotConnected`.
    """
    namespace, name = _place_of(app)
    alone = await _alone(client, namespace, {uid_of(app), *going})
    found = await serving(client, kind, app, alone)
    for of, other, why in _references(app, name):
        try:
            document = msgspec.json.decode(await client.read(of.path(namespace, other)))
        except (NotFound, msgspec.MsgspecError):
            continue
        except NotConnected:
            raise
        except KubeError as error:
            found.unreadable.setdefault(of.name, error.message)
            continue
        ref = Ref(of.name, namespace, other, uid_of(document))
        found.objects.append(RelatedObject(of, ref, why))
    return found


async def autoscalers(client: KubeClient, kind: str, ref: Ref) -> list[Document]:
    """Return the autoscalers of an app. Raises `KubeError`."""
    found = []
    async for page in client.pages(kinds.AUTOSCALER, ref.namespace):
        found += [msgspec.json.decode(raw) for raw in page.items]
    return [item for item in found if _scales(item, kind, ref.name)]


def _scales(autoscaler: Document, kind: str, name: str) -> bool:
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return (target.get("kind"), target.get("name")) == (kind, name)


async def _alone(client: KubeClient, namespace: str, apps: Collection[str]) -> Alone:
    """Return what tells whether a selector picks pods of the apps with these uids only.

    Other apps count by the labels that they give their pods, for they may have none now; whatever
    else has pods, by its pods. What may not be read is taken for others'. Raises `NotConnected`.
    """
    others = await _labels_of_others(client, namespace, apps)

    async def alone(selector: Document) -> bool:
        if others is None or any(selects(selector, labels) for labels in others):
            return False
        try:
            query = selector_query(selector)
            made: set[str] = set()
            async for page in client.pages(kinds.REPLICA_SET, namespace, selector=query):
                sets = [msgspec.json.decode(raw, type=_Owned).metadata for raw in page.items]
                made |= {one.uid for one in sets if one.controller.uid in apps}
            async for page in client.pages(kinds.POD, namespace, selector=query):
                for raw in page.items:
                    controller = msgspec.json.decode(raw, type=_Owned).metadata.controller.uid
                    if not any(controls(uid, made, controller) for uid in apps):
                        return False
        except NotConnected:
            raise
        except (KubeError, SelectorError, msgspec.MsgspecError):
            return False
        return True

    return alone


class _Owned(Wire):
    metadata: Metadata


async def _labels_of_others(
    client: KubeClient, namespace: str, without: Collection[str]
) -> list[dict[str, str]] | None:
    """Return the pod labels of the namespace's other apps; None where they may not be read."""
    found = []
    for kind in kinds.WORKLOADS:
        try:
            async for page in client.pages(kind, namespace):
                documents = [msgspec.json.decode(raw) for raw in page.items]
                found += [pod_labels_of(one) for one in documents if uid_of(one) not in without]
        except NotConnected:
            raise
        except KubeError:
            return None
    return found


def _place_of(app: Document) -> tuple[str, str]:
    metadata = metadata_of(app)
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


async def _list(
    client: KubeClient, kind: Kind, namespace: str, relations: Relations
) -> list[Document]:
    found = []
    try:
        async for page in client.pages(kind, namespace):
            found += [msgspec.json.decode(raw) for raw in page.items]
    except NotConnected:
        raise
    except KubeError as error:
        # Where the server lacks the group, there is none.
        if not (isinstance(error, NotFound | NotKubernetes) and error.code == 404):
            relations.unreadable[kind.name] = error.message
        return []
    return found


def _backends(spec: dict[str, Any]) -> Iterator[str]:
    paths = [
        path
        for rule in spec.get("rules") or ()
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        service = (backend or {}).get("service") or {}
        if service.get("name"):
            yield str(service["name"])


def _references(app: Document, name: str) -> list[tuple[Kind, str, str]]:
    """Return the configuration and the volumes that an app's pods use."""
    found: dict[tuple[str, str], tuple[Kind, str, str]] = {}

    def add(kind: Kind, other: Any, why: str) -> None:
        if isinstance(other, str) and other:
            found.setdefault((kind.name, other), (kind, other, why))

    config, secret, claim = kinds.CONFIG_MAP, kinds.SECRET, kinds.VOLUME_CLAIM
    pod = pod_spec_of(app)
    for container in (*(pod.get("containers") or ()), *(pod.get("initContainers") or ())):
        for source in container.get("envFrom") or ():
            add(config, (source.get("configMapRef") or {}).get("name"), "is its environment")
            add(secret, (source.get("secretRef") or {}).get("name"), "is its environment")
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            add(config, (source.get("configMapKeyRef") or {}).get("name"), "is its environment")
            add(secret, (source.get("secretKeyRef") or {}).get("name"), "is its environment")
    for volume in pod.get("volumes") or ():
        add(config, (volume.get("configMap") or {}).get("name"), "is mounted by it")
        add(secret, (volume.get("secret") or {}).get("secretName"), "is mounted by it")
        mounted = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        add(claim, mounted, "holds its data, which would be lost")
    for template in (app.get("spec") or {}).get("volumeClaimTemplates") or ():
        for number in range(min(replicas_of(app), MOST_CLAIMS)):
            own = f"{metadata_of(template).get('name')}-{name}-{number}"
            add(claim, own, "holds its data, which would be lost")
    return list(found.values())


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
    desired: int = 0
    """Its replicas; 0 where only the app's own are known."""
    template: dict[str, Any] = {}
    """The pod template; empty where the release is known from the store alone."""


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
        )
        for one in sets
    ]
    return sorted(found, key=lambda release: -release.revision)


async def releases(client: KubeClient, kind: Kind, app: Document) -> list[Release]:
    """Return the releases that the cluster remembers of an app, the newest first.

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#revision-history-limit

    Raises `KubeError`.
    """
    holder = kinds.REPLICA_SET if kind == kinds.DEPLOYMENT else kinds.CONTROLLER_REVISION
    found: list[Release] = []
    async for page in client.pages(holder, _place_of(app)[0]):
        for raw in page.items:
            item = msgspec.json.decode(raw)
            owners = metadata_of(item).get("ownerReferences") or ()
            if any(owner.get("uid") == uid_of(app) for owner in owners):
                found.append(_release(kind, app, item))
    found.sort(key=lambda release: -release.revision)
    if kind != kinds.DEPLOYMENT:
        # Going back gives an old revision the newest number: the present one is always the newest.
        found = [msgspec.structs.replace(one, current=not at) for at, one in enumerate(found)]
    return found


def _release(kind: Kind, app: Document, item: Document) -> Release:
    spec = item.get("spec") or {}
    if kind == kinds.DEPLOYMENT:
        template = copy.deepcopy(spec.get("template") or {})
        labels = template.get("metadata", {}).get("labels")
        if isinstance(labels, dict):
            labels.pop("pod-template-hash", None)
        number = annotations_of(item).get(REVISION, "0")
        revision = int(number) if number.isdigit() else 0
        current = number == annotations_of(app).get(REVISION)
    else:
        data = (item.get("data") or {}).get("spec") or {}
        template = copy.deepcopy(data.get("template") or {})
        template.pop("$patch", None)
        revision, current = int(item.get("revision") or 0), False
    containers = (template.get("spec") or {}).get("containers") or ()
    status = item.get("status") or {}
    return Release(
        revision,
        ", ".join(clean(str(one.get("image", "")), 200) for one in containers),
        seconds_at(metadata_of(item).get("creationTimestamp")),
        current,
        ready=status.get("readyReplicas") or 0,
        desired=spec.get("replicas") or 0,
        template=template,
    )
