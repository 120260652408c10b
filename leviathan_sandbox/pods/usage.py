"""How much processor and memory containers use: made up, for there is nothing to measure.

The figures come from the requests, a pod's identity and the time, so that they wander a little and
read the same to everybody at the same moment.
"""

import math
import zlib
from datetime import UTC, datetime
from typing import Final

from leviathan_sandbox.objects import Object, lookup, timestamp
from leviathan_sandbox.quantities import milli, whole

WINDOW: Final = 15
"""Seconds between two measurements."""


class Usage:
    """Made-up usage at one moment.

    Parameters:
        now: seconds since 1970.
    """

    def __init__(self, now: float) -> None:
        self._slot = int(now) // WINDOW

    def share(self, identity: str, base: float, swing: float) -> float:
        """Return a number that wanders around `base` by `swing` of it at most."""
        phase = zlib.crc32(identity.encode()) / 2**32
        wave = math.sin(self._slot / 20 + phase * 6.28) + math.sin(self._slot / 3.7 + phase * 40)
        return base * (0.6 + 0.8 * phase) * (1 + swing * wave / 2)

    def of_container(self, pod: Object, container: Object) -> Object:
        """Return the usage of one container."""
        memory = self.memory_of(pod, container)
        return {
            "cpu": f"{max(int(self.cpu_of(pod, container) * 1_000_000), 50_000)}n",
            "memory": f"{max(int(memory) >> 10, 900)}Ki",
        }

    def cpu_of(self, pod: Object, container: Object) -> float:
        """Return the thousandths of a core that a container uses."""
        asked = milli(lookup(container, "resources", "requests", "cpu") or "60m")
        return self.share(_identity(pod, container, "cpu"), asked * 0.4, 0.7)

    def memory_of(self, pod: Object, container: Object) -> float:
        """Return the bytes that a container uses."""
        asked = whole(lookup(container, "resources", "requests", "memory") or "96Mi")
        return self.share(_identity(pod, container, "memory"), asked * 0.7, 0.1)

    def stamp(self) -> str:
        """Return when this was measured."""
        return timestamp(datetime.fromtimestamp(self._slot * WINDOW, UTC))


def _identity(pod: Object, container: Object, resource: str) -> str:
    return f"{pod['metadata']['uid']}/{container['name']}/{resource}"


def running_containers(pod: Object) -> list[Object]:
    """Return the containers of a pod that are running."""
    running = {
        status["name"]
        for status in pod["status"].get("containerStatuses") or ()
        if "running" in status["state"]
    }
    return [item for item in pod["spec"]["containers"] if item["name"] in running]
