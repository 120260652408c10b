"""How one followed pod stands, as the API server last said; read when somebody asks."""

import asyncio

from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.kube.objects import decoded_as
from leviathan_tui.backend.logs.sources import (
    ContainerState,
    LogPod,
    PodKey,
    containers_of,
    is_over,
)


class PodState:
    """One pod. Everything happens in the logs' thread."""

    def __init__(self, client: KubeClient, key: PodKey) -> None:
        self.key = key
        self.gone = False
        self.over = False
        """Whether nothing of it will run again."""
        self.ending = False
        """Whether it is being deleted."""
        self.controller = ""
        """The uid of what controls it; empty where nothing does."""
        self.problem: KubeError | None = None
        """Why it could not be read the last time."""
        self.containers: dict[str, ContainerState] = {}
        """By name, as they stood when the pod was last read."""
        self.readers: list[asyncio.Event] = []
        """Set whenever the pod has been read."""
        self._client = client
        self._woken = asyncio.Event()
        self._reading = asyncio.Lock()
        self._read_count = 0

    def wake(self) -> None:
        """End all waiting: there may be something new about the pod, or it is to be tried again."""
        self._woken.set()
        self._woken = asyncio.Event()

    async def wait(self, seconds: float | None) -> None:
        """Wait until somebody wakes those that wait, at most so many seconds."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return

    async def refresh(self) -> None:
        """Read the pod, unless somebody did while this waited for its turn."""
        count = self._read_count
        async with self._reading:
            if count != self._read_count:
                return
            path = kinds.POD.path(self.key.namespace, self.key.name)
            try:
                pod = decoded_as(await self._client.read(path), LogPod)
            except NotFound:
                self.gone = self.over = True
            except KubeError as error:
                self.problem = error
                return
            else:
                if pod.metadata.uid != self.key.uid and self.key.uid:
                    # Another pod of the same name, as StatefulSets make them.
                    self.gone = self.over = True
                else:
                    self.containers = {state.name: state for state in containers_of(pod)}
                    self.over = is_over(pod)
                    self.ending = pod.metadata.deletion_timestamp is not None
                    self.controller = pod.metadata.controller.uid
            self.problem = None
            self._read_count += 1
        for reader in self.readers:
            reader.set()
