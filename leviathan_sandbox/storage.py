"""Where the sandbox keeps its objects: versions, change history, pages, and who owns what.

Everything here runs on the sandbox's one event loop, so that nothing needs a lock.
"""

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from leviathan_sandbox.kinds import KINDS, Kind
from leviathan_sandbox.objects import Object, controller_of, encode, key_of, owners_of

ChangeType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]

_SNAPSHOTS: Final = 64
"""How many states of lists are remembered for clients that are in the middle of paging."""


class Entry:
    """One stored state of an object. Its JSON is made once, whoever asks for it."""

    __slots__ = ("_encoded", "key", "object", "revision")

    def __init__(self, key: str, obj: Object, revision: int) -> None:
        self.key = key
        self.object = obj
        self.revision = revision
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The object as JSON; `kind` and `apiVersion` come first."""
        if self._encoded is None:
            self._encoded = encode(self.object)
        return self._encoded


class Change(NamedTuple):
    """One write."""

    kind: Kind
    type: ChangeType
    revision: int
    entry: Entry
    """The object's new state; on DELETED its last one, under the revision of the deletion."""
    previous: Entry | None


Listener: TypeAlias = Callable[[Change], None]


class Collection:
    """All objects of one kind, and the last `window` changes to them."""

    def __init__(self, kind: Kind, window: int) -> None:
        self.kind = kind
        self.entries: dict[str, Entry] = {}
        self.keys: list[str] = []
        self.history: deque[Change] = deque(maxlen=window)
        self.floor = 0
        """The newest revision whose successors are not all in the history."""
        self.watchers: set[Listener] = set()

    def put(self, entry: Entry) -> None:
        """Keep `entry` as its object's present state."""
        if entry.key not in self.entries:
            insort(self.keys, entry.key)
        self.entries[entry.key] = entry

    def remove(self, key: str) -> None:
        """Forget an object."""
        del self.entries[key]
        del self.keys[bisect_left(self.keys, key)]

    def record(self, change: Change) -> None:
        """Remember `change` and tell it to whoever watches."""
        if len(self.history) == self.history.maxlen:
            self.floor = self.history[0].revision
        self.history.append(change)
        for watcher in tuple(self.watchers):
            watcher(change)

    def in_namespace(self, namespace: str) -> list[Entry]:
        """Return the entries of one namespace, or of all (""), in the order of their keys."""
        if not namespace:
            return [self.entries[key] for key in self.keys]
        start = bisect_left(self.keys, namespace + "/")
        end = bisect_left(self.keys, namespace + "0")  # "0" follows "/" in ASCII
        return [self.entries[key] for key in self.keys[start:end]]


class Storage:
    """All objects, under one growing revision.

    Parameters:
        window: how many changes of each kind a watch can go back.
    """

    def __init__(self, window: int = 1000) -> None:
        self.revision = 1
        self.collections = {kind: Collection(kind, window) for kind in KINDS}
        self.listeners: list[Listener] = []
        """Told every change, in the order of the writes, before the write returns."""
        self.uids: dict[str, tuple[Kind, str]] = {}
        """Kind and key of every object by its uid."""
        self._dependents: dict[str, dict[tuple[Kind, str], None]] = {}
        self._orphans: dict[tuple[Kind, str], dict[str, None]] = {}
        self._snapshots: OrderedDict[tuple[Kind, int], list[Entry]] = OrderedDict()

    def get(self, kind: Kind, key: str) -> Entry | None:
        """Return the object's present state, None when there is no such object."""
        return self.collections[kind].entries.get(key)

    def all(self, kind: Kind, namespace: str = "") -> list[Entry]:
        """Return all entries of a kind, or those in one namespace, in the order of their keys."""
        return self.collections[kind].in_namespace(namespace)

    def write(self, kind: Kind, obj: Object) -> Entry:
        """Keep `obj` as a new object or as an object's new state, and number it.

        `obj` belongs to the storage from here on.
        """
        collection = self.collections[kind]
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        entry = Entry(key_of(obj), obj, self.revision)
        previous = collection.entries.get(entry.key)
        collection.put(entry)
        self._index(kind, entry, previous)
        self._tell(
            Change(kind, "MODIFIED" if previous else "ADDED", self.revision, entry, previous)
        )
        return entry

    def erase(self, kind: Kind, key: str) -> Entry:
        """Remove an object; return its last state, numbered with the deletion.

        Raises KeyError when there is no such object.
        """
        collection = self.collections[kind]
        previous = collection.entries[key]
        self.revision += 1
        last = dict(previous.object)
        last["metadata"] = {**last["metadata"], "resourceVersion": str(self.revision)}
        entry = Entry(key, last, self.revision)
        collection.remove(key)
        self._index(kind, None, previous)
        self._tell(Change(kind, "DELETED", self.revision, entry, previous))
        return entry

    def load(self, kind: Kind, obj: Object) -> None:
        """Keep `obj` as if it had always been there: no history, nobody is told."""
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        entry = Entry(key_of(obj), obj, self.revision)
        self.collections[kind].put(entry)
        self._index(kind, entry, None)
        self.collections[kind].floor = self.revision

    def compact(self) -> None:
        """Forget all history, as etcd's compaction does every five minutes."""
        for collection in self.collections.values():
            collection.history.clear()
            collection.floor = self.revision
        self._snapshots.clear()

    def dependents(self, uid: str, kind: Kind | None = None) -> Iterator[Entry]:
        """Yield the objects that name `uid` among their owners, of one kind or of all."""
        for owned_kind, key in tuple(self._dependents.get(uid, ())):
            if kind is None or owned_kind is kind:
                yield self.collections[owned_kind].entries[key]

    def dependent_keys(self, uid: str) -> list[tuple[Kind, str]]:
        """Return kinds and keys of the objects that name `uid` among their owners."""
        return list(self._dependents.get(uid, ()))

    def orphans(self, kind: Kind, namespace: str) -> list[Entry]:
        """Return the objects in a namespace that no controller owns."""
        entries = self.collections[kind].entries
        return [entries[key] for key in self._orphans.get((kind, namespace), ())]

    def remember(self, kind: Kind, revision: int, entries: list[Entry]) -> None:
        """Keep the state of a whole kind for those who are paging through it."""
        self._snapshots[kind, revision] = entries
        self._snapshots.move_to_end((kind, revision))
        while len(self._snapshots) > _SNAPSHOTS:
            self._snapshots.popitem(last=False)

    def recall(self, kind: Kind, revision: int) -> list[Entry] | None:
        """Return the state of a whole kind at `revision`; None when it is no longer known."""
        if revision == self.revision:
            return self.all(kind)
        return self._snapshots.get((kind, revision))

    def _tell(self, change: Change) -> None:
        self.collections[change.kind].record(change)
        for listener in self.listeners:
            listener(change)

    def _index(self, kind: Kind, entry: Entry | None, previous: Entry | None) -> None:
        """Keep the uids, and who owns what, up to date with a write."""
        if entry is not None:
            self.uids[entry.object["metadata"]["uid"]] = (kind, entry.key)
        elif previous is not None:
            self.uids.pop(previous.object["metadata"]["uid"], None)
        if previous is not None and entry is not None:
            before, after = previous.object["metadata"], entry.object["metadata"]
            if before.get("ownerReferences") == after.get("ownerReferences"):
                return
        for state, present in ((previous, False), (entry, True)):
            if state is None:
                continue
            namespace = state.object["metadata"].get("namespace", "")
            for owner in owners_of(state.object):
                owned = self._dependents.setdefault(owner["uid"], {})
                if present:
                    owned[kind, state.key] = None
                else:
                    owned.pop((kind, state.key), None)
                    if not owned:
                        del self._dependents[owner["uid"]]
            if controller_of(state.object) is None:
                orphans = self._orphans.setdefault((kind, namespace), {})
                if present:
                    orphans[state.key] = None
                else:
                    orphans.pop(state.key, None)
