"""What belongs to an app besides its pods: Services that select them, autoscalers that scale it."""

from typing import Any

import msgspec

from leviathan_tui.backend.fleet.prose import Prose, heading, line
from leviathan_tui.backend.fleet.records import Workload
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.wire import Metadata, Wire
from leviathan_tui.backend.untrusted import clean


class _Port(Wire):
    port: int = 0
    target_port: int | str | None = None
    protocol: str = "TCP"


class _ServiceSpec(Wire):
    type: str = "ClusterIP"
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    selector: dict[str, str] | None = None
    ports: list[_Port] | None = None


class _Service(Wire):
    metadata: Metadata
    spec: _ServiceSpec = msgspec.field(default_factory=_ServiceSpec)


class _Target(Wire):
    kind: str = ""
    name: str = ""


class _AutoscalerSpec(Wire):
    scale_target_ref: _Target = msgspec.field(default_factory=_Target)
    min_replicas: int | None = None
    max_replicas: int = 0


class _AutoscalerStatus(Wire):
    current_replicas: int = 0
    desired_replicas: int = 0


class _Autoscaler(Wire):
    metadata: Metadata
    spec: _AutoscalerSpec = msgspec.field(default_factory=_AutoscalerSpec)
    status: _AutoscalerStatus = msgspec.field(default_factory=_AutoscalerStatus)


class _Revision(Wire):
    metadata: Metadata
    revision: int = 0


async def belongings(client: KubeClient, app: Workload) -> Prose:
    """Return lines on an app's Services, autoscalers and, where the store has none, releases.

    A refusal to read Services is a line too.

    Raises `Unreachable` when the server does not answer.
    """
    prose: Prose = []
    services = await _read(client, kinds.SERVICE, app.namespace, _Service)
    if isinstance(services, str):
        prose += [*heading("Services"), line(services, "dim")]
    else:
        mine = [item for item in services if _selects(item.spec.selector, app.selector)]
        if mine:
            prose += heading("Services")
        for item in mine:
            ports = ", ".join(
                f"{port.port}→{clean(str(port.target_port or port.port), 30)}/{clean(port.protocol, 5)}"
                for port in item.spec.ports or ()
            )
            prose.append(
                (
                    (f"{clean(item.metadata.name)}  ", "plain"),
                    (
                        f"{clean(item.spec.type)} {clean(item.spec.cluster_ip or '')}  {ports}",
                        "dim",
                    ),
                )
            )
    if app.kind != kinds.DEPLOYMENT.name:
        prose += await _releases(client, app)
    scalers = await _read(client, kinds.AUTOSCALER, app.namespace, _Autoscaler)
    if not isinstance(scalers, str):
        for scaler in scalers:
            target = scaler.spec.scale_target_ref
            if (target.kind, target.name) != (app.kind, app.name):
                continue
            prose += [
                *heading("Autoscaler"),
                line(
                    f"{clean(scaler.metadata.name)}: {scaler.status.current_replicas} now, "
                    f"{scaler.spec.min_replicas or 1} to {scaler.spec.max_replicas}"
                ),
            ]
    return prose


async def _releases(client: KubeClient, app: Workload) -> Prose:
    """Return the releases of a StatefulSet or DaemonSet, which ControllerRevisions remember."""
    revisions = await _read(client, kinds.CONTROLLER_REVISION, app.namespace, _Revision)
    if isinstance(revisions, str):
        return []
    mine = [
        item
        for item in revisions
        if any(owner.uid == app.uid for owner in item.metadata.owner_references or ())
    ]
    mine.sort(key=lambda item: -item.revision)
    prose: Prose = heading("Releases") if mine else []
    for position, item in enumerate(mine):
        made = item.metadata.creation_timestamp
        when = "" if made is None else made.astimezone().strftime("%Y-%m-%d %H:%M")
        tone = "dim" if position else "strong"
        prose.append(
            (
                (f"{item.revision:>3} ", tone),
                (f"{clean(item.metadata.name)}  ", "plain"),
                (when if position else f"{when}, now", "dim"),
            )
        )
    return prose


def _selects(selector: dict[str, str] | None, labels: dict[str, str]) -> bool:
    """Whether a Service's selector picks the pods that an app's selector makes it make."""
    return bool(selector) and all(
        labels.get(key) == value for key, value in (selector or {}).items()
    )


async def _read(
    client: KubeClient, kind: Kind, namespace: str, struct: type[Any]
) -> list[Any] | str:
    decoder = msgspec.json.Decoder(struct)
    found: list[Any] = []
    try:
        async for page in client.pages(kind, namespace):
            for raw in page.items:
                try:
                    found.append(decoder.decode(raw))
                except msgspec.MsgspecError:
                    continue
    except ApiError as error:
        return error.message
    return found
