"""What the controllers have in common: a queue of keys, each worked on until nothing is left to do.

Source: https://kubernetes.io/docs/concepts/architecture/controller/
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

from leviathan_sandbox.clock import Agenda
from leviathan_sandbox.controllers.events import Recorder
from leviathan_sandbox.kinds import Kind
from leviathan_sandbox.objects import Object, controller_of
from leviathan_sandbox.registry import Registry
from leviathan_sandbox.status import StatusError
from leviathan_sandbox.storage import Change, Entry, Storage

_LOG: Final = logging.getLogger(__name__)
_RETRY: Final = 5.0
"""Seconds after which work that the API has refused is tried again."""


class Controller:
    """Brings objects of some kind in line with what their specs ask for.

    Subclasses override `observe`, which enqueues keys, and `sync`, which works on one.
    """

    def __init__(self, manager: "Manager") -> None:
        self.manager = manager
        self.registry: Registry = manager.registry
        self.storage: Storage = manager.registry.storage
        self.agenda: Agenda = manager.registry.agenda
        self.recorder: Recorder = manager.recorder

    def now(self) -> datetime:
        """Return the present moment."""
        return self.agenda.now()

    def enqueue(self, key: str) -> None:
        """Work on `key` soon."""
        self.manager.enqueue(self, key)

    def enqueue_at(self, key: str, due: float) -> None:
        """Work on `key` at `due`, in seconds since 1970."""
        self.agenda.put((self, key), due, lambda: self.enqueue(key))

    def observe(self, change: Change) -> None:
        """Enqueue what a change makes necessary."""
        raise NotImplementedError

    def sync(self, key: str) -> None:
        """Do what is necessary for the object under `key`."""
        raise NotImplementedError


class Manager:
    """Runs the controllers.

    Parameters:
        registry: where they read and write.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.recorder = Recorder(registry)
        self.controllers: list[Controller] = []
        self.on_work: Callable[[], None] = lambda: None
        """Called when there is something to do after there was nothing."""
        self.failures: list[Exception] = []
        """What went wrong inside controllers: always empty, or there is a mistake in one."""
        self._queue: OrderedDict[tuple[Controller, str], None] = OrderedDict()
        registry.storage.listeners.append(self._observe)

    def _observe(self, change: Change) -> None:
        for controller in self.controllers:
            controller.observe(change)

    def enqueue(self, controller: Controller, key: str) -> None:
        """Let `controller` work on `key` soon; what is queued already is not queued twice."""
        was_idle = not self._queue
        self._queue[controller, key] = None
        if was_idle:
            self.on_work()

    @property
    def idle(self) -> bool:
        """Whether nothing is waiting to be worked on."""
        return not self._queue

    def run(self, limit: int) -> int:
        """Work on what is queued, `limit` keys at most; return how many it were."""
        done = 0
        while self._queue and done < limit:
            (controller, key), _ = self._queue.popitem(last=False)
            done += 1
            try:
                controller.sync(key)
            except StatusError as error:
                if error.code not in (403, 404):
                    self.failures.append(error)
                # Otherwise the namespace is ending, or has ended, and takes nothing new.
                _LOG.debug("%s %s: %s", type(controller).__name__, key, error)
                controller.enqueue_at(key, controller.agenda.clock.time() + _RETRY)
            except Exception as error:
                _LOG.exception("%s failed on %s", type(controller).__name__, key)
                self.failures.append(error)
        return done


def owner_key(change: Change, kind: Kind) -> list[str]:
    """Return the keys of the controllers of this kind that own the changed object, or did."""
    keys = []
    for entry in (change.entry, change.previous):
        owner = controller_of(entry.object) if entry is not None else None
        if owner is not None and owner["kind"] == kind.name:
            namespace = change.entry.object["metadata"].get("namespace", "")
            key = kind.key(namespace, owner["name"])
            if key not in keys:
                keys.append(key)
    return keys


def owned(storage: Storage, owner: Object, kind: Kind) -> list[Entry]:
    """Return the objects of a kind whose controller is `owner`."""
    uid = owner["metadata"]["uid"]
    return [
        entry
        for entry in storage.dependents(uid, kind)
        if (controller_of(entry.object) or {}).get("uid") == uid
    ]


def less_zeros(status: Object, *kept: str) -> Object:
    """Return a status without the numbers that are zero, as the API omits them."""
    return {key: value for key, value in status.items() if value != 0 or key in kept}
