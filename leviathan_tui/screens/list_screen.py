"""The base of every list: a table, the detail pane beside it, and a filter."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from textual import work
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widget import Widget

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.filters import FilterError, parse_filter
from leviathan_tui.backend.fleet.messages import Phase
from leviathan_tui.backend.fleet.prose import Prose
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import Diff
from leviathan_tui.backend.fleet.summary import summarize, title_of
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.base import BaseScreen, RunAction
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.prompt import Prompt
from leviathan_tui.widgets.prose_view import ProseView
from leviathan_tui.widgets.table import Look, Table
from leviathan_tui.widgets.text import age

ASK_DEBOUNCE: Final = 0.15
"""Seconds the cursor rests on a row before anything is asked about it."""

DETAIL_DEBOUNCE: Final = 0.04
"""Seconds after a cursor move at which the pane follows, so that a held key only moves the cursor."""


class Detail(ProseView):
    """The pane beside a list; only wide terminals have room for it."""

    DEFAULT_CSS = """
    Detail { width: 38%; max-width: 90; border-left: solid $foreground 20%; }
    """


class ListScreen(BaseScreen):
    """A list of the store's rows."""

    VIEW: ClassVar[str]
    """The store's view that it shows."""
    KINDS: ClassVar[tuple[str, ...]]
    """The kinds whose state decides whether the list is complete."""
    NAME: ClassVar[str]
    """The table's name."""
    ROWS: ClassVar[str] = ""
    """What its rows are called, where that is not the table's name."""
    COLUMNS: ClassVar[tuple[Column, ...]]

    DEFAULT_CSS = """
    ListScreen Horizontal { height: 1fr; }
    ListScreen.-narrow Detail { display: none; }
    """

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__(place, session)
        self._table = Table(
            self.list_name(), self.columns(), self.look, self.order, clock=session.clock, id="table"
        )
        self._detail = Detail(id="detail")
        self._filter_text = place.filter
        self._unsubscribe: Callable[[], None] | None = None
        self._rest: Timer | None = None
        self._settle: Timer | None = None
        self._extra: tuple[str, Prose] = ("", [])

    # What subclasses say

    def list_name(self) -> str:
        """Return the table's name."""
        return self.NAME

    def columns(self) -> tuple[Column, ...]:
        """Return the table's columns."""
        return self.COLUMNS

    def look(self, row: Any) -> Look:
        """Return how a row is drawn."""
        raise NotImplementedError

    def order(self, row: Any) -> tuple[Any, ...]:
        """Return the default sort key: failing things first, then by name."""
        return (not row.failing, row.namespace, row.name)

    def belongs(self, row: Any) -> bool:
        """Whether a row is in view here."""
        return self.session.shows(row.namespace)

    async def more_about(self, row: Any) -> Prose:
        """Return what is worth asking about a row once the cursor rests on it."""
        return []

    def hidden_columns(self) -> frozenset[str]:
        """Return the columns that have nothing to show now."""
        hidden = set()
        if not self.session.cluster.store.measured:
            hidden |= {"cpu", "memory"}
        if self.session.namespace:
            hidden.add("namespace")
        return frozenset(hidden)

    # Life

    def body(self) -> Iterable[Widget]:
        """Return the table and the pane."""
        yield Horizontal(self._table, self._detail)

    def on_mount(self) -> None:
        """Show what is known and follow it from now on."""
        self._apply_filter(self._filter_text)
        self.begin()
        if self.place.cursor:
            self._table.move_to_key(self.place.cursor)
            self._table.model.held = False
        self._table.focus()

    def on_unmount(self) -> None:
        """Stop following."""
        self.end()

    def begin(self) -> None:
        """Fill the table and follow what it shows. Textual calls `on_mount` of every class, hence this."""
        store = self.session.cluster.store
        self._unsubscribe = store.subscribe(self.VIEW, self._changed)
        self.reload()

    def end(self) -> None:
        """End what `begin` began."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def reload(self) -> None:
        """Fill the table anew, as after a change of namespace."""
        rows = self.session.cluster.store.rows(self.VIEW)
        self._table.list_name = self.list_name()
        self._table.layout_of.hidden = self.hidden_columns()
        self._table.replace({uid: row for uid, row in rows.items() if self.belongs(row)})
        self._note()
        self._show_detail()

    def _changed(self, diff: Diff) -> None:
        self._table.show_columns(self.hidden_columns())
        ours = [(row.uid, row) for row in diff.upserted if self.belongs(row)]
        removed = diff.removed
        if len(ours) < len(diff.upserted):
            kept = {uid for uid, _ in ours}
            removed = [*removed, *(row.uid for row in diff.upserted if row.uid not in kept)]
        self._table.apply(ours, removed)
        self._note()

    def _note(self) -> None:
        """Say why the table is empty, where it is."""
        connection = self.session.cluster.store.connection
        namespace = self.session.namespace if self._namespaced else ""
        states = [state for kind in self.KINDS for state in connection.bearing_on(kind, namespace)]
        refused = [state for state in states if state.phase is Phase.REFUSED]
        broken = [state for state in states if state.phase is Phase.BROKEN]
        name = self.ROWS or self.NAME.lower()
        if self.session.awaits_login:
            note = "You are not logged in. :login asks for name and password."
        elif broken and broken[0].problem is not None:
            note = f"The cluster cannot be read: {broken[0].problem.sentence.rstrip('.')}."
        elif refused and len(refused) == len(states) and refused[0].problem is not None:
            note = f"You may not read these: {refused[0].problem.sentence.rstrip('.')}.{self._elsewhere()}"
        elif not all(connection.complete(kind) for kind in self.KINDS):
            note = "Reading the cluster …"
        elif namespace and self.session.cluster.store.lacks_namespace(namespace):
            note = f"There is no namespace {namespace}; 0 shows all namespaces."
        elif self._filter_text:
            note = "Nothing matches the filter; esc clears it."
        elif self.place.about is not None:
            note = f"{self.place.about.name} has no {name} here now."
        elif namespace:
            note = f"No {name} in the namespace {namespace}; 0 shows all namespaces."
        else:
            note = f"This cluster has no {name}."
        if note != self._table.note:
            self._table.note = note
            self._table.repaint()

    def _elsewhere(self) -> str:
        """Say how to go where one may read, where there is such a place."""
        return (
            " Elsewhere you may be allowed to: :ns NAME goes to another namespace."
            if self._namespaced
            else ""
        )

    @property
    def _namespaced(self) -> bool:
        """Whether what is listed lies in namespaces."""
        return not self.KINDS or any(kinds.BY_NAME[kind].namespaced for kind in self.KINDS)

    def update_header(self) -> None:
        """Bring the header up to date, and what an empty table says: they tell of the same connection."""
        super().update_header()
        self._note()

    def tick(self) -> None:
        """Draw what the clock changed."""
        super().tick()
        self._table.tick()

    # What the app asks

    @property
    def table(self) -> Table:
        """The list."""
        return self._table

    @property
    def subject(self) -> Ref | None:
        """The object under the cursor."""
        row = self._table.row
        return None if row is None else row.ref

    def here(self) -> Place:
        """Return the place with filter and cursor."""
        row = self._table.row
        return Place(
            self.place.view,
            self.place.about,
            self.place.resource,
            self._filter_text,
            "" if row is None else row.uid,
        )

    def narrow_back(self) -> bool:
        """Take back the marks, then the filter."""
        if self._table.clear_marks():
            return True
        if self._filter_text:
            self._apply_filter("")
            return True
        return False

    # The filter

    def edit_filter(self) -> None:
        """Open the prompt."""
        self.open_prompt(self._filter_text)

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Filter as the user types."""
        self._apply_filter(message.text)

    def on_prompt_closed(self, message: Prompt.Closed) -> None:
        """Go back to the list, with or without the filter."""
        self.close_prompt()
        if message.text != self._filter_text:
            self._apply_filter(message.text)
        self._table.focus()

    def _apply_filter(self, text: str) -> None:
        self._filter_text = text
        try:
            accept = parse_filter(text)
        except FilterError as error:
            self.footer.say(str(error), "warn")
            return
        self.footer.say("")
        self._table.aside = f"/{text}" if text else ""
        self._table.filter_by(accept)
        self._note()

    # The pane

    def on_resize(self) -> None:
        """Fill the pane where it has just found room."""
        self.call_after_refresh(self._show_detail)

    def on_table_moved(self, message: Table.Moved) -> None:
        """Let the pane follow the cursor, at once but after the cursor itself.

        The message goes on to the app: the cursor's row decides what can be done.
        """
        if not self._detail.display:
            return
        for timer in (self._rest, self._settle):
            if timer is not None:
                timer.stop()
        self._settle = self.set_timer(DETAIL_DEBOUNCE, self._show_detail)

    def on_table_opened(self, message: Table.Opened) -> None:
        """Open the double-clicked row."""
        message.stop()
        self.post_message(RunAction("open"))

    def _show_detail(self) -> None:
        if not self._detail.display:
            return
        row = self._table.row
        if row is None:
            self._detail.show("", [])
            return
        uid, extra = self._extra
        lines = self.summary_of(row)
        self._detail.show(self.title_for(row), [*lines, *(extra if uid == row.uid else [])])
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(ASK_DEBOUNCE, self._ask_more)

    def summary_of(self, row: Any) -> Prose:
        """Return what the pane says of a row at once."""
        now = self.session.clock()
        return summarize(row, self.session.cluster.store, lambda when: age(now - when))

    def title_for(self, row: Any) -> str:
        """Return the pane's title for a row."""
        return title_of(row)

    def _ask_more(self) -> None:
        row = self._table.row
        if row is not None:
            self._fetch_more(row)

    @work(group="detail", exclusive=True, exit_on_error=False)
    async def _fetch_more(self, row: Any) -> None:
        extra = await self.more_about(row)
        now = self._table.row
        if now is not None and now.uid == row.uid:
            self._extra = (row.uid, extra)
            self._detail.show(self.title_for(now), [*self.summary_of(now), *extra])
