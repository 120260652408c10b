"""What is told of an app on its own screen besides its pods: what serves it, and its releases."""

from typing import Any

from leviathan_tui.backend.fleet.prose import Prose, heading, line
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.relations import RelatedObject, serving
from leviathan_tui.backend.fleet.releases import releases
from leviathan_tui.backend.fleet.summary import Ago, release_lines
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, read_object, whole
from leviathan_tui.backend.untrusted import clean


async def app_story(client: KubeClient, kind: Kind, ref: Ref, ago: Ago) -> Prose:
    """Return lines on what serves an app, and its releases.

    What may not be read is a line too. Raises `KubeError` where the app itself cannot be read.
    """
    app = await read_object(client, kind.path(ref.namespace, ref.name))
    found = await serving(client, kind, app)
    prose: Prose = []
    for of in (kinds.SERVICE, kinds.INGRESS):
        mine = [one for one in found.objects if one.kind == of]
        if mine or of.name in found.unreadable:
            prose += heading(of.plural.capitalize())
        if of.name in found.unreadable:
            prose.append(line(found.unreadable[of.name], "dim"))
        prose += [_lines(one) for one in mine]
    try:
        prose += release_lines(await releases(client, kind, app), ago)
    except ApiError as error:
        prose += [*heading("Releases"), line(error.message, "dim")]
    for of, title in (
        (kinds.AUTOSCALER, "Autoscaler"),
        (kinds.DISRUPTION_BUDGET, "Disruption budget"),
    ):
        mine = [one for one in found.objects if one.kind == of]
        prose += heading(title) if mine else []
        prose += [_lines(one) for one in mine]
    return prose


def _lines(one: RelatedObject) -> tuple[tuple[str, str], ...]:
    details = _DETAILS[one.kind.name](one.document)
    return ((f"{clean(one.ref.name)}  ", "plain"), (clean(details, 300), "dim"))


def _service(document: Document) -> str:
    spec = document.get("spec") or {}
    ports = ", ".join(
        f"{port.get('port')}→{port.get('targetPort') or port.get('port')}/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    )
    return f"{spec.get('type') or 'ClusterIP'} {spec.get('clusterIP') or ''}  {ports}"


def _ingress(document: Document) -> str:
    rules = (document.get("spec") or {}).get("rules") or ()
    return ", ".join(str(rule.get("host") or "*") for rule in rules)


def _autoscaler(document: Document) -> str:
    spec, status = document.get("spec") or {}, document.get("status") or {}
    least = 1 if spec.get("minReplicas") is None else spec["minReplicas"]
    now = whole(status.get("currentReplicas"))
    return f"{now} now, {least} to {spec.get('maxReplicas')}"


def _budget(document: Document) -> str:
    spec: dict[str, Any] = document.get("spec") or {}
    if spec.get("maxUnavailable") is not None:
        return f"at most {spec['maxUnavailable']} away at once"
    return f"at least {spec.get('minAvailable')} stay"


_DETAILS = {
    kinds.SERVICE.name: _service,
    kinds.INGRESS.name: _ingress,
    kinds.AUTOSCALER.name: _autoscaler,
    kinds.DISRUPTION_BUDGET.name: _budget,
}
