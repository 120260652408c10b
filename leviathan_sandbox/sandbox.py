"""The sandbox: an embedded Kubernetes API server with a living fleet behind it."""

import asyncio
import gc
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from leviathan_sandbox.access.issuer import Issuer
from leviathan_sandbox.clock import Clock, SystemClock
from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.fleet import populate
from leviathan_sandbox.kinds import KINDS, POD, Kind
from leviathan_sandbox.kubeconfig import kubeconfig, write_kubeconfig
from leviathan_sandbox.objects import Object, copy, timestamp
from leviathan_sandbox.ownership.managers import UPDATE, Bookkeeper, FieldManager, bookkeeper
from leviathan_sandbox.patches import MERGE_PATCH, apply_patch
from leviathan_sandbox.pods.logbook import choose_container
from leviathan_sandbox.server.app import Api
from leviathan_sandbox.server.certificates import Certificates
from leviathan_sandbox.server.entrance import Entrance
from leviathan_sandbox.server.faults import AnyFault, Fault, Faults
from leviathan_sandbox.server.serving import Driver, Serving, advance, settle

_Result = TypeVar("_Result")
_LARGE: Final = 200
"""Apps from which on a fleet is kept out of the garbage collector's way."""
_BY_NAME: Final = {kind.name: kind for kind in KINDS}


class Sandbox:
    """A Kubernetes API server on loopback, in a thread of this process.

    It is started by `with` or by `start()`. Its methods may be called from any thread.

    Parameters:
        apps: how many apps there are at the start: the first 24 are those of a made-up company,
            the others are generated. 0 is a cluster with nodes and nothing else.
        live: whether the apps go on living: crash, restart, run cron jobs. What is created later
            lives in any case.
        clock: tells the time; a `ManualClock` stands still but for `advance`.
        pace: what the delays of starting and stopping pods are multiplied with.
        seed: of everything that is made up.
        port: where to listen; 0 for any port that is free.
        window: how many changes of each kind a watch can go back.
        bookmark_interval: seconds between two bookmarks of a watch.
        issuer: whose tokens are taken, besides the sandbox's own one; nobody's if None.

    Attributes:
        token: the sandbox's own token, which may do everything.
    """

    def __init__(
        self,
        apps: int = 24,
        *,
        live: bool = True,
        clock: Clock | None = None,
        pace: float = 1.0,
        seed: int = 1,
        port: int = 0,
        window: int = 1000,
        bookmark_interval: float = 60.0,
        issuer: Issuer | None = None,
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self._certificates = Certificates()
        self._faults = Faults()
        self._cluster = Cluster(
            clock or SystemClock(), live=live, pace=pace, seed=seed, window=window
        )
        self._cluster.namespaces.ca_pem = self._certificates.ca_pem
        entrance = Entrance(self._cluster, self.token, issuer)
        api = Api(self._cluster, entrance, self._faults, bookmark_interval)
        self._serving = Serving(api.application, self._certificates.server_context(), port)
        self._apps = apps
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Populate the cluster and begin to serve it.

        Raises OSError when the port is taken.
        """
        self._populate()
        started = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._main(started))
            except BaseException as error:
                failure.append(error)
            finally:
                started.set()

        self._thread = threading.Thread(target=run, name="sandbox", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]

    def _populate(self) -> None:
        """Fill the cluster; a million objects that stay are nothing for the garbage collector."""
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            populate(self._cluster, self._apps)
            if self._apps > _LARGE:
                gc.freeze()
        finally:
            if was_enabled:
                gc.enable()

    async def _main(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self._serving.start()
        driver = asyncio.create_task(Driver(self._cluster).run())
        started.set()
        await self._stopping.wait()
        driver.cancel()
        await self._serving.stop()

    def stop(self) -> None:
        """Stop serving and end the thread."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def _call(self, work: Callable[[], _Result]) -> _Result:
        """Do something on the sandbox's own thread and return its result."""

        async def run() -> _Result:
            return work()

        if self._loop is None:
            raise RuntimeError("the sandbox has not been started")
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://127.0.0.1:{self._serving.port}"

    @property
    def ca_pem(self) -> str:
        """The certificate authority that vouches for it, PEM."""
        return self._certificates.ca_pem

    def kubeconfig(self) -> Object:
        """Return a kubeconfig for it."""
        return kubeconfig(self.url, self.token, self.ca_pem)

    def write_kubeconfig(self, path: str | Path) -> Path:
        """Write a kubeconfig for it, mode 0600, all of it or nothing; return its path.

        Raises OSError.
        """
        target = Path(path)
        write_kubeconfig(target, self.kubeconfig())
        return target

    # Faults.

    def stop_serving(self) -> None:
        """Break all connections and refuse new ones; the fleet lives on meanwhile."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._serving.stop(), self._loop).result()

    def resume_serving(self) -> None:
        """Serve again, on the same port."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._serving.start(), self._loop).result()

    def inject(self, fault: AnyFault) -> AnyFault:
        """Let something go wrong from now on; return the fault, for `remove`."""
        return self._faults.inject(fault)

    def remove(self, fault: Fault) -> None:
        """End a fault."""
        self._faults.remove(fault)

    def clear_faults(self) -> None:
        """End all faults."""
        self._faults.clear()

    def compact(self) -> None:
        """Forget all history: watches and pages that go back further are answered with 410."""
        self._call(self._cluster.storage.compact)

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path with query of every request so far, oldest first."""
        return list(self._faults.requests)

    # Time.

    def settle(self) -> None:
        """Let the controllers do all that can be done now."""
        self._call(lambda: settle(self._cluster))

    def advance(self, seconds: float) -> None:
        """Move the manual clock on, doing on the way what is due.

        Raises TypeError when the clock moves by itself.
        """
        self._call(lambda: advance(self._cluster, seconds))

    @property
    def failures(self) -> list[Exception]:
        """What went wrong inside the sandbox's controllers; empty unless one has a mistake."""
        return list(self._cluster.manager.failures)

    # Objects, without HTTP.

    @staticmethod
    def _kind(name: str) -> Kind:
        return _BY_NAME[name]

    def create(self, obj: Object, namespace: str = "", manager: str = "") -> Object:
        """Create an object, of the kind and in the namespace that it names; return it.

        Its fields belong to the field manager `manager`, or to nobody if that is empty.

        Raises StatusError, KeyError for an unknown kind.
        """
        kind = self._kind(obj["kind"])
        if kind.namespaced:
            namespace = namespace or obj["metadata"].get("namespace") or "default"
        registry = self._cluster.registry
        books = self._books(kind, manager)
        return self._call(lambda: copy(registry.create(kind, namespace, obj, books=books).object))

    def _books(self, kind: Kind, manager: str, subresource: str = "") -> Bookkeeper | None:
        if not manager:
            return None
        writer = FieldManager(manager, UPDATE, kind.api_version, subresource)
        return bookkeeper(kind, writer, timestamp(self._cluster.agenda.now()))

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """Return an object; `namespace` is empty for kinds that are in none.

        Raises StatusError (404), KeyError for an unknown kind.
        """
        found = self._kind(kind)
        registry = self._cluster.registry
        return self._call(lambda: copy(registry.find(found, namespace, name).object))

    def objects(self, kind: str, namespace: str = "") -> list[Object]:
        """Return the objects of a kind, in one namespace or in all.

        Raises KeyError for an unknown kind.
        """
        found = self._kind(kind)
        storage = self._cluster.storage
        return self._call(lambda: [copy(entry.object) for entry in storage.all(found, namespace)])

    def patch(
        self,
        kind: str,
        namespace: str,
        name: str,
        patch: Any,
        subresource: str = "",
        manager: str = "",
    ) -> Object:
        """Change an object, or its status, by a JSON merge patch; return it.

        What it writes goes to the field manager `manager`; if that is empty, whoever owns it keeps it.

        Raises StatusError, KeyError for an unknown kind.
        """
        found = self._kind(kind)
        registry = self._cluster.registry

        books = self._books(found, manager, subresource)

        def work() -> Object:
            entry = registry.find(found, namespace, name)
            body = copy(apply_patch(entry.object, MERGE_PATCH, patch))
            written = registry.update(found, namespace, name, body, subresource, books=books)
            updated: Object = copy(written.object)
            return updated

        return self._call(work)

    def delete(
        self, kind: str, namespace: str, name: str, options: DeleteOptions | None = None
    ) -> None:
        """Delete an object, by default in the background.

        Raises StatusError, KeyError for an unknown kind.
        """
        found = self._kind(kind)
        wanted = options or DeleteOptions(propagation="Background")
        self._call(lambda: self._cluster.registry.delete(found, namespace, name, wanted))

    def append_log(self, namespace: str, pod: str, text: str, container: str = "") -> None:
        """Write one or more lines into a container's log, now.

        Raises StatusError: 404 without the pod, 400 when it is not clear which container.
        """

        def work() -> None:
            obj = self._cluster.registry.find(POD, namespace, pod).object
            name = choose_container(obj, container)
            uid = obj["metadata"]["uid"]
            self._cluster.logbook.append(uid, name, text, self._cluster.agenda.now())

        self._call(work)
