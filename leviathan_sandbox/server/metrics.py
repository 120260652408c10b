"""The resource metrics of pods and nodes, metrics.k8s.io/v1beta1.

Source: https://kubernetes.io/docs/reference/external-api/metrics.v1beta1/
"""

from datetime import datetime

from aiohttp import web

from leviathan_sandbox.kinds import NODE, POD, POD_METRICS
from leviathan_sandbox.objects import Object, encode, labels_of
from leviathan_sandbox.pods.usage import WINDOW, Usage, running_containers
from leviathan_sandbox.selectors import label_matcher
from leviathan_sandbox.server.reading import list_body
from leviathan_sandbox.server.requests import Target, wants_table
from leviathan_sandbox.server.responses import json_response
from leviathan_sandbox.server.tables import table_of
from leviathan_sandbox.status import not_found
from leviathan_sandbox.storage import Storage


def _sample(kind_metadata: Object, usage: Usage) -> Object:
    return {
        "metadata": {
            key: kind_metadata[key]
            for key in ("name", "namespace", "creationTimestamp", "labels")
            if key in kind_metadata
        },
        "timestamp": usage.stamp(),
        "window": f"{WINDOW}.0s",
    }


def pod_metrics(pod: Object, usage: Usage) -> Object | None:
    """Return the usage of a pod; None when nothing in it runs."""
    containers = running_containers(pod)
    if not containers:
        return None
    return _sample(pod["metadata"], usage) | {
        "containers": [
            {"name": item["name"], "usage": usage.of_container(pod, item)} for item in containers
        ]
    }


def node_metrics(node: Object, usage: Usage) -> Object:
    """Return the usage of a node."""
    room = node["status"]["allocatable"]
    name = node["metadata"]["name"]
    cores = float(room["cpu"]) if str(room["cpu"]).isdigit() else 4.0
    cpu = usage.share(name + "/cpu", cores * 0.35, 0.4)
    memory = usage.share(name + "/memory", cores * 2 * 2**20, 0.1)
    return _sample(node["metadata"], usage) | {
        "usage": {"cpu": f"{int(cpu * 1e9)}n", "memory": f"{int(memory)}Ki"}
    }


async def serve_metrics(
    request: web.Request, storage: Storage, target: Target, now: datetime
) -> web.StreamResponse:
    """Answer a get or list of metrics.

    Raises StatusError (404) when there are none for the one asked for.
    """
    as_table = wants_table(request.headers.get("Accept", ""))
    usage = Usage(now.timestamp())
    wanted = label_matcher(request.query.get("labelSelector", ""))
    stored = POD if target.kind is POD_METRICS else NODE
    items = []
    for entry in storage.all(stored, target.namespace):
        if target.name and entry.object["metadata"]["name"] != target.name:
            continue
        if wanted is not None and labels_of(entry.object) and not wanted(entry.object):
            continue
        found = (
            pod_metrics(entry.object, usage) if stored is POD else node_metrics(entry.object, usage)
        )
        if found is not None:
            items.append(found)
    kind = target.kind
    if target.name:
        if not items:
            raise not_found(kind, target.name)
        return await json_response(request, kind.stamp(items[0]))
    if as_table:
        return await json_response(request, table_of(kind, items, {}, "Metadata", now))
    encoded = b",".join(encode(item) for item in items)
    return await json_response(request, await list_body(kind, {}, encoded))
