"""What belongs to an app besides its pods, and would be left behind by deleting it alone."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.apps import pod_spec_of
from leviathan_tui.backend.changes.cautions import autoscalers_of
from leviathan_tui.backend.changes.intents import Document, metadata_of, uid_of
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, KubeError, NotConnected
from leviathan_tui.backend.kube.kinds import Kind

INGRESS: Final = Kind("Ingress", "ingresses", "networking.k8s.io")
BUDGET: Final = Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy")
CONFIG_MAP: Final = Kind("ConfigMap", "configmaps")
SECRET: Final = Kind("Secret", "secrets")
CLAIM: Final = Kind("PersistentVolumeClaim", "persistentvolumeclaims")


class Companion(msgspec.Struct):
    """One object that belongs to an app."""

    kind: Kind
    ref: Ref
    why: str
    """Why it is taken to belong to the app."""
    ticked: bool
    """Whether it is deleted with the app unless the user says otherwise."""

    def deletion(self) -> Delete:
        """Return the wish to delete it."""
        return Delete(self.kind, self.ref)


async def companions(client: KubeClient, kind: Kind, app: Document) -> list[Companion]:
    """Return what belongs to an app. What may not be read is left out.

    What serves the app alone is ticked; configuration, which others may use, and volumes, whose
    data would be lost, are not. Raises `NotConnected`.
    """
    namespace = str(metadata_of(app).get("namespace", ""))
    name = str(metadata_of(app).get("name", ""))
    labels = metadata_of((app.get("spec") or {}).get("template") or {}).get("labels") or {}
    found: list[Companion] = []
    others = await _labels_of_others(client, namespace, uid_of(app))

    def alone(selector: dict[str, str]) -> bool:
        """Whether a selector picks this app's pods and certainly no other's."""
        return others is not None and not any(selector.items() <= one.items() for one in others)

    services: set[str] = set()
    own: set[str] = set()
    for item in await _list(client, kinds.SERVICE, namespace):
        selector = (item.get("spec") or {}).get("selector") or {}
        if selector and selector.items() <= labels.items():
            service = str(metadata_of(item)["name"])
            services.add(service)
            if alone(selector):
                own.add(service)
            why = "sends to its pods" if alone(selector) else "sends to its pods and may to others"
            found.append(_companion(kinds.SERVICE, item, why, ticked=alone(selector)))
    for item in await _list(client, INGRESS, namespace):
        backends = set(_backends(item.get("spec") or {}))
        if backends and backends <= services:
            found.append(
                _companion(INGRESS, item, "leads to its Service alone", ticked=backends <= own)
            )
    for item in await _list(client, BUDGET, namespace):
        selector = ((item.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
        if selector and selector.items() <= labels.items():
            found.append(_companion(BUDGET, item, "guards its pods", ticked=alone(selector)))
    try:
        scalers = await autoscalers_of(client, kind.name, Ref(kind.name, namespace, name))
    except ApiError:
        scalers = []
    found += [_companion(kinds.AUTOSCALER, item, "scales it", ticked=True) for item in scalers]
    for other, other_name, why in _references(app, name):
        uid = await _uid(client, other, namespace, other_name)
        if uid:
            ref = Ref(other.name, namespace, other_name, uid)
            found.append(Companion(other, ref, why, ticked=False))
    return found


async def _labels_of_others(
    client: KubeClient, namespace: str, uid: str
) -> list[dict[str, str]] | None:
    """Return the pod labels of the namespace's other apps; None where they may not be read."""
    found = []
    for kind in kinds.WORKLOADS:
        try:
            async for page in client.pages(kind, namespace):
                documents = [msgspec.json.decode(raw) for raw in page.items]
                found += [
                    metadata_of((one.get("spec") or {}).get("template") or {}).get("labels") or {}
                    for one in documents
                    if uid_of(one) != uid
                ]
        except ApiError:
            return None
    return found


def _companion(kind: Kind, item: Document, why: str, *, ticked: bool) -> Companion:
    metadata = metadata_of(item)
    ref = Ref(kind.name, str(metadata.get("namespace")), str(metadata.get("name")), uid_of(item))
    return Companion(kind, ref, why, ticked)


async def _list(client: KubeClient, kind: Kind, namespace: str) -> list[Document]:
    found = []
    try:
        async for page in client.pages(kind, namespace):
            found += [msgspec.json.decode(raw) for raw in page.items]
    except NotConnected:
        raise
    except KubeError:
        # No right, or a group that this server lacks, which it answers in no Kubernetes' words.
        return []
    return found


async def _uid(client: KubeClient, kind: Kind, namespace: str, name: str) -> str:
    try:
        return uid_of(msgspec.json.decode(await client.read(kind.path(namespace, name))))
    except ApiError:
        return ""


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

    pod = pod_spec_of(app)
    for container in (*(pod.get("containers") or ()), *(pod.get("initContainers") or ())):
        for source in container.get("envFrom") or ():
            add(CONFIG_MAP, (source.get("configMapRef") or {}).get("name"), "is its environment")
            add(SECRET, (source.get("secretRef") or {}).get("name"), "is its environment")
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            add(CONFIG_MAP, (source.get("configMapKeyRef") or {}).get("name"), "is its environment")
            add(SECRET, (source.get("secretKeyRef") or {}).get("name"), "is its environment")
    for volume in pod.get("volumes") or ():
        add(CONFIG_MAP, (volume.get("configMap") or {}).get("name"), "is mounted by it")
        add(SECRET, (volume.get("secret") or {}).get("secretName"), "is mounted by it")
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        add(CLAIM, claim, "holds its data, which would be lost")
    replicas = (app.get("spec") or {}).get("replicas") or 0
    for template in (app.get("spec") or {}).get("volumeClaimTemplates") or ():
        for number in range(min(int(replicas), 20)):
            claim = f"{metadata_of(template).get('name')}-{name}-{number}"
            add(CLAIM, claim, "holds its data, which would be lost")
    return list(found.values())
