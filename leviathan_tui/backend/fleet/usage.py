"""What pods use, where the cluster measures it.

Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
"""

import re
from typing import Final

import msgspec

from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, NotFound, Unreachable
from leviathan_tui.backend.kube.wire import UNREADABLE
from leviathan_tui.backend.untrusted import clean

VERSIONS: Final = ("v1", "v1beta1")
"""Of `metrics.k8s.io`, the newest first."""

PodUsage = dict[tuple[str, str], tuple[int, int]]
"""(namespace, name) to (millicores, bytes)."""

_QUANTITY: Final = re.compile(
    r"([0-9]*\.?[0-9]+)(?:[eE]([+-]?[0-9]{1,2}))?([numkMGTPE]|[KMGTPE]i)?"
)
_SUFFIX: Final = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}


def quantity(text: str) -> float:
    """Return the number that a Kubernetes quantity such as `250m` or `64Mi` stands for.

    Raises `ValueError` for anything that is no quantity. Source:
    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{clean(text, 40)!r} is not a quantity")
    number = float(match[1]) * 10.0 ** int(match[2] or 0)
    return number * _SUFFIX[match[3] or ""]


class _Usage(msgspec.Struct):
    cpu: str = "0"
    memory: str = "0"


class _Container(msgspec.Struct):
    usage: _Usage = msgspec.field(default_factory=_Usage)


class _Name(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _PodMetrics(msgspec.Struct):
    metadata: _Name
    containers: list[_Container] = []


class _PodMetricsList(msgspec.Struct):
    kind: str
    items: list[_PodMetrics]


class Meter:
    """Reads pods' usage in one scope and remembers which version of the API answered."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._version = ""

    async def read(self, namespaces: tuple[str, ...]) -> PodUsage | None:
        """Return the usage of all pods in the namespaces ("" is all), or None if none is measured.

        Raises `Unreachable` when the server does not answer at all.
        """
        for version in (self._version,) if self._version else VERSIONS:
            try:
                usage: PodUsage = {}
                for namespace in namespaces:
                    await self._collect(version, namespace, usage)
            except NotFound:
                continue
            except ApiError:
                return None
            self._version = version
            return usage
        self._version = ""
        return None

    async def _collect(self, version: str, namespace: str, usage: PodUsage) -> None:
        scope = f"/namespaces/{namespace}" if namespace else ""
        body = await self._client.read(f"/apis/metrics.k8s.io/{version}{scope}/pods")
        try:
            answer = msgspec.json.decode(body, type=_PodMetricsList)
            if answer.kind != "PodMetricsList":
                raise msgspec.ValidationError("no list")
        except UNREADABLE as error:
            raise Unreachable("the metrics API did not answer as Kubernetes does") from error
        for item in answer.items:
            try:
                cpu = sum(quantity(container.usage.cpu) for container in item.containers)
                memory = sum(quantity(container.usage.memory) for container in item.containers)
            except ValueError:
                continue
            key = (item.metadata.namespace, item.metadata.name)
            usage[key] = (round(cpu * 1000), int(memory))
