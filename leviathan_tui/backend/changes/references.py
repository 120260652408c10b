"""What pods are told to use by name, and is not there: said before a change names it."""

import asyncio
from typing import Any, Final

from leviathan_tui.backend.changes.preview import Preview
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, pod_spec_of
from leviathan_tui.backend.names import leads_elsewhere
from leviathan_tui.backend.untrusted import clean

SERVICE_ACCOUNT: Final = Kind("ServiceAccount", "serviceaccounts")

TIMEOUT: Final = 3.0
"""Seconds for which a confirmation waits for these warnings."""

METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""Of a Secret, nothing but that it is there is asked for."""

_OF_PODS: Final = (*kinds.WORKLOADS, kinds.CRON_JOB, kinds.JOB)

_WITHOUT: Final = {
    SERVICE_ACCOUNT.name: "no pod is made until there is one",
    kinds.SECRET.name: "images are pulled without it",
}


async def missing(client: KubeClient, preview: Preview) -> list[str]:
    """Return warnings of service accounts and pull secrets that a change names and nobody has made.

    What the object named before, and what is made in the same go, is not warned of; nor is what may
    not be read.
    """
    intent = preview.intent
    if intent.kind not in _OF_PODS:
        # The fields of other kinds may be called the same, and be anything.
        return []
    before = _named(preview.before)
    wanted = [
        (kind, name)
        for kind, name in _named(preview.after)
        if (kind, name) not in before
        and (kind.name, intent.ref.namespace, name) not in intent.beside
    ]

    async def lacks(kind: Kind, name: str) -> bool:
        try:
            await client.read(kind.path(intent.ref.namespace, name), accept=METADATA)
        except NotFound:
            return True
        except KubeError:
            pass
        return False

    try:
        async with asyncio.timeout(TIMEOUT):
            answers = await asyncio.gather(*(lacks(kind, name) for kind, name in wanted))
    except TimeoutError:
        return []
    return [
        f"There is no {kind.name} {clean(name, 253)} in {intent.ref.namespace}: "
        f"{_WITHOUT[kind.name]}."
        for (kind, name), lacking in zip(wanted, answers, strict=True)
        if lacking
    ]


def _named(document: Document | None) -> list[tuple[Kind, str]]:
    pod: dict[str, Any] = pod_spec_of(document or {})
    found = [(SERVICE_ACCOUNT, pod.get("serviceAccountName"))]
    found += [(kinds.SECRET, one.get("name")) for one in pod.get("imagePullSecrets") or ()]
    return [
        (kind, name) for kind, name in found if isinstance(name, str) and not leads_elsewhere(name)
    ]
