"""The only answer to what belongs to an app.

* Pods are those that it controls, directly or through what it makes for that purpose (a Deployment its
  ReplicaSets, a cron job its Jobs): the controller decides, never a label, which a stranger may carry.
* Services, Ingresses and disruption budgets are those that pick its *pods*, by the labels that its
  template gives them. Source:
  https://kubernetes.io/docs/concepts/services-networking/service/#services-in-kubernetes
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotConnected, NotFound, NotKubernetes
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import (
    Document,
    decoded,
    decoded_as,
    metadata_of,
    pod_labels_of,
    pod_spec_of,
    replicas_of,
    uid_of,
)
from leviathan_tui.backend.kube.selectors import SelectorError, selector_query, selects
from leviathan_tui.backend.kube.wire import Metadata, Wire

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
    ticked: bool = False
    """Whether it goes too unless somebody objects: as it serves this app and certainly no other."""
    document: Document = {}
    """The object as it was read; empty where only its uid was asked for."""


class Relations(msgspec.Struct):
    """What belongs to an app besides its pods and releases."""

    objects: list[RelatedObject]
    unreadable: dict[str, str]
    """The kinds that could not be read, with the reason: of these, more may belong to it."""


async def serving(client: KubeClient, kind: Kind, app: Document) -> Relations:
    """Return what works on an app's pods: Services, Ingresses, disruption budgets, autoscalers.

    Whether it serves this app alone is not looked at. Raises `NotConnected`.
    """
    around = _Surroundings(client, [app])
    return Relations(await around.serving(kind, app, sure=False), around.unreadable)


async def related_objects(
    client: KubeClient, apps: Sequence[tuple[Kind, Document]]
) -> list[Relations]:
    """Return for each of several apps that go together everything that belongs to it.

    That is what serves it, its configuration and its volumes. Configuration, which others may use,
    and volumes, whose data would be lost, never count as its alone; what the apps share among
    themselves does. Raises `NotConnected`.
    """
    by_namespace: dict[str, list[Document]] = {}
    for _, app in apps:
        by_namespace.setdefault(_place_of(app)[0], []).append(app)
    around = {name: _Surroundings(client, here) for name, here in by_namespace.items()}
    found = []
    for kind, app in apps:
        here = around[_place_of(app)[0]]
        objects = await here.serving(kind, app, sure=True) + await here.used_by(app)
        found.append(Relations(objects, here.unreadable))
    return found


class _Surroundings:
    """The namespace of some apps, of which each list is read once."""

    def __init__(self, client: KubeClient, apps: Sequence[Document]) -> None:
        self.unreadable: dict[str, str] = {}
        self._client = client
        self._apps = apps
        self._namespace = _place_of(apps[0])[0]
        self._uids = {uid_of(app) for app in apps}
        self._lists: dict[str, list[Document]] = {}
        self._alone: dict[str, bool] = {}

    async def serving(self, kind: Kind, app: Document, *, sure: bool) -> list[RelatedObject]:
        """Return what works on an app's pods; with `sure`, whether on those of the apps alone."""
        labels = pod_labels_of(app)
        found: list[RelatedObject] = []
        mine: set[str] = set()
        for item in await self._list(kinds.SERVICE):
            if not _sends_to(item, labels):
                continue
            mine.add(_name_of(item))
            alone = sure and await self._is_alone(_selector_of(item))
            others = " and may to others" if sure and not alone else ""
            found.append(self._related(kinds.SERVICE, item, f"sends to its pods{others}", alone))
        for item in await self._list(kinds.INGRESS):
            backends = set(_backends(item.get("spec") or {}))
            if not backends & mine or not backends <= await self._services():
                continue
            alone = sure and backends <= await self._services(alone=True)
            found.append(self._related(kinds.INGRESS, item, "leads to its Service alone", alone))
        for item in await self._list(kinds.DISRUPTION_BUDGET):
            guarded = (item.get("spec") or {}).get("selector")
            if isinstance(guarded, dict) and selects(guarded, labels):
                alone = sure and await self._is_alone(guarded)
                budget = self._related(kinds.DISRUPTION_BUDGET, item, "guards its pods", alone)
                found.append(budget)
        scalers = await self._list(kinds.AUTOSCALER)
        return found + [
            self._related(kinds.AUTOSCALER, item, "scales it", ticked=True)
            for item in scalers
            if _scales(item, kind.name, _place_of(app)[1])
        ]

    async def used_by(self, app: Document) -> list[RelatedObject]:
        """Return the configuration and the volumes that an app's pods use, where they are there."""
        found = []
        for of, name, why in _references(app, _place_of(app)[1]):
            try:
                item = decoded(await self._client.read(of.path(self._namespace, name)))
            except NotConnected:
                raise
            except KubeError as error:
                if not isinstance(error, NotFound):
                    self.unreadable.setdefault(of.name, error.message)
                continue
            found.append(self._related(of, item, why, ticked=False))
        return found

    def _related(self, kind: Kind, item: Document, why: str, ticked: bool) -> RelatedObject:
        ref = Ref(kind.name, self._namespace, _name_of(item), uid_of(item))
        return RelatedObject(kind, ref, why, ticked, item)

    async def _services(self, *, alone: bool = False) -> set[str | None]:
        """Return the names of the Services that send to any of the apps, or to them alone."""
        labels = [pod_labels_of(app) for app in self._apps]
        return {
            _name_of(item)
            for item in await self._list(kinds.SERVICE)
            if any(_sends_to(item, one) for one in labels)
            and (not alone or await self._is_alone(_selector_of(item)))
        }

    async def _list(self, kind: Kind) -> list[Document]:
        known = self._lists.get(kind.name)
        if known is not None:
            return known
        found: list[Document] = []
        try:
            async for page in self._client.pages(kind, self._namespace):
                found += [decoded(raw) for raw in page.items]
        except NotConnected:
            raise
        except KubeError as error:
            # Where the server lacks the group, there is none.
            if not (isinstance(error, NotFound | NotKubernetes) and error.code == 404):
                self.unreadable[kind.name] = error.message
            found = []
        self._lists[kind.name] = found
        return found

    async def _is_alone(self, selector: Document) -> bool:
        """Whether a selector picks pods of the apps, and certainly no others.

        Other apps count by the labels that they give their pods, for they may have none now; whatever
        else has pods, by its pods. What may not be read is taken for others'.
        """
        try:
            query = selector_query(selector)
            if query not in self._alone:
                self._alone[query] = not await self._picks_others(selector, query)
        except NotConnected:
            raise
        except (KubeError, SelectorError):
            return False
        return self._alone[query]

    async def _picks_others(self, selector: Document, query: str) -> bool:
        for kind in kinds.WORKLOADS:
            apps = await self._list(kind)
            if self.unreadable.pop(kind.name, ""):
                # An app belongs to no other: nothing is missing but the certainty.
                del self._lists[kind.name]
                return True
            others = (one for one in apps if uid_of(one) not in self._uids)
            if any(selects(selector, pod_labels_of(one)) for one in others):
                return True
        client, made = self._client, set()
        async for page in client.pages(kinds.REPLICA_SET, self._namespace, selector=query):
            sets = [decoded_as(raw, _Owned).metadata for raw in page.items]
            made |= {one.uid for one in sets if one.controller.uid in self._uids}
        async for page in client.pages(kinds.POD, self._namespace, selector=query):
            for raw in page.items:
                controller = decoded_as(raw, _Owned).metadata.controller.uid
                if not any(controls(uid, made, controller) for uid in self._uids):
                    return True
        return False


class _Owned(Wire):
    metadata: Metadata


def _name_of(item: Document) -> str:
    return str(metadata_of(item).get("name") or "")


def _selector_of(service: Document) -> Document:
    return {"matchLabels": (service.get("spec") or {}).get("selector")}


def _sends_to(service: Document, labels: dict[str, str]) -> bool:
    """Whether a Service picks pods with these labels; one without a selector picks none."""
    selector = _selector_of(service)
    return bool(selector["matchLabels"]) and selects(selector, labels)


async def autoscalers(client: KubeClient, kind: str, ref: Ref) -> list[Document]:
    """Return the autoscalers of an app. Raises `KubeError`."""
    found = []
    async for page in client.pages(kinds.AUTOSCALER, ref.namespace):
        found += [decoded(raw) for raw in page.items]
    return [item for item in found if _scales(item, kind, ref.name)]


def _scales(autoscaler: Document, kind: str, name: str) -> bool:
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return (target.get("kind"), target.get("name")) == (kind, name)


def _place_of(app: Document) -> tuple[str, str]:
    metadata = metadata_of(app)
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _backends(spec: Document) -> Iterator[str | None]:
    """Return the Services that an Ingress leads to; None for a backend that is something else."""
    paths = [
        path
        for rule in spec.get("rules") or ()
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        if backend:
            yield (backend.get("service") or {}).get("name")


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
