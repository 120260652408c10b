"""From what somebody types, as in `app/web`, to pods: found once, or watched.

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/ and, for the label that a job's pods
have, https://kubernetes.io/docs/reference/labels-annotations-taints/
"""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from leviathan_tui.backend.fleet.status import is_failing, pod_status
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotFound, Unreachable
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.reflector import Reflector
from leviathan_tui.backend.kube.wire import Wire
from leviathan_tui.backend.logs.sources import PodKey

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "app": kinds.WORKLOADS,
    "deployment": (kinds.DEPLOYMENT,),
    "deploy": (kinds.DEPLOYMENT,),
    "statefulset": (kinds.STATEFUL_SET,),
    "sts": (kinds.STATEFUL_SET,),
    "daemonset": (kinds.DAEMON_SET,),
    "ds": (kinds.DAEMON_SET,),
    "cron": (kinds.CRON_JOB,),
    "cronjob": (kinds.CRON_JOB,),
    "cj": (kinds.CRON_JOB,),
    "run": (kinds.JOB,),
    "job": (kinds.JOB,),
    "pod": (kinds.POD,),
    "po": (kinds.POD,),
}
"""What can stand before the slash."""

_JOB_NAME: Final = "job-name"

Changed = Callable[[list[PodKey]], object]
"""Told all pods whenever they change."""


class TargetError(KubeError):
    """What was typed names nothing that has logs."""


class _Expression(Wire):
    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class _Selector(Wire):
    match_labels: dict[str, str] | None = None
    match_expressions: list[_Expression] | None = None


class _Spec(Wire):
    selector: _Selector | None = None


class _Owner(Wire):
    metadata: wire.Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)


class Target(msgspec.Struct, frozen=True):
    """Which pods: those of one object, or those with certain labels."""

    kinds: tuple[Kind, ...] = ()
    name: str = ""
    selector: str = ""

    @property
    def words(self) -> str:
        """What is meant, as in `app web`."""
        if not self.kinds:
            return f"pods with {self.selector}"
        kind = "app" if len(self.kinds) > 1 else self.kinds[0].name
        return f"{kind} {self.name}"


def parse_target(text: str, selector: str = "") -> Target:
    """Read `app/web`, `pod/web-1`, `cron/backup` or `web`, which is an app. Raises `TargetError`."""
    if selector:
        if text:
            raise TargetError("Name an object, or give a label selector with -l; not both.")
        return Target(selector=selector)
    if not text:
        raise TargetError("Name what to read: app/NAME, pod/NAME, cron/NAME or run/NAME.")
    word, slash, name = text.partition("/")
    if not slash:
        return Target(kinds.WORKLOADS, word)
    found = KINDS.get(word.lower()) or KINDS.get(word.lower().removesuffix("s"))
    if found is None or not name:
        raise TargetError(f"{text!r} is not one of {', '.join(sorted(KINDS))} with /NAME.")
    return Target(found, name)


T = TypeVar("T", wire.Pod, wire.Job)


class _Mirror(Generic[T]):
    """Objects by uid, as a reflector tells of them."""

    def __init__(
        self, changed: Callable[[], object], broken: Callable[[KubeError], object]
    ) -> None:
        self.objects: dict[str, T] = {}
        self._changed = changed
        self._broken = broken
        self.complete = False
        """Whether the first list has come."""

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
        pass

    def broken(self, problem: KubeError) -> None:
        self._broken(problem)

    def malformed(self, count: int) -> None:
        pass

    def _tell(self) -> None:
        if self.complete:
            self._changed()


class Finder:
    """Finds the pods of a target in one namespace ("" is all), and goes on finding them."""

    def __init__(
        self, client: KubeClient, namespace: str, target: Target, changed: Changed
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._target = target
        self._changed = changed
        self._owner = ""
        """The uid of the cron job whose jobs' pods are wanted."""
        self._pods = _Mirror[wire.Pod](self._tell, self._broken)
        self._jobs = _Mirror[wire.Job](self._tell, self._broken)
        self._selector = target.selector
        self._fields = ""
        self.problem: KubeError | None = None
        """Why the pods cannot be watched now."""

    async def resolve(self) -> None:
        """Find out which labels the pods have. Raises `KubeError`, `NotFound` where nothing is meant."""
        target = self._target
        if not target.kinds:
            return
        if target.kinds == (kinds.POD,):
            self._fields = f"metadata.name={target.name}"
            return
        for kind in target.kinds:
            path = kind.path(self._namespace, target.name)
            try:
                owner = msgspec.json.decode(await self._client.read(path), type=_Owner)
            except NotFound:
                continue
            except msgspec.MsgspecError as error:
                raise Unreachable("the server did not answer as Kubernetes does") from error
            if kind == kinds.CRON_JOB:
                self._owner = owner.metadata.uid
                self._selector = _JOB_NAME
            else:
                self._selector = label_selector(owner.spec.selector)
            return
        raise NotFound(404, "NotFound", f"There is no {target.words} in {self._namespace}.")

    async def once(self) -> list[PodKey]:
        """Return the pods that there are. Raises `KubeError`."""
        decoder = msgspec.json.Decoder(wire.Pod)
        if self._owner:
            jobs = msgspec.json.Decoder(wire.Job)
            async for page in self._client.pages(kinds.JOB, self._namespace):
                self._jobs.upsert([jobs.decode(raw) for raw in page.items])
        async for page in self._client.pages(
            kinds.POD, self._namespace, selector=self._selector, fields=self._fields
        ):
            self._pods.upsert([decoder.decode(raw) for raw in page.items])
        return self._found()

    async def watch(self) -> None:
        """Tell of the pods until cancelled."""
        tasks = [
            Reflector(
                self._client,
                kinds.POD,
                self._namespace,
                msgspec.json.Decoder(wire.Pod),
                self._pods,
                selector=self._selector,
                fields=self._fields,
            ).run()
        ]
        if self._owner:
            decoder = msgspec.json.Decoder(wire.Job)
            jobs = Reflector(self._client, kinds.JOB, self._namespace, decoder, self._jobs)
            tasks.append(jobs.run())
        await asyncio.gather(*tasks)

    def _found(self) -> list[PodKey]:
        wanted = {
            job.metadata.uid
            for job in self._jobs.objects.values()
            if any(owner.uid == self._owner for owner in job.metadata.owner_references or ())
        }
        return [
            _key(pod)
            for pod in self._pods.objects.values()
            if not self._owner
            or any(owner.uid in wanted for owner in pod.metadata.owner_references or ())
        ]

    def _tell(self) -> None:
        self.problem = None
        if self._pods.complete and (self._jobs.complete or not self._owner):
            self._changed(self._found())

    def _broken(self, problem: KubeError) -> None:
        self.problem = problem


def label_selector(selector: _Selector | None) -> str:
    """Return a selector of an object as the parameter of a request.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    if selector is None:
        return ""
    parts = [f"{name}={value}" for name, value in (selector.match_labels or {}).items()]
    for rule in selector.match_expressions or ():
        values = ",".join(rule.values or ())
        match rule.operator:
            case "In":
                parts.append(f"{rule.key} in ({values})")
            case "NotIn":
                parts.append(f"{rule.key} notin ({values})")
            case "Exists":
                parts.append(rule.key)
            case "DoesNotExist":
                parts.append(f"!{rule.key}")
            case _:
                raise TargetError(f"The selector's operator {rule.operator!r} is not known.")
    return ",".join(parts)


def _key(pod: wire.Pod) -> PodKey:
    state = pod_status(pod)
    created = pod.metadata.creation_timestamp
    return PodKey(
        pod.metadata.namespace,
        pod.metadata.name,
        pod.metadata.uid,
        f"{state.word} {state.ready} {state.restarts}",
        is_failing(state.word),
        0 if created is None else int(created.timestamp()),
    )
