"""Credential plugins: one run at a time for everybody, its answer kept, its failure remembered.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import asyncio
import math
import os
import shutil
import threading
import time
from concurrent.futures import Future
from datetime import datetime
from time import monotonic
from typing import Annotated, Any, Final

import msgspec

from leviathan_tui.backend.kube.entries import Exec
from leviathan_tui.backend.kube.errors import Unauthorized
from leviathan_tui.backend.kube.plugin_run import BY_USER, TOO_LONG, Run, RunFailed
from leviathan_tui.backend.untrusted import clean

LEEWAY: Final = 30.0
"""Seconds before its end at which a credential counts as expired."""

FIRST_PAUSE: Final = 10.0
"""Seconds after a run in which there is no other; doubled with each failure in a row."""

LONGEST_PAUSE: Final = 300.0
"""Seconds that the pause grows to. A plugin may open a browser each time."""


class Credential(msgspec.Struct, frozen=True, eq=False):
    """What a plugin answered."""

    token: str
    certificate: str
    key: str
    good_until: float
    """Seconds since the epoch."""

    def __repr__(self) -> str:
        """Leave the secrets out: this text may end in a log."""
        return f"Credential(good_until={self.good_until})"


class PluginFailed(Unauthorized):
    """A plugin gave no credential, or one that the server refuses; what it said is not in the text."""

    def __init__(self, sentence: str) -> None:
        super().__init__(401, "", sentence)


class _Abandoned(Exception):
    """A run was ended because nobody waited for it any more."""


class Plugin:
    """One plugin as one cluster's user needs it, shared by all threads and clients."""

    def __init__(self, entry: Exec, request: bytes) -> None:
        self._entry = entry
        self._environment = {
            **os.environ,
            **{variable.name: variable.value for variable in entry.env or []},
            "KUBERNETES_EXEC_INFO": request.decode(),
        }
        self._name = f"The credential plugin {clean(entry.command, 100)}"
        self._guard = threading.Lock()
        self._run: tuple[Run, Future[Credential]] | None = None
        self.last: Run | None = None
        """The run that runs, or the last one."""
        self._waiting = 0
        self._credential: Credential | None = None
        self._succeeded_at = -math.inf
        """When a run gave a credential last, by the monotonic clock."""
        self._failures = 0
        self._refusals = 0
        self._refused: Credential | None = None
        """The credential that a run is to replace because a server refused it."""
        self._again: Run | None = None
        """A run that was being ended when its user asked for another one."""
        self._problem = ""
        self._not_before = -math.inf
        """When another run may begin, by the monotonic clock, after a failure or a refusal."""

    async def credential(self, refused: Credential | None = None) -> Credential:
        """Return the present credential; what runs already is waited for. Raises `PluginFailed`.

        `refused` is one to which a server said 401: it is kept, for everybody else too, until another
        run has succeeded, and is returned where no run may begin yet. One endpoint that takes no
        credential at all is no reason to take it from all others.
        """
        while True:
            with self._guard:
                known = self._credential
                if known is not None and time.time() < known.good_until:
                    pausing = self._run is None and monotonic() < self._not_before
                    if known is not refused or pausing:
                        return known
                    self._refused = known
                run, answer = self._join()
            try:
                return await asyncio.wrap_future(answer)
            except _Abandoned:
                continue
            finally:
                self._leave(run)

    def _join(self) -> "tuple[Run, Future[Credential]]":
        if self._run is None:
            if self._problem and monotonic() < self._not_before:
                # A new one each time: an exception gathers the way of everybody who raises it.
                raise PluginFailed(self._problem)
            path = _found(self._entry.command)
            run = Run(
                [path, *(self._entry.args or [])],
                clean(path or self._entry.command, 300),
                self._environment,
            )
            answer: Future[Credential] = Future()
            # From now on, whoever stops to wait for it does not cancel it for the others.
            answer.set_running_or_notify_cancel()
            self._run = run, answer
            self.last = run
            self._waiting = 0
            threading.Thread(
                target=self._work, args=self._run, name="credential plugin", daemon=True
            ).start()
        self._waiting += 1
        return self._run

    def _leave(self, run: Run) -> None:
        with self._guard:
            if self._run is None or self._run[0] is not run:
                return
            self._waiting -= 1
            if self._waiting == 0:
                run.end("")

    def _work(self, run: Run, answer: "Future[Credential]") -> None:
        result: Credential | BaseException
        try:
            result = self._read(run.work())
        except (RunFailed, PluginFailed) as error:
            result = error if isinstance(error, PluginFailed) else self._failure(f"{error}.")
        except (OSError, ValueError) as error:
            hint = f" {clean(self._entry.install_hint, 200)}" if self._entry.install_hint else ""
            why = "no program takes its arguments or variables"
            if isinstance(error, OSError):
                why = error.strerror or type(error).__name__
            result = self._failure(f"cannot be run: {why}.{hint}")
        except BaseException as error:
            result = error
        abandoned = run.ending and not run.why
        with self._guard:
            self._run = None
            if isinstance(result, Credential):
                self._take(result)
            elif abandoned or run is self._again:
                result = _Abandoned()
            elif isinstance(result, PluginFailed):
                self._failures += 1
                self._problem = result.message
                run.failed = result.message
                self._not_before = monotonic() + _pause(self._failures)
                run.failures = self._failures
                if run.why in (BY_USER, TOO_LONG):
                    # Nobody wants it, or nobody is there: a login is not begun again and again.
                    self._not_before = math.inf
            run.done = True
        if isinstance(result, Credential):
            answer.set_result(result)
        else:
            answer.set_exception(result)

    def _take(self, credential: Credential) -> None:
        now = monotonic()
        replaced = self._refused is not None and self._refused is self._credential
        fresh = now - self._succeeded_at < 2 * LONGEST_PAUSE
        self._refusals = (self._refusals + 1 if fresh else 1) if replaced else 0
        self._credential, self._refused, self._succeeded_at = credential, None, now
        self._problem, self._failures = "", 0
        # Where this one is refused as well, it does not help to run again at once.
        self._not_before = now + _pause(self._refusals + 1)

    def _failure(self, rest: str) -> PluginFailed:
        return PluginFailed(f"{self._name} {rest}")

    def _read(self, output: bytes) -> Credential:
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._failure("did not print an ExecCredential.") from None
        if answer.kind != "ExecCredential" or answer.api_version != self._entry.api_version:
            said = clean(
                f"{answer.kind or 'nothing'} of {answer.api_version or 'no apiVersion'}", 100
            )
            raise self._failure(f"printed {said} instead of {self._entry.api_version}.")
        status = answer.status
        if status is None:
            raise self._failure("printed no status.")
        # A null is the lack of a value, as many programs print it.
        token, certificate, key = status.token or "", status.certificate or "", status.key or ""
        if not (token or certificate or key):
            raise self._failure("printed neither a token nor a certificate.")
        if bool(certificate) != bool(key):
            raise self._failure("printed a certificate or a key, but not both.")
        if not (token.isascii() and token.isprintable()):
            raise self._failure("printed a token that no request can carry.")
        end = math.inf if status.end is None else status.end.timestamp() - LEEWAY
        # One that has expired already is used all the same, as kubectl does, but not run for each request.
        return Credential(token, certificate, key, max(end, time.time() + FIRST_PAUSE))

    def retry(self) -> None:
        """Forget failures: the user asks for another try."""
        with self._guard:
            self._not_before = -math.inf
            self._failures = self._refusals = 0
            if self._run is not None and self._run[0].ending:
                # How it ends was decided before: that does not undo what is asked for now.
                self._again = self._run[0]


def _found(command: str) -> str:
    """Return the program that a command means; nothing where there is none.

    As in Go, `PATH` is this process's and not the plugin's own, and what it finds in the current
    folder, which anybody may have put there, does not count. Source: https://pkg.go.dev/os/exec#ErrDot
    """
    if os.sep in command:
        return command
    path = shutil.which(command) or ""
    return path if os.path.isabs(path) else ""


def _pause(failures: int) -> float:
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE))


class _Status(msgspec.Struct):
    token: str | None = None
    certificate: str | None = msgspec.field(default=None, name="clientCertificateData")
    key: str | None = msgspec.field(default=None, name="clientKeyData")
    end: Annotated[datetime, msgspec.Meta(tz=True)] | None = msgspec.field(
        default=None, name="expirationTimestamp"
    )


class _Answer(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    status: _Status | None = None


_PLUGINS: Final[dict[bytes, Plugin]] = {}
_GUARD: Final = threading.Lock()


def plugin_for(entry: Exec, cluster: dict[str, Any]) -> Plugin:
    """Return the plugin of a user and a cluster, the same for whoever asks.

    `cluster` is the ExecCredential's `spec.cluster`, for plugins that want it.
    """
    spec: dict[str, Any] = {"interactive": False}
    if entry.provide_cluster_info:
        spec["cluster"] = cluster
    request = msgspec.json.encode(
        {"apiVersion": entry.api_version, "kind": "ExecCredential", "spec": spec}
    )
    with _GUARD:
        return _PLUGINS.setdefault(msgspec.json.encode((entry, cluster)), Plugin(entry, request))


def forget(plugin: Plugin) -> None:
    """Keep a plugin no longer: the kubeconfig has another one now. Who waits for it still does."""
    with _GUARD:
        for key in [key for key, known in _PLUGINS.items() if known is plugin]:
            del _PLUGINS[key]


def runs() -> list[Run]:
    """Return what each plugin runs now or ran last."""
    with _GUARD:
        return [plugin.last for plugin in _PLUGINS.values() if plugin.last is not None]


def retry() -> None:
    """Let every plugin be run again at once: the user asks for it."""
    with _GUARD:
        known = list(_PLUGINS.values())
    for plugin in known:
        plugin.retry()
