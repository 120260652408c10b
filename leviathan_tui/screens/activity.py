"""The journal: who did what, when, and what became of it."""

from typing import Any, ClassVar, Final

from textual import work

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.changes.diff import as_prose, differences
from leviathan_tui.backend.changes.entry import DONE, FAILED, PENDING, REFUSED, UNKNOWN, Entry
from leviathan_tui.backend.changes.refusals import NotWritten
from leviathan_tui.backend.fleet.prose import Prose, clock, field, heading, line
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look

EVERY: Final = 2.0
"""Seconds between two looks at the journals."""

_LOOKS: Final = {
    DONE: Look("✓", "good", "plain"),
    REFUSED: Look("–", "dim", "dim"),
    FAILED: Look("✗", "bad", "plain"),
    UNKNOWN: Look("?", "warn", "warn"),
    PENDING: Look("…", "accent", "plain"),
}


class ActivityRow:
    """An entry with the fields that a list needs."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.uid = entry.id
        self.namespace = clean(entry.namespace, 253)
        self.name = clean(entry.name, 253)
        self.actor = clean(entry.actor, 100)
        self.verb = clean(entry.verb, 30)
        self.summary = clean(entry.summary, 500)
        self.outcome = entry.outcome
        self.labels: dict[str, str] = {}
        self.failing = entry.outcome in (FAILED, UNKNOWN)
        self.created = int(entry.at)
        self.ref = entry.ref
        self.search = " ".join(
            (
                self.actor,
                self.verb,
                entry.kind,
                self.namespace,
                self.name,
                self.outcome,
                self.summary,
            )
        ).lower()


class ActivityScreen(ListScreen):
    """The entries of this cluster, the newest first."""

    VIEW: ClassVar[str] = "activity"
    KINDS: ClassVar[tuple[str, ...]] = ()
    NAME: ClassVar[str] = "Activity"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(
            "at", "WHEN", lambda row, now: clock(row.created), lambda row: -row.created, 14, key="A"
        ),
        Column(
            "who",
            "WHO",
            lambda row, now: row.actor,
            lambda row: row.actor,
            8,
            24,
            yields=5,
            name=True,
        ),
        Column("verb", "WHAT", lambda row, now: row.verb, lambda row: row.verb, 8, 16),
        cells.name_column(12, 30),
        cells.NAMESPACE,
        Column(
            "outcome", "OUTCOME", lambda row, now: row.outcome, lambda row: row.outcome, 8, key="S"
        ),
        Column(
            "summary",
            "EFFECT",
            lambda row, now: row.summary,
            lambda row: row.summary,
            20,
            80,
            yields=9,
        ),
    )

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__(place, session)
        self._problem = ""
        self._read_once = False

    def begin(self) -> None:
        """Read now and follow from then on."""
        self._note()
        self._read()
        self.set_interval(EVERY, self._read)
        self._settle_unknown()

    def end(self) -> None:
        """Nothing is followed in the store."""

    def look(self, row: Any) -> Look:
        """Return the look of the outcome."""
        return _LOOKS.get(row.outcome, _LOOKS[UNKNOWN])

    def order(self, row: Any) -> tuple[Any, ...]:
        """The newest first."""
        return (-row.entry.at, row.uid)

    def belongs(self, row: Any) -> bool:
        """Whether the entry's namespace is in view; those of the cluster itself always are."""
        return not row.namespace or super().belongs(row)

    def hidden_columns(self) -> frozenset[str]:
        """Hide nothing but the namespace where there is only one."""
        return frozenset({"namespace"}) if self.session.namespace else frozenset()

    def reload(self) -> None:
        """Read again."""
        self._table.layout_of.hidden = self.hidden_columns()
        self._read()

    def refresh_data(self) -> None:
        """Read again, and look up what is not known."""
        self._read()
        self._settle_unknown()

    @work(group="journal", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        try:
            entries = await self.session.read_activity()
            self._problem = self.session.activity.trouble
        except (NotWritten, KubeError) as error:
            self._problem, entries = error.message, []
        rows = [ActivityRow(entry) for entry in entries]
        rows = [row for row in rows if self.belongs(row)]
        before = self._table.model.rows
        keys = {row.uid for row in rows}
        self._read_once = True
        self._table.apply(
            [
                (row.uid, row)
                for row in rows
                if row.uid not in before or before[row.uid].entry.outcome != row.outcome
            ],
            [uid for uid in before if uid not in keys],
        )
        self._note()
        if before != self._table.model.rows:
            self._show_detail()

    @work(group="settle", exclusive=True, exit_on_error=False)
    async def _settle_unknown(self) -> None:
        activity = self.session.activity
        try:
            clear = await self.session.cluster.ask(
                lambda client: activity.settle(client, kinds.BY_NAME)
            )
        except (KubeError, NotWritten):
            return
        if clear:
            self._read()

    def _note(self) -> None:
        note = "Nothing was changed here yet." if self._read_once else "Reading the journal …"
        if self._problem:
            note = f"The journal cannot be read in full: {clean(self._problem, 300)}"
        if self._filter_text:
            note = "Nothing matches the filter; esc clears it."
        aside = f"/{self._filter_text}" if self._filter_text else ""
        aside = f"{aside} {clean(self._problem, 100)}".strip()
        if (note, aside) != (self._table.note, self._table.aside):
            self._table.note, self._table.aside = note, aside
            self._table.repaint()

    def summary_of(self, row: Any) -> Prose:
        """Return an entry in full."""
        return entry_prose(row.entry)

    def title_for(self, row: Any) -> str:
        """Return what was done to what."""
        return f"{row.verb} ─ {row.name} ─ {row.namespace}"


def entry_prose(entry: Entry) -> Prose:
    """Return an entry of the journal in full, with what it changed."""
    tone = {DONE: "good", REFUSED: "dim", PENDING: "accent", UNKNOWN: "warn"}.get(
        entry.outcome, "bad"
    )
    prose: Prose = [
        field("When", clock(entry.at)),
        field("Who", clean(entry.actor, 100)),
        field("Object", clean(str(entry.ref), 300)),
        field("Effect", clean(entry.summary, 500)),
        field("Outcome", entry.outcome, tone),
    ]
    if entry.message:
        prose.append(field("", clean(entry.message, 500), "warn"))
    if entry.duration is not None:
        prose.append(field("Took", f"{entry.duration:.2f} s", "dim"))
    if entry.token_id:
        prose.append(field("Token", clean(entry.token_id, 80), "dim"))
    if entry.undo_of:
        prose.append(field("Takes back", clean(entry.undo_of, 40)[:8], "dim"))
    prose.append(field("Id", clean(entry.id, 40)[:8], "dim"))
    if entry.merged:
        prose.append(line("Written while the auth server was away.", "dim"))
    found = differences(entry.before, entry.after)
    if entry.before is None and entry.after is None:
        prose += [(), line("The states before and after are not for you to see.", "dim")]
    elif found and not entry.deletes and not entry.creates:
        prose += [*heading("Changed"), *as_prose(found, secret=entry.kind == "Secret")]
    return prose
