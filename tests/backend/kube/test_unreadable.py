"""Answers that nobody can read: each question ends in an error with a sentence, and in no other."""

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from leviathan_tui.backend.fleet import inspect, rights
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.relations import autoscalers
from leviathan_tui.backend.fleet.releases import releases
from leviathan_tui.backend.kube import kinds, kubeconfig, objects, tables
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, error_from
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.logs import text
from leviathan_tui.backend.logs.finder import Finder
from leviathan_tui.backend.logs.log_target import LogTarget
from leviathan_tui.backend.logs.pod_state import PodState
from leviathan_tui.backend.logs.preview import preview
from leviathan_tui.backend.logs.sources import PodKey

DEEP = b"[" * 100_000

BODIES = {
    "no UTF-8": b'{"kind":"\xff","metadata":{"name":"\xff","uid":"\xff"},'
    b'"status":{"userInfo":{"username":"\xff"},"resourceRules":[{"verbs":["\xff"]}]},'
    b'"groups":[{"name":"\xff","preferredVersion":{"groupVersion":"\xff"}}],"items":null}',
    "too deep": b'{"kind":' + DEEP + b',"metadata":' + DEEP,
    "too deep in what is skipped": b'{"other":' + DEEP,
    "half": b'{"kind":"Pod","metadata":{"na',
    "nothing": b"",
}


@contextmanager
def answering(body: bytes) -> Iterator[Target]:
    """A server that answers everything with the same body; how to reach it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the base class's names

        def log_message(self, *words: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    entry = {"name": "c"}
    document = {
        "current-context": "c",
        "contexts": [entry | {"context": {"cluster": "c", "user": "c"}}],
        "clusters": [entry | {"cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [entry | {"user": {}}],
    }
    try:
        yield kubeconfig.resolve(kubeconfig.from_document(document))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


POD = Ref("Pod", "shop", "web-1", "u")


async def find(client: KubeClient) -> None:
    target = LogTarget((kinds.DEPLOYMENT,), "web")
    await Finder(client, "shop", target, lambda *pods: None).resolve()


async def an_object(client: KubeClient) -> None:
    objects.decoded(await client.read("/api/v1/namespaces/shop/pods/web-1"))


async def pod_state(client: KubeClient) -> None:
    state = PodState(client, PodKey("shop", "web-1", "u"))
    await state.refresh()
    assert state.problem is not None
    raise state.problem


QUESTIONS: dict[str, Callable[[KubeClient], Coroutine[Any, Any, object]]] = {
    "discovery": tables.discover,
    "table": lambda client: tables.read_table(client, kinds.POD, "shop"),
    "object": an_object,
    "manifest": lambda client: inspect.manifest(client, kinds.POD, POD),
    "events": lambda client: inspect.events_about(client, POD),
    "rights": lambda client: rights.whoami(client, "shop"),
    "logs": find,
    "pod state": pod_state,
    "preview": lambda client: preview(client, POD),
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_question_that_is_not_answered_readably_ends_in_a_sentence(
    question: Callable[[KubeClient], Coroutine[Any, Any, object]], body: bytes
) -> None:
    with answering(body) as target:
        client = KubeClient(target)
        try:
            with pytest.raises(KubeError):
                await question(client)
        finally:
            await client.close()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_refusal_and_a_line_that_cannot_be_read_are_no_failure(body: bytes) -> None:
    assert error_from(500, body).message
    assert text.json_object(body + b"}") is None


def listed(kind: str, item: bytes) -> bytes:
    return b'{"kind":"%sList","metadata":{"resourceVersion":"7"},"items":[%s]}' % (
        kind.encode(),
        item,
    )


APP = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "uid": "a"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}},
}

ITEMS = {
    "no UTF-8": b'{"metadata":{"name":"\xff","uid":"\xff"}}',
    "another type": b'{"metadata":7}',
    "a text": b'"pod"',
}

LISTS: dict[str, tuple[str, Callable[[KubeClient], Coroutine[Any, Any, object]]]] = {
    "pods of a label": (
        "Pod",
        lambda client: Finder(client, "", LogTarget(selector="app=web"), lambda pods: None).once(),
    ),
    "releases": ("ReplicaSet", lambda client: releases(client, kinds.DEPLOYMENT, APP)),
    "autoscalers": (
        "HorizontalPodAutoscaler",
        lambda client: autoscalers(client, "Deployment", Ref("Deployment", "shop", "web")),
    ),
}


@pytest.mark.parametrize(("kind", "question"), LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
async def test_an_object_of_a_list_that_cannot_be_read_ends_in_a_sentence(
    kind: str, question: Callable[[KubeClient], Coroutine[Any, Any, object]], item: bytes
) -> None:
    with answering(listed(kind, item)) as target:
        client = KubeClient(target)
        try:
            with pytest.raises(KubeError):
                await question(client)
        finally:
            await client.close()
