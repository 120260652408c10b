"""Any other kind of the cluster, read-only, as the server itself prints it."""

from typing import Any, ClassVar, Final

from textual import work

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.prose import Prose, field
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.errors import Forbidden, KubeError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.tables import ServerTable, TableRow
from leviathan_tui.backend.session import Session
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look
from leviathan_tui.widgets.text import age

EVERY: Final = 5.0
"""Seconds between two readings; such a list is not watched."""

_LOOK: Final = Look("·", "dim", "plain")


class _Row:
    """A server's row with the fields that a list needs."""

    def __init__(self, row: TableRow, kind: Kind) -> None:
        self.uid, self.namespace, self.name = row.uid, row.namespace, row.name
        self.cells, self.created, self.search = row.cells, row.created, row.search
        self.labels: dict[str, str] = {}
        self.failing, self.deleting = False, row.deleting
        uid = "" if row.uid.startswith("row-") else row.uid
        self.ref = Ref(kind.name, row.namespace, row.name, uid, kind.group)


class ResourceScreen(ListScreen):
    """One kind, in the server's own columns."""

    VIEW: ClassVar[str] = "resource"
    KINDS: ClassVar[tuple[str, ...]] = ()
    NAME: ClassVar[str] = "Resources"
    COLUMNS: ClassVar[tuple[Column, ...]] = (cells.name_column(20, 63), cells.NAMESPACE)

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__(place, session)
        self._kind: Kind | None = None
        self._titles: tuple[str, ...] = ()
        self._problem = ""
        self._read_at = 0.0

    def begin(self) -> None:
        """Read now, and again some time after each reading has ended."""
        self._table.note = "Reading the cluster …"
        self.refresh_data()

    def end(self) -> None:
        """Nothing is followed."""

    def list_name(self) -> str:
        """Return the kind's plural."""
        return self.place.resource.partition(".")[0].capitalize()

    def look(self, row: Any) -> Look:
        """Only what is being deleted looks different: the rest the server's columns say."""
        return cells.DELETING if row.deleting else _LOOK

    def order(self, row: Any) -> tuple[Any, ...]:
        """By namespace and name."""
        return (row.namespace, row.name)

    def reload(self) -> None:
        """Read again, as after a change of namespace."""
        self.refresh_data()

    def refresh_data(self) -> None:
        """Read the collection."""
        self._read()

    @work(group="resource", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        cluster = self.session.cluster
        try:
            if self._kind is None:
                self._kind = await self._find()
            table = await cluster.table(self._kind, self.session.namespace)
        except KubeError as error:
            self._problem = error.message
            if isinstance(error, Forbidden) and not self.session.namespace:
                self._problem += "; a namespace alone may be allowed: :ns NAME goes there"
            self._note()
        else:
            self._problem = ""
            self._read_at = self.session.clock()
            self._fill(table, self._kind)
        self.set_timer(EVERY, self.refresh_data)

    async def _find(self) -> Kind:
        for resource in await self.session.cluster.resources():
            if resource.answers_to(self.place.resource):
                return resource.kind
        raise KubeError(f"This cluster has no resource type {self.place.resource}.")

    def _fill(self, server: ServerTable, kind: Kind) -> None:
        shown = [
            position
            for position, column in enumerate(server.columns)
            if column.priority == 0 and column.name not in ("Name", "Age")
        ]
        titles = tuple(server.columns[position].name for position in shown)
        if titles != self._titles:
            self._titles = titles
            self._use_titles(shown, titles, kind)
        rows = {row.uid: _Row(row, kind) for row in server.rows}
        before = self._table.model.rows
        self._table.layout_of.hidden = (
            frozenset()
            if kind.namespaced and not self.session.namespace
            else frozenset({"namespace"})
        )
        self._table.apply(
            [
                (uid, row)
                for uid, row in rows.items()
                if uid not in before
                or (before[uid].cells, before[uid].deleting) != (row.cells, row.deleting)
            ],
            [uid for uid in before if uid not in rows],
        )
        self._note()

    def _use_titles(self, shown: list[int], titles: tuple[str, ...], kind: Kind) -> None:
        columns = [cells.name_column(20, 63), cells.NAMESPACE]
        for order, (position, title) in enumerate(zip(shown, titles, strict=True)):
            columns.append(
                Column(
                    title.lower(),
                    title.upper(),
                    lambda row, now, at=position: row.cells[at] if at < len(row.cells) else "",  # type: ignore[misc]
                    lambda row, at=position: row.cells[at] if at < len(row.cells) else "",  # type: ignore[misc]
                    6,
                    40,
                    yields=4 + order,
                )
            )
        columns.append(cells.AGE)
        self._table.list_name = self.list_name()
        self._table.use_columns(tuple(columns))

    def _note(self) -> None:
        if self._problem:
            note = f"Cannot be read: {self._problem}"
        elif not self._titles and not self._table.model.total:
            note = "Reading the cluster …"
        elif (
            self._kind is not None
            and self._kind.namespaced
            and self.session.cluster.store.lacks_namespace(self.session.namespace)
        ):
            note = f"There is no namespace {self.session.namespace}; 0 shows all namespaces."
        else:
            note = "There are none." if not self._filter_text else "Nothing matches the filter."
        aside = f"/{self._filter_text}" if self._filter_text else ""
        if self._problem and self._read_at:
            old = age(self.session.clock() - self._read_at)
            aside = f"{aside} as of {old} ago: {self._problem}".strip()[:100]
        if (note, aside) != (self._table.note, self._table.aside):
            self._table.note, self._table.aside = note, aside
            self._table.repaint()

    def summary_of(self, row: Any) -> Prose:
        """Return the server's own columns, one a line."""
        return [
            field(column.title.capitalize(), column.text(row, self.session.clock()), width=16)
            for column in self._table.columns
        ]

    def title_for(self, row: Any) -> str:
        """Return the row's name and kind."""
        return f"{row.name} ─ {row.ref.kind} ─ {row.namespace}"
