"""Another object like one that exists."""

import copy
from typing import Any

from leviathan_tui.backend.changes.redact import LAST_APPLIED
from leviathan_tui.backend.fleet.records import PAUSED_BY, PAUSED_REPLICAS, REVISION
from leviathan_tui.backend.kube.objects import Document, metadata_of, pod_spec_of


def clone_of(document: Document, name: str) -> dict[str, Any]:
    """Return the manifest of an app or cron job like this one, under another name.

    The pods of the clone get a label of their own to be told apart by, so that neither the
    original's Services nor its controller take them for theirs.
    """
    source = metadata_of(document)
    annotations = {
        key: value
        for key, value in (source.get("annotations") or {}).items()
        if key not in (LAST_APPLIED, PAUSED_BY, PAUSED_REPLICAS, REVISION)
        and not key.startswith(("argocd.", "meta.helm.sh/", "deprecated."))
    }
    spec = copy.deepcopy(document.get("spec") or {})
    labels = {"app.kubernetes.io/name": name}
    if "selector" in spec:
        spec["selector"] = {"matchLabels": labels}
        metadata_of(spec["template"])["labels"] = dict(labels)
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    if source.get("namespace"):
        metadata["namespace"] = source["namespace"]
    if annotations:
        metadata["annotations"] = annotations
    clone = {
        "apiVersion": document.get("apiVersion"),
        "kind": document.get("kind"),
        "metadata": metadata,
        "spec": spec,
    }
    pod_spec_of(clone).pop("nodeName", None)
    return clone
