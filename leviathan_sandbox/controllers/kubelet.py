"""The kubelets of all nodes: they run the pods that have been given to them."""

from collections.abc import Callable

from leviathan_sandbox.controllers.base import Controller, Manager
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.kinds import NODE, POD
from leviathan_sandbox.objects import Object, copy, is_terminating, lookup, moment
from leviathan_sandbox.pods.lifecycle import Lifecycle, Memory, Note, Pull
from leviathan_sandbox.pods.statuses import admitted_status
from leviathan_sandbox.storage import Change, Entry


class Kubelet(Controller):
    """Walks pods through their lives.

    Parameters:
        pace: what the delays of starting and stopping are multiplied with.
    """

    def __init__(self, manager: Manager, pace: float) -> None:
        super().__init__(manager)
        self._pace = pace
        self._memories: dict[str, Memory] = {}
        self._images: set[tuple[str, str]] = set()
        self._addresses = 0

    def observe(self, change: Change) -> None:
        """Look at pods that have a node."""
        if change.kind is not POD:
            return
        if change.type == "DELETED":
            self._memories.pop(change.entry.object["metadata"]["uid"], None)
            self.agenda.drop((self, change.entry.key))
        elif change.entry.object["spec"].get("nodeName"):
            self.enqueue(change.entry.key)

    def resume(self, pod: Object) -> None:
        """Take over a pod that is in the middle of its life."""
        metadata, now = pod["metadata"], self.agenda.clock.time()
        memory = Memory(now)
        for status in pod["status"].get("containerStatuses") or ():
            if (status["state"].get("waiting") or {}).get("reason") == "ImagePullBackOff":
                # It has tried often enough to be in the longest of its pauses.
                pause = self.registry.rng.uniform(5, 300)
                memory.pulls[status["name"]] = Pull(6, now + pause)
        self._memories[metadata["uid"]] = memory
        self.enqueue(POD.key(metadata["namespace"], metadata["name"]))

    def know_image(self, node: str, image: str) -> None:
        """Remember that an image is on a node."""
        self._images.add((node, image))

    def sync(self, key: str) -> None:
        """Do what is due to a pod."""
        entry = self.storage.get(POD, key)
        if entry is None or not entry.object["spec"].get("nodeName"):
            return
        pod = entry.object
        if is_terminating(pod):
            self._stop(entry)
        elif pod["status"].get("phase") not in ("Succeeded", "Failed"):
            self._run(entry)

    def _lifecycle(self, pod: Object) -> Lifecycle:
        metadata, node = pod["metadata"], pod["spec"]["nodeName"]
        now = self.agenda.clock.time()
        memory = self._memories.setdefault(metadata["uid"], Memory(now))
        return Lifecycle(
            pod,
            memory,
            now,
            pace=self._pace,
            address=self._next_address,
            has_image=lambda image: "busybox" in image or (node, image) in self._images,
            note=self._noter(pod),
        )

    def _noter(self, pod: Object) -> Callable[[Note], None]:
        node = pod["spec"]["nodeName"]
        inits = {item["name"] for item in pod["spec"].get("initContainers") or ()}

        def note(item: Note) -> None:
            group = "initContainers" if item.container in inits else "containers"
            path = f"spec.{group}{{{item.container}}}" if item.container else ""
            self.recorder.record(
                pod, item.type, item.reason, item.message, "kubelet", host=node, field_path=path
            )
            if item.reason == "Started":
                image = next(
                    container["image"]
                    for container in pod["spec"].get(group) or ()
                    if container["name"] == item.container
                )
                self._images.add((node, image))

        return note

    def _next_address(self) -> str:
        self._addresses += 1
        number = self._addresses
        return f"10.244.{128 + number // 250 % 120}.{number % 250 + 2}"

    def _run(self, entry: Entry) -> None:
        pod = entry.object
        if "startTime" not in pod["status"]:
            node = self.storage.get(NODE, pod["spec"]["nodeName"])
            addresses = lookup(node.object, "status", "addresses") if node else None
            host_ip = addresses[0]["address"] if addresses else "127.0.0.1"
            entry = self.registry.set_status(POD, entry, admitted_status(pod, host_ip, self.now()))
        lifecycle = self._lifecycle(entry.object)
        due = lifecycle.advance()
        self.registry.set_status(POD, entry, lifecycle.status)
        if due is None:
            self._memories.pop(pod["metadata"]["uid"], None)
            self.agenda.drop((self, entry.key))
        else:
            self.enqueue_at(entry.key, due)

    def _stop(self, entry: Entry) -> None:
        """End a pod's containers, and remove it once they have ended."""
        pod = entry.object
        metadata = pod["metadata"]
        if metadata.get("deletionGracePeriodSeconds") == 0:
            return  # its finalizers are all that keeps it
        lifecycle = self._lifecycle(pod)
        memory = self._memories[metadata["uid"]]
        deadline = moment(metadata["deletionTimestamp"]).timestamp()
        now = self.agenda.clock.time()
        if memory.stop_at is None:
            self._announce_stop(pod)
            delay = lifecycle.stop_delay()
            memory.stop_at = deadline if delay is None else now + delay
        memory.stop_at = min(memory.stop_at, deadline)
        if now < memory.stop_at:
            self.enqueue_at(entry.key, memory.stop_at)
            return
        heeded = lifecycle.stop_delay() is not None
        lifecycle.end(0 if heeded else 137, "Completed" if heeded else "Error")
        self.registry.set_status(POD, entry, copy(lifecycle.status))
        self.registry.delete(POD, metadata["namespace"], metadata["name"], DeleteOptions(grace=0))

    def _announce_stop(self, pod: Object) -> None:
        note = self._noter(pod)
        for status in pod["status"].get("containerStatuses") or ():
            if "running" in status["state"]:
                note(
                    Note(
                        "Normal",
                        "Killing",
                        f"Stopping container {status['name']}",
                        status["name"],
                    )
                )
