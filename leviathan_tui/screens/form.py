"""The forms for a new app and a new cron job: checked as they are filled in, with the manifest beside."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from leviathan_tui.backend.changes.deploying import (
    Answers,
    app_manifests,
    cron_manifests,
    problems,
)
from leviathan_tui.backend.fleet.prose import Prose, heading, line
from leviathan_tui.backend.kube import yaml_text
from leviathan_tui.backend.schedules import ScheduleError, describe, parse, zone
from leviathan_tui.backend.schedules.controller import outlook
from leviathan_tui.backend.schedules.entry import understand
from leviathan_tui.backend.schedules.zones import names
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens.chooser import Choice, ChooserScreen
from leviathan_tui.screens.dialog import Dialog
from leviathan_tui.widgets.prose_view import ProseView

APP_FIELDS: Final = (
    ("name", "Name", "web"),
    ("image", "Image", "nginx:1.29"),
    ("namespace", "Namespace", "default"),
    ("replicas", "Replicas", "1"),
    ("port", "Port", "of the container; makes a Service"),
    ("env", "Environment", "KEY=value KEY=secret:NAME/KEY KEY=config:NAME/KEY"),
    ("cpu", "CPU", "request/limit, as in 100m/500m"),
    ("memory", "Memory", "request/limit, as in 128Mi/256Mi"),
    ("health", "Health check", "/healthz, or tcp"),
    ("host", "Ingress host", "web.example.com"),
    ("command", "Command", "instead of the image's own"),
    ("pull_secret", "Pull secret", "a Secret with which the image is pulled"),
    ("service_account", "Account", "a ServiceAccount; empty: the default one"),
)
"""Field, label, and what is shown while it is empty."""

CRON_FIELDS: Final = (
    ("name", "Name", "nightly"),
    ("image", "Image", "busybox:1.37"),
    ("namespace", "Namespace", "default"),
    ("schedule", "Schedule", "0 3 * * *, or: every weekday at 9"),
    ("time_zone", "Time zone", "ctrl-t picks one; empty: the cluster's"),
    ("command", "Command", "instead of the image's own"),
    ("env", "Environment", "KEY=value KEY=secret:NAME/KEY KEY=config:NAME/KEY"),
    ("concurrency", "Concurrency", "Allow, Forbid or Replace"),
    ("deadline", "Start deadline", "seconds; empty for any time"),
    ("keep", "Jobs kept", "succeeded/failed, as in 3/1"),
    ("cpu", "CPU", "request/limit, as in 100m/500m"),
    ("memory", "Memory", "request/limit, as in 128Mi/256Mi"),
    ("pull_secret", "Pull secret", "a Secret with which the image is pulled"),
    ("service_account", "Account", "a ServiceAccount; empty: the default one"),
)

RUNS: Final = 5
"""Next runs that are shown."""


class FormScreen(Dialog[Answers | None]):
    """Returns the answers once they make a manifest, or None."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("ctrl+s", "submit", show=False, priority=True),
        Binding("ctrl+t", "zone", show=False, priority=True),
        Binding("down,tab", "go(1)", show=False, priority=True),
        Binding("up,shift+tab", "go(-1)", show=False, priority=True),
    ]

    DEFAULT_CSS = """
    FormScreen { align: center middle; background: $background 60%; }
    FormScreen > Vertical {
        width: 96%; max-width: 150; height: 92%; padding: 0 1; background: $panel;
        border: round $accent;
    }
    FormScreen VerticalScroll { width: 52; scrollbar-size-vertical: 1; }
    FormScreen ProseView { border-left: solid $foreground 20%; }
    FormScreen.-narrow ProseView { display: none; }
    FormScreen.-narrow VerticalScroll { width: 1fr; }
    FormScreen .field { height: 1; }
    FormScreen .label { width: 15; color: $foreground 70%; }
    FormScreen Input { border: none; height: 1; padding: 0; background: $surface; width: 1fr; }
    FormScreen Input:focus { border: none; background: $surface-lighten-1; }
    FormScreen .wrong { height: 1; color: $warning; padding-left: 15; }
    FormScreen .wrong.-meaning { color: $success; }
    FormScreen #keys { height: 1; color: $foreground 70%; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it

    def __init__(self, answers: Answers, *, cron: bool, title: str) -> None:
        super().__init__()
        self._answers = answers
        self._cron = cron
        self._title = title
        self._fields = CRON_FIELDS if cron else APP_FIELDS
        self._inputs: dict[str, Input] = {
            name: Input(str(getattr(answers, name)), placeholder=hint, id=name.replace("_", "-"))
            for name, _, hint in self._fields
        }
        self._said = {name: Static("", classes="wrong", markup=False) for name in self._inputs}
        self._view = ProseView(wrap=False, id="preview")
        self._keys = Static("", id="keys", markup=False)
        self._touched: set[str] = {name for name, item in self._inputs.items() if item.value}

    def compose(self) -> ComposeResult:
        """Put the fields beside the manifest."""
        with Vertical():
            yield Static(Content(clean(self._title, 100)), markup=False)
            with Horizontal():
                yield VerticalScroll(*self._rows(), can_focus=False)
                yield self._view
            yield self._keys

    def _rows(self) -> Iterable[Horizontal | Static]:
        for name, label, _ in self._fields:
            words = Static(Content(label), classes="label", markup=False)
            yield Horizontal(words, self._inputs[name], classes="field")
            yield self._said[name]

    def on_mount(self) -> None:
        """Go to the first empty field."""
        empty = [item for item in self._inputs.values() if not item.value]
        self.set_focus((empty or list(self._inputs.values()))[0])
        self._judge()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Check what is typed, and show what it makes."""
        event.stop()
        for name, item in self._inputs.items():
            if item is event.input and event.value:
                self._touched.add(name)
        self._judge()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to the next field; from the last one, to the confirmation."""
        event.stop()
        fields = list(self._inputs.values())
        if event.input is fields[-1]:
            self.action_submit()
        else:
            self.set_focus(fields[fields.index(event.input) + 1])

    def action_zone(self) -> None:
        """Let the user pick the time zone of a cron job from all there are."""
        field = self._inputs.get("time_zone")
        if field is None:
            return
        now = datetime.now(UTC)
        choices = [
            Choice(name, name, f"{now.astimezone(zone(name)):%a %H:%M}") for name in sorted(names())
        ]

        def chosen(name: str | None) -> None:
            if name:
                field.value = name
                self.set_focus(field)

        self.app.push_screen(ChooserScreen("time zone", choices), chosen)

    def action_go(self, step: int) -> None:
        """Go to the next field, or the one before."""
        fields = list(self._inputs.values())
        here = next((at for at, item in enumerate(fields) if item is self.focused), 0)
        # At once, not after the keys that have been typed meanwhile.
        self.set_focus(fields[(here + step) % len(fields)])

    def _read(self) -> tuple[Answers, str]:
        """Return the answers, and what was made of the schedule."""
        answers = Answers(labels=self._answers.labels)
        for name, item in self._inputs.items():
            setattr(answers, name, item.value.strip())
        if not self._cron:
            return answers, ""
        try:
            understood = understand(answers.schedule)
        except ScheduleError:
            return answers, ""
        answers.schedule = understood.expression
        said = f"= {describe(parse(understood.expression))}"
        if understood.translated:
            said = f"= {understood.expression} ({understood.translated})"
        return answers, said

    def _judge(self) -> dict[str, str]:
        answers, said = self._read()
        wrong = problems(answers, cron=self._cron)
        for name, words in self._said.items():
            problem = wrong.get(name, "") if name in self._touched else ""
            meaning = said if name == "schedule" and not problem else ""
            words.set_class(bool(meaning), "-meaning")
            words.update(Content(clean(problem or meaning, 200)))
        keys = "ctrl-s try it at the cluster   esc leave"
        if self._cron:
            keys += "   ctrl-t time zones"
        if wrong:
            first = next(label for name, label, _ in self._fields if name in wrong)
            keys += f"   {len(wrong)} to fill in, first: {first}"
        self._keys.update(Content(keys))
        self._show(answers, wrong)
        return wrong

    def _show(self, answers: Answers, wrong: dict[str, str]) -> None:
        if wrong:
            self._view.show("Manifest", [line("It is shown once every field is right.", "dim")])
            return
        made = cron_manifests(answers) if self._cron else app_manifests(answers)
        prose: Prose = self._next_runs(answers) if self._cron else []
        for manifest in made:
            prose += [line(text) for text in yaml_text.dump(manifest).rstrip("\n").split("\n")]
            prose.append(line("---", "dim"))
        self._view.show("Manifest", prose[:-1])

    @staticmethod
    def _next_runs(answers: Answers) -> Prose:
        schedule = parse(answers.schedule)
        where = zone(answers.time_zone or "UTC")
        prose: Prose = [line(f"Next runs in {answers.time_zone or 'UTC'}, and here", "head")]
        now = moment = int(datetime.now(UTC).timestamp())
        for _ in range(RUNS):
            coming = outlook(schedule, where, now, moment)
            if coming.next_run is None:
                prose.append(line(f"never: {coming.why_never}", "warn"))
                break
            moment = coming.next_run
            following = datetime.fromtimestamp(moment, where)
            here = following.astimezone()
            prose.append(line(f"{following:%a %Y-%m-%d %H:%M}   {here:%a %H:%M %Z}"))
        return [*prose, *heading("Manifest")]

    def action_submit(self) -> None:
        """Return the answers where they are right; else go to the first that is not."""
        self._touched |= set(self._inputs)
        wrong = self._judge()
        if wrong:
            name = next(name for name, _, _ in self._fields if name in wrong)
            self.set_focus(self._inputs[name])
            return
        self.dismiss(self._read()[0])
