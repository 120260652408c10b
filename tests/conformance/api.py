"""A thin client for the tests: paths in, JSON out, and waiting by watching."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

Object = dict[str, Any]

CORE = "/api/v1"
APPS = "/apis/apps/v1"
BATCH = "/apis/batch/v1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"
IMAGE = "busybox:1.36"


class Api:
    """One API server and the namespace that a test may use."""

    def __init__(
        self, url: str, token: str, tls: ssl.SSLContext, *, patience: float, is_cluster: bool
    ) -> None:
        self.client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            verify=tls,
            timeout=60,
        )
        self.url = url
        self.tls = tls
        self.namespace = ""
        self.patience = patience
        self.is_cluster = is_cluster
        self.authority = ""
        """The certificate authority that vouches for the server, PEM."""

    def path(self, root: str, plural: str, name: str = "", sub: str = "") -> str:
        """The path of a collection in the test's namespace, or of an object in it."""
        parts = [root, "namespaces", self.namespace, plural, name, sub]
        return "/".join(part for part in parts if part)

    def get(self, path: str, **params: object) -> httpx.Response:
        return self.client.get(path, params={key: str(value) for key, value in params.items()})

    def table(self, path: str, **params: object) -> Object:
        query = {key: str(value) for key, value in params.items()}
        response = self.client.get(path, params=query, headers={"Accept": TABLE})
        assert response.status_code == 200, response.text
        body: Object = response.json()
        return body

    def read(self, path: str, **params: object) -> Object:
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        body: Object = response.json()
        return body

    def post(self, path: str, body: Object, **params: str) -> httpx.Response:
        return self.client.post(path, json=body, params=params)

    def create(self, root: str, plural: str, body: Object, **params: str) -> Object:
        response = self.post(self.path(root, plural), body, **params)
        assert response.status_code == 201, response.text
        created: Object = response.json()
        return created

    def put(self, path: str, body: Object, **params: str) -> httpx.Response:
        return self.client.put(path, json=body, params=params)

    def patch(
        self, path: str, body: object, media_type: str = MERGE, **params: str
    ) -> httpx.Response:
        return self.client.patch(
            path, content=json.dumps(body), headers={"Content-Type": media_type}, params=params
        )

    def patched(self, path: str, body: object, media_type: str = MERGE, **params: str) -> Object:
        response = self.patch(path, body, media_type, **params)
        assert response.status_code == 200, response.text
        changed: Object = response.json()
        return changed

    def apply(self, path: str, body: object, manager: str, **params: str) -> httpx.Response:
        return self.patch(path, body, APPLY, fieldManager=manager, **params)

    def applied(self, path: str, body: object, manager: str, **params: str) -> Object:
        response = self.apply(path, body, manager, **params)
        assert response.status_code in (200, 201), response.text
        changed: Object = response.json()
        return changed

    def delete(self, path: str, body: Object | None = None, **params: str) -> httpx.Response:
        return self.client.request("DELETE", path, json=body, params=params)

    @contextmanager
    def watch(self, path: str, **params: object) -> Iterator[Iterator[Object]]:
        """Open a watch; its events end with the server's timeout, `patience` seconds by default."""
        query = {"watch": "true", "timeoutSeconds": str(int(self.patience))}
        query |= {key: str(value) for key, value in params.items()}
        timeout = httpx.Timeout(30, read=self.patience + 30)
        with self.client.stream("GET", path, params=query, timeout=timeout) as response:
            if response.status_code != 200:
                response.read()
                raise AssertionError(response.text)
            yield (json.loads(line) for line in response.iter_lines() if line)

    def wait(self, root: str, plural: str, name: str, holds: Callable[[Object], bool]) -> Object:
        """Wait until `holds` is true of an object, watching it; return it then."""
        collection, selector = self.path(root, plural), f"metadata.name={name}"
        last: Object = {}
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            page = self.read(collection, fieldSelector=selector)
            for last in page["items"]:
                if holds(last):
                    return last
            version = page["metadata"]["resourceVersion"]
            with self.watch(collection, fieldSelector=selector, resourceVersion=version) as events:
                for event in events:
                    last = event["object"]
                    if event["type"] in ("ADDED", "MODIFIED") and holds(last):
                        return last
        raise AssertionError(f"{plural}/{name} did not get there: {json.dumps(last)[:3000]}")

    def wait_gone(self, root: str, plural: str, name: str) -> None:
        """Wait until an object is gone, watching its kind."""
        collection, selector = self.path(root, plural), f"metadata.name={name}"
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            page = self.read(collection, fieldSelector=selector)
            if not page["items"]:
                return
            version = page["metadata"]["resourceVersion"]
            with self.watch(collection, fieldSelector=selector, resourceVersion=version) as events:
                if any(event["type"] == "DELETED" for event in events):
                    return
        raise AssertionError(f"{plural}/{name} is still there")

    def wait_list(
        self, root: str, plural: str, holds: Callable[[list[Object]], bool], selector: str = ""
    ) -> list[Object]:
        """Wait until `holds` is true of a list of objects, watching them; return them then."""
        collection = self.path(root, plural)
        items: list[Object] = []
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            page = self.read(collection, labelSelector=selector)
            items = page["items"]
            if holds(items):
                return items
            version = page["metadata"]["resourceVersion"]
            with self.watch(collection, labelSelector=selector, resourceVersion=version) as events:
                next(events, None)
        raise AssertionError(f"{plural} did not get there: {json.dumps(items)[:3000]}")

    def log(self, name: str, **params: object) -> str:
        """What a pod has written so far."""
        response = self.get(self.path(CORE, "pods", name, "log"), **params)
        assert response.status_code == 200, response.text
        return response.text

    def wait_log(self, name: str, written: str, **params: object) -> None:
        """Wait until a pod's log reads so: a node may tell a container's state before what it wrote."""
        deadline = time.monotonic() + self.patience
        text = self.log(name, **params)
        while text != written and time.monotonic() < deadline:
            text = self.log(name, **params)
        assert text == written


def container(script: str, name: str = "main", **fields: object) -> Object:
    """A container that runs a shell script."""
    return {"name": name, "image": IMAGE, "command": ["sh", "-c", script], **fields}


def pod(name: str, script: str, policy: str = "Never", **fields: object) -> Object:
    """A pod that runs a shell script."""
    spec = {
        "restartPolicy": policy,
        "terminationGracePeriodSeconds": 1,
        "containers": [container(script)],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"test": name}},
        "spec": spec | fields,
    }


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> Object:
    """A ConfigMap, the simplest of objects."""
    metadata: Object = {"name": name}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(name: str, replicas: int = 1, script: str = "", **spec: object) -> Object:
    """A Deployment of pods that end at once when they are told to."""
    script = script or "trap 'exit 0' TERM; while true; do sleep 1; done"
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container(script)]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
    }


def job(name: str, script: str, **spec: object) -> Object:
    """A Job."""
    pod_spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [container(script)],
    }
    template = {"spec": pod_spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, **spec},
    }


def cron_job(name: str, schedule: str, script: str, **spec: object) -> Object:
    """A CronJob."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": schedule,
            "jobTemplate": {"spec": job("x", script)["spec"]},
            **spec,
        },
    }


def ready(obj: Object) -> bool:
    """Whether a pod is ready."""
    return has_condition(obj, "Ready")


def has_condition(obj: Object, kind: str) -> bool:
    """Whether an object's condition is true."""
    conditions = obj.get("status", {}).get("conditions") or []
    return any(item["type"] == kind and item["status"] == "True" for item in conditions)


def rolled_out(obj: Object) -> bool:
    """Whether a Deployment's rollout is over."""
    status, wanted = obj.get("status", {}), obj["spec"]["replicas"]
    return bool(
        status.get("observedGeneration") == obj["metadata"]["generation"]
        and status.get("replicas", 0) == wanted
        and status.get("updatedReplicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )
