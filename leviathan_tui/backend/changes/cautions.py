"""Who or what would undo a change, or make it worse: read from the cluster before the user confirms."""

import asyncio
from typing import Any, Final

from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.strategies import rolls_out, warnings_of
from leviathan_tui.backend.fleet.relations import autoscalers
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.objects import Document, annotations_of, metadata_of, whole
from leviathan_tui.backend.untrusted import clean

_GITOPS: Final = (
    # Label or annotation, and whose it is.
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
)

_AUTOSCALER_TIMEOUT: Final = 3.0
"""Seconds for which a confirmation waits for its warnings."""


def owner_of(document: Document) -> str:
    """Return who keeps the object as it is described elsewhere: Argo CD, Flux, Helm, an operator.

    Empty where nobody is known to.
    """
    marks = {**(metadata_of(document).get("labels") or {}), **annotations_of(document)}
    for mark, owner in _GITOPS:
        if mark in marks:
            return f"{owner} ({clean(str(marks[mark]), 60)})"
    for owner in metadata_of(document).get("ownerReferences") or ():
        if owner.get("controller"):
            return f"{clean(str(owner.get('kind')), 60)} {clean(str(owner.get('name')), 100)}"
    if marks.get("app.kubernetes.io/managed-by") == "Helm":
        return "Helm (release {})".format(
            clean(str(marks.get("meta.helm.sh/release-name", "?")), 60)
        )
    return ""


async def cautions(
    client: KubeClient, intent: Intent, before: Document | None, after: Document | None
) -> list[str]:
    """Return the warnings about a change. What cannot be read warns of nothing."""
    if before is None:
        return []
    found: list[str] = []
    owner = owner_of(before)
    if owner and intent.kind not in (kinds.POD, kinds.JOB) and intent.verb != "run":
        found.append(f"{owner} manages it and may set it back.")
    if intent.kind in kinds.WORKLOADS and after is not None and rolls_out(before, after):
        found += warnings_of(intent.kind, after)
    if intent.kind in (kinds.DEPLOYMENT, kinds.STATEFUL_SET) and after is not None:
        found += _volumes(before, after)
        if intent.verb in ("pause", "scale", "boot", "undo", "apply", "edit"):
            found += await _autoscalers(client, intent, after)
    return found


def _volumes(before: Document, after: Document) -> list[str]:
    spec = before.get("spec") or {}
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    fewer = whole((after.get("spec") or {}).get("replicas")) < whole(spec.get("replicas"))
    if fewer and spec.get("volumeClaimTemplates") and retention.get("whenScaled") == "Delete":
        return ["THE VOLUMES OF THE PODS THAT GO ARE DELETED (whenScaled: Delete)."]
    return []


async def _autoscalers(client: KubeClient, intent: Intent, after: Document) -> list[str]:
    try:
        async with asyncio.timeout(_AUTOSCALER_TIMEOUT):
            scalers = await autoscalers(client, intent.kind.name, intent.ref)
    except (KubeError, TimeoutError):
        return []
    replicas = whole((after.get("spec") or {}).get("replicas"))
    found = []
    for scaler in scalers:
        name = clean(str(metadata_of(scaler).get("name")), 100)
        least = (scaler.get("spec") or {}).get("minReplicas", 1)
        owners = metadata_of(scaler).get("ownerReferences") or [{}]
        owner: dict[str, Any] = owners[0]
        if owner.get("kind") == "ScaledObject":
            found.append(
                f"KEDA ({clean(str(owner.get('name')), 100)}) scales it and may undo this."
            )
        elif least == 0 and not replicas:
            found.append(f"The autoscaler {name} may go from zero and start it again.")
        elif not replicas:
            found.append(f"The autoscaler {name} does nothing while it has no replicas.")
        else:
            most = (scaler.get("spec") or {}).get("maxReplicas")
            found.append(
                f"The autoscaler {name} sets it to {least} to {most} replicas as it sees fit."
            )
    return found
