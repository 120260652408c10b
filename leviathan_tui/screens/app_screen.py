"""One app: why it is not well, its pods, Services, events and releases."""

from collections.abc import Callable, Iterable
from typing import Final

from textual import work
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.describe import event_lines
from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import AppRow, Diff
from leviathan_tui.backend.fleet.summary import summarize, title_of
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.apps import worst_of
from leviathan_tui.screens.pods import PodsScreen
from leviathan_tui.widgets.prose_view import ProseView
from leviathan_tui.widgets.text import age

ASK_EVERY: Final = 2.0
"""Seconds between two questions about an app that changes."""


class AppScreen(PodsScreen):
    """The app's story above, its pods below."""

    DEFAULT_CSS = """
    AppScreen #story { height: 55%; }
    AppScreen Table { height: 1fr; }
    """

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__(place, session)
        self._story = ProseView(id="story")
        self._asked: Prose = []
        self._told = False
        """Whether the cluster's own story of the app is shown."""
        self._asking: Timer | None = None
        self._stop_following: Callable[[], None] | None = None

    def body(self) -> Iterable[Widget]:
        """Return the story and the pods."""
        yield Vertical(self._story, self._table)

    def begin(self) -> None:
        """Show what is known, and ask for the rest."""
        super().begin()
        self._stop_following = self.session.cluster.store.subscribe("apps", self._app_changed)
        self._tell()
        self.refresh_data()

    def end(self) -> None:
        """Stop following the app too."""
        super().end()
        if self._stop_following is not None:
            self._stop_following()

    @property
    def subject(self) -> Ref | None:
        """The pod under the cursor, or the app where it has none."""
        return super().subject or self.place.about

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """Scroll the story; the cursor keys are the pods'."""
        self._story.scroll_text(step, pages=pages, end=end)

    def refresh_data(self) -> None:
        """Ask again for Services, autoscalers and events."""
        self._asking = None
        self._ask()

    def _app_changed(self, diff: Diff) -> None:
        about = self.place.about
        if about is None:
            return
        if about.uid in diff.removed:
            self.footer.say(f"{about.name} is gone.", "warn")
        if any(row.uid == about.uid for row in diff.upserted):
            self._tell()
            # A rollout changes the row many times a second; events and Services can wait.
            if self._asking is None:
                self._asking = self.set_timer(ASK_EVERY, self.refresh_data)

    def _row(self) -> AppRow | None:
        about = self.place.about
        row = None if about is None else self.session.cluster.store.rows("apps").get(about.uid)
        return row if isinstance(row, AppRow) else None

    def _tell(self) -> None:
        row = self._row()
        if row is None:
            return
        now = self.session.clock()
        store = self.session.cluster.store
        # Its pods are listed below; of releases, the cluster knows more than the store.
        lines = summarize(
            row, store, lambda when: age(now - when), pods=False, releases=not self._told
        )
        self._story.show(title_of(row), [*lines, *self._asked])

    @work(group="app", exclusive=True, exit_on_error=False)
    async def _ask(self) -> None:
        about = self.place.about
        if about is None:
            return
        cluster = self.session.cluster
        now = self.session.clock()
        try:
            row = self._row()
            # What is wrong comes first: below it there is seldom room.
            wrong = [] if row is None or not row.failing else await worst_of(cluster, row)
            self._asked = [
                *wrong,
                *await cluster.app_story(about, lambda when: age(now - when)),
                *event_lines(await cluster.events(about), 12),
            ]
        except KubeError as error:
            self._asked = [(), line(f"Cannot be read: {error.message}", "dim")]
            self._told = False
        else:
            self._told = True
        self._tell()

    def tick(self) -> None:
        """Draw what the clock changed."""
        super().tick()
        self._tell()
