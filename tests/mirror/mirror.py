"""A mirrored cluster for tests: waits for conditions, and changes things through the API."""

import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from leviathan_tui.backend.fleet.cluster import WATCHED
from leviathan_tui.backend.fleet.feed import Feed
from leviathan_tui.backend.fleet.messages import Phase, Scope, State
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.kubeconfig import Target

T = TypeVar("T")

TIMEOUT = 60.0
"""Seconds after which a condition that is not met fails the test; nothing waits so long otherwise."""

MERGE = "application/merge-patch+json"


class Mirror:
    """A feed and the store that it feeds, pumped by the test; `options` are the feed's own."""

    def __init__(
        self,
        target: Target,
        namespace: str = "",
        fallback: tuple[str, ...] = (),
        wanted: tuple[Kind, ...] = WATCHED,
        **options: Any,
    ) -> None:
        self._woken = threading.Event()
        self.store = Store(time.time)
        self.feed = Feed(target, fallback, self._woken.set, **options)
        self.feed.start()
        self.feed.watch(wanted, (namespace,), 0)
        self.messages = 0
        self.phases: list[tuple[Scope, Phase]] = []
        """Every phase that was told, in order."""

    def close(self) -> None:
        """End the feed."""
        self.feed.stop()

    def until(self, condition: Callable[[], Any], what: str = "") -> Any:
        """Apply messages until the condition is true; return its value."""
        end = time.monotonic() + TIMEOUT
        while True:
            self._woken.clear()
            messages = self.feed.drain()
            self.messages += len(messages)
            told = (one for one in messages if isinstance(one, State))
            self.phases += [(one.scope, one.phase) for one in told]
            self.store.apply(messages)
            self.store.flush()
            value = condition()
            if value:
                return value
            left = end - time.monotonic()
            if left <= 0:
                status = self.store.connection.status(time.time())
                raise AssertionError(f"{what or 'the condition'} was never met; {status}")
            # Some conditions change without a message: statuses age, requests are counted.
            self._woken.wait(min(left, 0.5))

    def ask(self, question: Callable[[KubeClient], Coroutine[Any, Any, T]]) -> T:
        """Run a request in the feed's thread."""
        return self.feed.call(question).result(TIMEOUT)

    def create(self, kind: Kind, document: dict[str, Any], namespace: str) -> dict[str, Any]:
        """Create an object."""
        body = {"apiVersion": kind.api_version, "kind": kind.name, **document}
        return self._json(lambda client: client.send("POST", kind.path(namespace), body))

    def patch(self, ref: Ref, body: dict[str, Any]) -> dict[str, Any]:
        """Merge a patch into an object."""
        path = kinds.BY_NAME[ref.kind].path(ref.namespace, ref.name)
        return self._json(lambda client: client.send("PATCH", path, body, content_type=MERGE))

    def delete(self, ref: Ref) -> None:
        """Delete an object and what it owns."""
        path = kinds.BY_NAME[ref.kind].path(ref.namespace, ref.name)
        options = {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
        self._json(lambda client: client.send("DELETE", path, options))

    def _json(self, question: Callable[[KubeClient], Coroutine[Any, Any, bytes]]) -> dict[str, Any]:
        document = msgspec.json.decode(self.ask(question))
        assert isinstance(document, dict)
        return document


def deployment(name: str, command: str, replicas: int = 1) -> dict[str, Any]:
    """Return a Deployment of busybox that runs a shell command."""
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [
                        {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", command]}
                    ],
                },
            },
        },
    }


def cron_job(name: str, command: str, schedule: str = "0 0 1 1 *") -> dict[str, Any]:
    """Return a CronJob of busybox that runs a shell command."""
    container = {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", command]}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "metadata": {"name": name},
        "spec": {
            "schedule": schedule,
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": pod}},
        },
    }
