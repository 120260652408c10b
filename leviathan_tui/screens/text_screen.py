"""Full-screen texts about one object: YAML, description, explanation; and the help."""

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.base import BaseScreen
from leviathan_tui.widgets.prompt import Prompt
from leviathan_tui.widgets.prose_view import ProseView


class TextScreen(BaseScreen):
    """A text that is asked for when the screen opens."""

    def __init__(self, place: Place, session: Session) -> None:
        super().__init__(place, session)
        self.view = ProseView(wrap=place.view != "yaml", id="text")
        self._needle = place.filter

    def body(self) -> Iterable[Widget]:
        """Return the text."""
        yield self.view

    def on_mount(self) -> None:
        """Ask for the text."""
        self.view.focus()
        self.view.show(self._title(), [line("Reading …", "dim")])
        self.refresh_data()

    def _title(self) -> str:
        about = self.place.about
        if about is None:
            return f"{self.session.identity} ─ {self.place.view}"
        return f"{about.name} ─ {about.kind} ─ {self.place.view}"

    def refresh_data(self) -> None:
        """Ask again."""
        self._read()

    @work(group="text", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        about = self.place.about
        try:
            if about is not None:
                lines = await self._ask(about)
            else:
                lines = await self.session.cluster.whoami(self.session.namespace)
        except KubeError as error:
            lines = [line(f"Cannot be read: {error.message}", "warn")]
        self.view.show(self._title(), lines)
        if self._needle:
            self.view.find(self._needle)

    async def _ask(self, about: Ref) -> Prose:
        cluster = self.session.cluster
        match self.place.view:
            case "yaml":
                return [_yaml_line(text) for text in (await cluster.manifest(about)).split("\n")]
            case "describe":
                return await cluster.describe(about)
            case _:
                return await cluster.explain(about)

    def here(self) -> Place:
        """Return the place with what is being looked for."""
        return Place(self.place.view, self.place.about, self.place.resource, self._needle)

    def narrow_back(self) -> bool:
        """Take back the search."""
        if not self._needle:
            return False
        self._find("")
        return True

    def edit_filter(self) -> None:
        """Let the user type what to find."""
        self.open_prompt(self._needle, "find")

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Find as the user types."""
        self._find(message.text)

    def on_prompt_closed(self, message: Prompt.Closed) -> None:
        """Go back to the text."""
        self.close_prompt()
        if message.text != self._needle:
            self._find(message.text)
        self.view.focus()

    def _find(self, needle: str) -> None:
        self._needle = needle
        count = self.view.find(needle)
        self.view.aside = f"/{needle}: {count}" if needle else ""
        self.view.repaint()

    def scroll_text(self, step: int, *, pages: bool = False, end: bool = False) -> None:
        """Scroll the text."""
        self.view.scroll_text(step, pages=pages, end=end)

    def next_hit(self, step: int) -> None:
        """Go to the next hit."""
        self.view.next_hit(step)


def _yaml_line(text: str) -> tuple[tuple[str, str], ...]:
    """Return a line of YAML with its key in another tone."""
    key, colon, value = text.partition(":")
    if not colon or (value and not value.startswith(" ")) or key.strip().startswith(("'", '"')):
        return ((text, "plain"),)
    return ((key + colon, "accent"), (value, "plain"))
