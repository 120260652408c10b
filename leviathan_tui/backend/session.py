"""What one run of the console is about: a cluster, a namespace, and as whom."""

import math
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from leviathan_tui.backend.changes.refusals import Refusal
from leviathan_tui.backend.config import Config
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import CronRow
from leviathan_tui.backend.identity.errors import AuthUnreachable, IdentityError
from leviathan_tui.backend.kube import plugin_run
from leviathan_tui.backend.kube.credentials import Bearer, BearerSource
from leviathan_tui.backend.kube.errors import KubeError, Unauthorized, Unreachable
from leviathan_tui.backend.kube.kubeconfig import Kubeconfig, Target, reloaded
from leviathan_tui.backend.untrusted import clean_name

if TYPE_CHECKING:
    # Journal and changes are not needed before somebody changes something: they are imported then.
    from leviathan_tui.backend.changes.activity import Activity
    from leviathan_tui.backend.changes.entry import Entry
    from leviathan_tui.backend.changes.journal import Journal
    from leviathan_tui.backend.changes.plan import Engine
    from leviathan_tui.backend.changes.preview import Actor
    from leviathan_tui.backend.changes.records import Records
    from leviathan_tui.backend.identity.keeper import SessionKeeper
    from leviathan_tui.backend.identity.saved import SavedSession
    from leviathan_tui.backend.logs.thread import LogThread

CONCLUDE_TIMEOUT: Final = 1.0
"""Seconds that the end of a served console waits for the team's journal."""

LOGOUT_TIMEOUT: Final = 1.5
"""Seconds that it waits for the auth server to end the session."""

A_MOMENT: Final = 300.0
"""Seconds for which the logs of a cron job are those of the run that was just started here."""

PREFIX: Final = "leviathan:"
"""What API servers put before the names and groups of the auth server's tokens."""


@dataclass
class Session:
    """Shared by all screens; the namespace is the only thing in it that changes."""

    target: Target
    kubeconfig: Kubeconfig | None
    cluster: Cluster
    namespace: str
    """The namespace in view; empty for all."""
    config: Config = field(default_factory=Config)
    clock: Callable[[], float] = time.time
    favourites: list[str] = field(default_factory=list)
    """Namespaces under the keys 1 to 9, in their order."""
    mode: str = "kubeconfig"
    """How the user is known: `oidc`, `kubeconfig` or `impersonate`."""
    keeper: "SessionKeeper | None" = None
    """The session at the auth server, where there is one."""
    actor: str = ""
    """The name logged in at the auth server."""
    memory: dict[str, str] = field(default_factory=dict)
    """How the user likes things, for the next screen of the same sort."""
    journal: "Journal | None" = None
    """This user's journal, once there was something to write down or to read."""
    _logs: "LogThread | None" = None
    _begun: dict[str, tuple[Ref, float]] = field(default_factory=dict)
    """The newest run that was started here of each cron job, by its uid, and when."""

    @property
    def logs(self) -> "LogThread":
        """Where logs are followed."""
        if self._logs is None:
            from leviathan_tui.backend.logs.thread import LogThread

            self._logs = LogThread(self.target, self.cluster.bearer)
        return self._logs

    def stop(self) -> None:
        """End everything; blocks until the threads have ended."""
        if self._logs is not None:
            self._logs.stop()
        self._conclude()
        self.cluster.stop()

    def _conclude(self) -> None:
        """Send the team's journal what it lacks, where nothing here would keep it."""
        records = self.__dict__.get("records")
        if not self.served or records is None:
            return
        # The auth server may be away, or the feed at its end already.
        with suppress(TimeoutError, CancelledError, KubeError, Refusal):
            self.cluster.call(lambda client: records.conclude()).result(CONCLUDE_TIMEOUT)

    def leave(self) -> None:
        """End the login of a served console, as far as the auth server answers in time."""
        if self.served and self.keeper is not None:
            self.keeper.end(LOGOUT_TIMEOUT)

    def leave_at_once(self) -> None:
        """Do what `stop` and `leave` do for others, where this process is about to be ended."""
        plugin_run.kill_all()
        self._conclude()
        self.leave()

    @property
    def served(self) -> bool:
        """Whether several people use this console, one after another."""
        return self.config.served

    def reconnect(self) -> None:
        """End everything that lives on the old credential and begin anew, as after a logout."""
        if self._logs is not None:
            self._logs.reconnect()
        self.cluster.reconnect()

    @property
    def context_name(self) -> str:
        """The context's name, cleaned."""
        return clean_name(self.target.context, 60)

    def context_names(self) -> list[str]:
        """The names of all contexts, this one's too, cleaned as this one's is."""
        others = self.kubeconfig.contexts if self.kubeconfig is not None else ()
        return [clean_name(name, 60) for name in (*others, self.target.context)]

    def read_contexts(self) -> "list[tuple[str, str]]":
        """Read the kubeconfig again where it has changed; return its contexts with their clusters."""
        if self.kubeconfig is None:
            return []
        self.kubeconfig = reloaded(self.kubeconfig)
        return [(name, context.cluster) for name, context in self.kubeconfig.contexts.items()]

    @property
    def identity(self) -> str:
        """Who acts, and how that is known."""
        user = "nobody" if self.awaits_login else self.who
        return f"{clean_name(user, 40)}@{self.mode}"

    @property
    def awaits_login(self) -> bool:
        """Whether nothing is asked of the cluster before somebody has logged in."""
        return self.mode != "kubeconfig" and not self.actor

    @property
    def mark(self) -> str:
        """The gravest warning in two words, for a header with little room; empty for none."""
        cluster = self.target.cluster
        if not cluster.server.lower().startswith("https://"):
            return "no TLS"
        if cluster.insecure_skip_tls_verify:
            return "TLS unverified"
        marks = []
        if self.keeper is not None and self.keeper.trouble:
            until = self.keeper.good_until
            marks.append(f"login away, good until {until}" if until else "login server away")
        if self._journal_lags:
            marks.append("journal lags")
        if marks:
            return ", ".join(marks)
        return "proxy" if self.target.proxy is not None else self.cluster.snapshot_trouble

    @property
    def _journal_lags(self) -> bool:
        """Whether the team's journal lacks something that only this program remembers."""
        return self.served and "records" in self.__dict__ and bool(self.records.trouble)

    @property
    def warnings(self) -> list[str]:
        """What the user should know of this connection."""
        found = self.target.warnings()
        if self.keeper is not None and self.keeper.trouble:
            found.insert(0, self.keeper.trouble)
        return found

    @property
    def audience(self) -> str:
        """The audience of this cluster's tokens."""
        return self.config.audience_of(self.target.context)

    def know_actor(self) -> None:
        """Take the name from the saved session; nobody where there is none that can be used."""
        saved = self._saved()
        self.actor = saved.username if saved is not None else ""

    def _saved(self) -> "SavedSession | None":
        try:
            return self.keeper.saved() if self.keeper is not None else None
        except IdentityError:
            return None

    @cached_property
    def records(self) -> "Records":
        """Where changes are written down: here, and in the team's journal where there is one."""
        from leviathan_tui.backend.changes.journal import Journal
        from leviathan_tui.backend.changes.records import Records
        from leviathan_tui.backend.changes.team_first import TeamFirstRecords
        from leviathan_tui.backend.identity.saved import state_folder
        from leviathan_tui.backend.identity.team_journal import TeamJournal

        if self.journal is None:
            self.journal = Journal(None if self.served else state_folder() / "journal.sqlite3")
        if self.keeper is None:
            return Records(self.journal)
        team = TeamJournal(self.config.auth, self.keeper, self.config.auth_ca)
        return (TeamFirstRecords if self.served else Records)(self.journal, team)

    @cached_property
    def engine(self) -> "Engine":
        """The one way in which anything is changed."""
        from leviathan_tui.backend.changes.guards import Guard
        from leviathan_tui.backend.changes.plan import Engine

        guard = Guard(self.config.context(self.target.context).guard, self.context_name)
        return Engine(
            self.cluster,
            self.records,
            self._acting,
            guard,
            self.clock,
            events=self.config.events,
            steady_seconds=self.config.steady_seconds,
        )

    @cached_property
    def activity(self) -> "Activity":
        """What was done to this cluster."""
        from leviathan_tui.backend.changes.activity import Activity

        return Activity(self.records, self.target.cluster.server)

    async def read_activity(self) -> "list[Entry]":
        """Return the journal, the newest entry first. Raises `NotWritten`.

        It is read where it is written, in the feed's thread: connections belong to their loop.
        """
        return await self.cluster.ask(lambda client: self.activity.read())

    async def export_activity(self, path: str) -> str:
        """Write the journal to a new file; return what was done, in words."""
        return await self.cluster.ask(lambda client: self.activity.export(path))

    @property
    def who(self) -> str:
        """The name under which changes are written down."""
        return self.actor or self.target.user.as_user or self.target.user_name or "nobody"

    def _acting(self) -> "Actor":
        import jwt

        from leviathan_tui.backend.changes.preview import Actor

        token_id = ""
        saved = self._saved() if self.mode != "kubeconfig" else None
        token = saved.tokens.get(self.audience) if saved is not None else None
        if token is not None:
            try:
                claims = jwt.decode(token.token, options={"verify_signature": False})
                token_id = str(claims.get("jti", ""))
            except jwt.InvalidTokenError:
                token_id = ""
        return Actor(self.who, self.target.cluster.server, self.target.context, token_id)

    def note_run(self, cron: Ref, job: Ref) -> None:
        """Remember that a run of a cron job was started here."""
        self._begun[cron.uid] = (job, self.clock())

    def run_begun(self, cron: Ref) -> Ref | None:
        """Return the run of a cron job that was started here a moment ago.

        None where none was, or where its schedule has started another since.
        """
        job, at = self._begun.get(cron.uid, (None, -math.inf))
        row = self.cluster.store.rows("crons").get(cron.uid)
        newer = isinstance(row, CronRow) and row.last_schedule > at
        return None if newer or self.clock() - at > A_MOMENT else job

    def shows(self, namespace: str) -> bool:
        """Whether objects of a namespace are in view."""
        return not self.namespace or namespace == self.namespace

    def remember(self, namespace: str) -> None:
        """Give a namespace a number key, if it has none and one is free."""
        if namespace and namespace not in self.favourites and len(self.favourites) < 9:
            self.favourites.append(namespace)


def bearer_source(keeper: "SessionKeeper", mode: str, audience: str) -> BearerSource:
    """Return what gives each request its credential in the modes `oidc` and `impersonate`."""

    async def bearer() -> Bearer:
        try:
            token = await keeper.token(audience)
            if mode == "oidc":
                return Bearer(token.token, float(token.expires_at))
            saved = keeper.saved()
        except AuthUnreachable as error:
            raise Unreachable(error.message) from error
        except IdentityError as error:
            raise Unauthorized(401, "", error.message) from error
        if saved is None:
            raise Unauthorized(401, "", "You are not logged in.")
        names = (saved.username, *saved.groups)
        if any(name.startswith("system:") for name in names):
            raise Unauthorized(401, "", "A session that names a system user or group is refused.")
        return Bearer(
            expires_at=float(token.expires_at),
            user=PREFIX + saved.username,
            groups=tuple(PREFIX + group for group in saved.groups),
        )

    return bearer
