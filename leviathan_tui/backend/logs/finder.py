"""The pods of what somebody has named: found once, or watched.

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/ and, for the label that a job's pods
have, https://kubernetes.io/docs/reference/labels-annotations-taints/
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec

from leviathan_tui.backend.fleet.relations import BETWEEN, controls
from leviathan_tui.backend.fleet.status import pod_status
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import Forbidden, KubeError, NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.naming import named
from leviathan_tui.backend.kube.objects import decoded_as, lacks_namespace
from leviathan_tui.backend.kube.reflector import HasMetadata, Reflector
from leviathan_tui.backend.kube.selectors import SelectorError, selector_query
from leviathan_tui.backend.kube.wire import Wire
from leviathan_tui.backend.logs.log_target import LogTarget, TargetError
from leviathan_tui.backend.logs.sources import PodKey

_JOB_NAME: Final = "job-name"

Changed = Callable[[list[PodKey]], object]
"""Told all pods whenever they change."""


class _Spec(Wire):
    selector: dict[str, Any] | None = None


class _Made(Wire):
    metadata: wire.Metadata


class _Owner(Wire):
    metadata: wire.Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)


_POD: Final = msgspec.json.Decoder(wire.Pod)
_OWNER: Final = msgspec.json.Decoder(_Owner)
_MADE: Final = msgspec.json.Decoder(_Made)

T = TypeVar("T", bound=HasMetadata)


class _Mirror(Generic[T]):
    """Objects by uid, as a reflector tells of them."""

    def __init__(
        self, changed: Callable[[], object], refused: Callable[[Forbidden], object]
    ) -> None:
        self.objects: dict[str, T] = {}
        self.complete = False
        """Whether the first list has come."""
        self._changed = changed
        self._refused = refused
        self._watched = False

    def upsert(self, objects: list[T]) -> None:
        for item in objects:
            self.objects[item.metadata.uid] = item
        self._tell()

    def delete(self, uids: list[str]) -> None:
        for uid in uids:
            self.objects.pop(uid, None)
        self._tell()

    def listed(self) -> None:
        self.complete = True
        self._tell()

    def live(self) -> None:
        self._watched = True

    def heard(self) -> None:
        pass

    def polled(self, problem: KubeError) -> None:
        pass

    def broken(self, problem: KubeError) -> None:
        # Later it is tried again: a server that has just started may not know its roles yet.
        if isinstance(problem, Forbidden) and not self._watched:
            self._refused(problem)

    def malformed(self, count: int) -> None:
        pass

    def _tell(self) -> None:
        if self.complete:
            self._changed()


class Finder:
    """Finds the pods of a target in one namespace ("" is all), and goes on finding them.

    An object's pods are those that `relations` says it controls. Labels only narrow what is asked for:
    a controller lets go of what does not have its labels any more.
    """

    def __init__(
        self, client: KubeClient, namespace: str, target: LogTarget, changed: Changed
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._target = target
        self._changed = changed
        self._kind: Kind | None = None
        """The kind of the object whose pods are wanted; None where no object's are."""
        self._owner: str | None = None
        """Its uid."""
        self._between: Kind | None = None
        """What that object makes that makes its pods; None where it makes them itself."""
        self._between_selector = ""
        self._selector = target.selector
        self._fields = ""
        self._refusal: asyncio.Future[None] | None = None
        self._pods = _Mirror[wire.Pod](self._tell, self._refused)
        # Whoever may read the object and not watch it has it as it was at the beginning.
        self._owners = _Mirror[_Owner](self._made_anew, lambda error: None)
        self._made = _Mirror[_Made](self._tell, lambda error: self._refused(self._blind(error)))

    async def resolve(self) -> None:
        """Find the object that is meant. Raises `KubeError`, `NotFound` where there is none."""
        target = self._target
        if target.kinds in ((), (kinds.POD,)):
            # A list of what is in a namespace says of one that does not exist only that it is empty.
            await self._insist_on_namespace()
            if target.kinds:
                self._fields = f"metadata.name={target.name}"
            return
        found = await named(self._client, target.kinds, self._namespace, target.name)
        if found is None:
            await self._insist_on_namespace()
            raise NotFound(404, "NotFound", f"There is no {target.words} in {self._namespace}.")
        self._kind = found[0]
        owner = decoded_as(found[1], _Owner)
        self._owner = owner.metadata.uid
        self._between = BETWEEN.get(self._kind.name)
        try:
            self._between_selector = selector_query(owner.spec.selector or {})
        except SelectorError as error:
            raise TargetError(str(error)) from error
        self._selector = _JOB_NAME if self._kind == kinds.CRON_JOB else self._between_selector

    async def _insist_on_namespace(self) -> None:
        if self._namespace and await lacks_namespace(self._client, self._namespace):
            raise NotFound(404, "NotFound", f"There is no namespace {self._namespace}.")

    async def once(self) -> list[PodKey]:
        """Return the pods that there are. Raises `KubeError`."""
        async for page in self._client.pages(
            kinds.POD, self._namespace, selector=self._selector, fields=self._fields
        ):
            self._pods.upsert([decoded_as(raw, wire.Pod) for raw in page.items])
        if self._between is None:
            return self._found()
        # After the pods: what made them was there before them.
        try:
            async for page in self._client.pages(
                self._between, self._namespace, selector=self._between_selector
            ):
                self._made.upsert([decoded_as(raw, _Made) for raw in page.items])
        except Forbidden as error:
            raise self._blind(error) from error
        return self._found()

    async def watch(self) -> None:
        """Tell of the pods until cancelled. Raises `KubeError` where they may not be watched."""
        self._refusal = asyncio.get_running_loop().create_future()
        client, namespace = self._client, self._namespace
        pods = Reflector(
            client,
            kinds.POD,
            namespace,
            _POD,
            self._pods,
            selector=self._selector,
            fields=self._fields,
        )
        tasks = [asyncio.ensure_future(pods.run())]
        if self._kind is not None:
            name = f"metadata.name={self._target.name}"
            owners = Reflector(client, self._kind, namespace, _OWNER, self._owners, fields=name)
            tasks.append(asyncio.ensure_future(owners.run()))
        if self._between is not None:
            selector = self._between_selector
            made = Reflector(client, self._between, namespace, _MADE, self._made, selector=selector)
            tasks.append(asyncio.ensure_future(made.run()))
        try:
            await asyncio.gather(self._refusal, *tasks)
        finally:
            for task in tasks:
                task.cancel()

    def _found(self) -> list[PodKey]:
        pods = self._pods.objects.values()
        if self._owner is None:
            return [_key(pod) for pod in pods]
        made = {
            uid
            for uid, item in self._made.objects.items()
            if item.metadata.controller.uid == self._owner
        }
        return [
            _key(pod) for pod in pods if controls(self._owner, made, pod.metadata.controller.uid)
        ]

    def _made_anew(self) -> None:
        """Go on with the object that has the name now, where it was deleted and made again."""
        for uid in self._owners.objects:
            if uid != self._owner:
                self._owner = uid
                self._tell()

    def _tell(self) -> None:
        if self._pods.complete and (self._between is None or self._made.complete):
            self._changed(self._found())

    def _refused(self, problem: KubeError) -> None:
        if self._refusal is not None and not self._refusal.done():
            self._refusal.set_exception(problem)

    def _blind(self, refusal: Forbidden) -> KubeError:
        between = "" if self._between is None else self._between.name
        return KubeError(
            f"Which pods belong to {self._target.words} is known only through its {between}s, which "
            f"you may not read: {refusal.message}. Pods can be named by their labels too, with -l."
        )


def _key(pod: wire.Pod) -> PodKey:
    state = pod_status(pod)
    created = pod.metadata.creation_timestamp
    return PodKey(
        pod.metadata.namespace,
        pod.metadata.name,
        pod.metadata.uid,
        f"{state.word} {state.ready} {state.restarts}",
        state.failing,
        0 if created is None else int(created.timestamp()),
    )
