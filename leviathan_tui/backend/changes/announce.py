"""Changes as Kubernetes Events on their objects, so that others see them with kubectl.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import logging
from datetime import UTC, datetime

from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.kinds import Kind

_log = logging.getLogger("leviathan.changes")

LONGEST = 1024
"""Characters of an Event's note."""


async def announce(client: KubeClient, kind: Kind, entry: Entry) -> None:
    """Write an Event on the object of an entry. Where that is not allowed, only the log has it."""
    namespace = entry.namespace or "default"
    now = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    verb = entry.verb.replace("-", " ").title().replace(" ", "")
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{entry.name[:200]}.{entry.id[:16]}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": kind.api_version,
            "kind": entry.kind,
            "namespace": entry.namespace,
            "name": entry.name,
            "uid": entry.uid,
        },
        "type": "Normal",
        "reason": verb,
        "message": f"{entry.actor}: {entry.summary}"[:LONGEST],
        "source": {"component": "leviathan"},
        "reportingComponent": "leviathan",
        "reportingInstance": entry.id,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        await client.send("POST", kinds.EVENT.path(namespace), body)
    except KubeError as error:
        _log.info("no event about %s: %s", entry.id, error.message)
