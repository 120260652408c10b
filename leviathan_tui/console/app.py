"""The full screen: runs actions, shows places, and keeps the screen in step with the store."""

import asyncio
import inspect as python_inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from leviathan_tui import crash_report, gc_tuning, screens
from leviathan_tui.actions import REGISTRY, key_table
from leviathan_tui.actions.change import GROUP as CHANGING
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.changes.refusals import Refusal
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.console.history import History
from leviathan_tui.console.login import Logins
from leviathan_tui.console.navigator import Navigator
from leviathan_tui.console.plugins import PluginBoxes
from leviathan_tui.console.themes import DARK, LIGHT
from leviathan_tui.screens.base import BaseScreen, RunAction

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.entry import Entry
    from leviathan_tui.backend.changes.intents import Intent
    from leviathan_tui.backend.changes.plan import Plan, Plans
    from leviathan_tui.console.pickers import Pickers

BUDGET: Final = 0.008
"""Seconds that applying messages may keep the screen from drawing and from taking keys."""

_MOVES: Final = ("down", "up", "page-down", "page-up")
"""The actions whose keys are held down."""


class Woken(Message):
    """The feed has something for the store."""


class LeviathanApp(Navigator, inherit_bindings=False):
    """See the module's docstring. Implements `actions.ports.Front`."""

    TITLE = "Leviathan"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", show=False, priority=True)]

    def __init__(
        self,
        session: Session,
        start: Place,
        keymap: dict[str, str] | None = None,
        switch: Callable[[str, bool], Session] | None = None,
    ) -> None:
        super().__init__(session, start, keymap or {})
        self._user_keymap = keymap or {}
        self._switch = switch
        self._moving = key_table.keys_of(_MOVES, self._user_keymap)
        self._settling: Timer | None = None
        self.logins = Logins(self)
        self._plugins = PluginBoxes(self)
        self._plans: Plans | None = None
        """The changes that were begun; imported with the first of them."""
        self.argument = ""
        self.crash_report: Path | None = None
        self.crash_text = ""
        """The report where no file is written."""

    # Life

    def on_mount(self) -> None:
        """Open the first place and follow the store."""
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = f"leviathan-{self.session.config.theme}"
        self.set_keymap(self._user_keymap)
        for name, bound in self._user_keymap.items():
            if not REGISTRY[name].keys:
                self.bind(bound, f"perform('{name}')", show=False)
        self._follow()
        self.open(self._history.here)
        self._warn()
        self.set_interval(1.0, self._tick)
        self._expect_records()

    def _expect_records(self) -> None:
        """Make the arrival of many records cheap, and keys quick once it is over."""
        gc_tuning.look_later()
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(gc_tuning.STARTING, gc_tuning.look_briefly)

    def on_unmount(self) -> None:
        """Leave the interpreter as it was."""
        gc_tuning.look_as_usual()

    def _warn(self) -> None:
        """Name what the user should know before trusting this context, all of it in one line."""
        warnings = self.session.warnings
        if warnings:
            self.say(f"{self.session.context_name}: {'; '.join(warnings)}.", "warn")

    def _follow(self) -> None:
        self.session.cluster.on_wake(lambda: self.post_message(Woken()))
        self.post_message(Woken())

    def on_woken(self) -> None:
        """Apply what has arrived, in slices that leave room for keys."""
        more = self.session.cluster.pump(BUDGET)
        screen = self.base_screen
        if screen is not None:
            screen.update_header()
            if self.session.cluster.awaits_paint:
                self.call_after_refresh(self.session.cluster.first_paint.set)
        if more:
            # Behind a turn of the loop: what is typed meanwhile comes first.
            asyncio.get_running_loop().call_soon(self.post_message, Woken())
        self.logins.offer()

    def ask_login(self, why: str = "") -> None:
        """Let the user log in at the auth server; the screen underneath stays as it is."""
        self.logins.ask(why)

    def log_out(self) -> Awaitable[None] | None:
        """End the session at the auth server."""
        return self.logins.end()

    def _tick(self) -> None:
        self.session.cluster.pump(BUDGET)
        screen = self.base_screen
        if screen is not None:
            screen.tick()
        self._plugins.look()

    @property
    def store(self) -> Store:
        """What is known of the cluster."""
        return self.session.cluster.store

    def _fatal_error(self) -> None:
        """Write a report without anybody's secrets instead of printing locals to the terminal."""
        if self.session.served:
            self.crash_text = crash_report.describe()
        else:
            self.crash_report = crash_report.write_report()
        self._close_messages_no_wait()

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let only those actions have their keys that can be done here."""
        if action != "perform":
            return True
        found = REGISTRY[str(parameters[0])]
        if not isinstance(self.screen, BaseScreen) or not found.enabled(self):
            return False
        if self._plans is not None and self._plans.undecided is not None:
            # A confirmation is about to appear: nothing else may be begun meanwhile.
            return found.group == "Moving" or found.id in ("back", "quit")
        return True

    def on_key(self, event: events.Key) -> None:
        """Keep back a key that was on its way already when another screen began to open."""
        if self.hold_key(event):
            event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Keep back a paste that was on its way then."""
        self.hold_key(event)

    def leads_nowhere(self, event: events.Event) -> bool:
        """Neither what is typed into a field nor a move in a list does; a key held down waits for none."""
        moves = isinstance(event, events.Key) and event.key in self._moving
        return super().leads_nowhere(event) or (moves and isinstance(self.screen, BaseScreen))

    async def action_perform(self, name: str) -> None:
        """Run an action by its id."""
        self.perform(name)

    def on_run_action(self, message: RunAction) -> None:
        """Run an action that a widget asks for."""
        if REGISTRY[message.action].enabled(self):
            self.perform(message.action)

    def perform(self, name: str) -> None:
        """Run an action by its id; what takes time goes on beside."""
        why = REGISTRY[name].refusal(self)
        if why:
            self.say(why, "warn")
            return
        result = REGISTRY[name].run(self)
        if python_inspect.isawaitable(result):
            plan = self.plans.want() if REGISTRY[name].group == CHANGING else None
            worker = self._finish(result, plan)
            if plan is not None:
                plan.abandon = worker.cancel
        elif self.base_screen is not None:
            self._show_keys()

    @work(exit_on_error=False)
    async def _finish(self, result: Any, plan: "Plan | None") -> None:
        try:
            await result
        except KubeError as error:
            self.say(error.message, "bad")
        except Refusal as refusal:
            self.say(refusal.message, "warn")
        finally:
            if plan is not None:
                self.plans.give_up(plan)

    def _show_keys(self) -> None:
        screen = self.base_screen
        if screen is not None and screen.is_mounted:
            screen.footer.show_keys(self, self.key_labels)

    def on_table_moved(self) -> None:
        """The cursor's row decides what can be done."""
        self._show_keys()

    # Front

    @property
    def cluster(self) -> Cluster:
        """The cluster in use."""
        return self.session.cluster

    @property
    def served(self) -> bool:
        """Whether several people use this console, one after another."""
        return self.session.served

    @property
    def who(self) -> str:
        """The name under which changes are written down."""
        return self.session.who

    @property
    def plans(self) -> "Plans":
        """The changes that were begun."""
        if self._plans is None:
            from leviathan_tui.backend.changes.plan import Plans

            self._plans = Plans()
        return self._plans

    async def change(self, intents: "Sequence[Intent]") -> None:
        """Have changes tried, confirmed, made and watched."""
        from leviathan_tui.console.changes import ChangeDialogs

        session = self.session
        await self.plans.carry_out(session.engine, ChangeDialogs(self, session), intents)

    def warn(self, texts: Sequence[str]) -> None:
        """Show warnings about what was read."""
        if texts:
            more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
            self.say(f"{clean(texts[0], 300)}{more}", "warn")

    async def activity(self) -> "list[Entry]":
        """Return the journal, the newest entry first."""
        return await self.session.read_activity()

    async def export_journal(self, path: str) -> None:
        """Write the journal to a file."""
        self.say(await self.session.export_activity(path))

    def back(self) -> None:
        """Take back marks, the filter, or the place."""
        screen = self.base_screen
        if self._plans is not None:
            undecided = self._plans.undecided is not None
            if self._plans.stop():
                self.say("Nothing was changed." if undecided else "")
                return
        if screen is not None and screen.narrow_back():
            return
        if self.place.view in screens.MAIN_LISTS and self.place.about is None:
            # Here one begins; `[` goes back in the history all the same.
            return
        self.travel(-1)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard through the terminal (OSC 52)."""
        self.copy_to_clipboard(clean(text))

    def next_theme(self) -> None:
        """Change between dark and light."""
        dark = self.theme == DARK.name
        self.theme = LIGHT.name if dark else DARK.name

    def refresh_now(self) -> None:
        """Ask the cluster again."""
        self.session.cluster.retry_now()
        if self.base_screen is not None:
            self.base_screen.refresh_data()
        self.say("Asking the cluster again.")

    def quit(self) -> None:
        """Leave."""
        self.exit()

    # Namespaces and contexts

    @cached_property
    def _pickers(self) -> "Pickers":
        from leviathan_tui.console.pickers import Pickers

        return Pickers(self)

    def choose_namespace(self) -> None:
        """Let the user pick a namespace."""
        self._pickers.namespace()

    def choose_context(self) -> None:
        """Let the user pick a context."""
        self._pickers.context()

    def use_context(self, name: str, as_kubeconfig: bool = False) -> None:
        """Change to another cluster, or to the same as the kubeconfig's own user."""
        if self._switch is None:
            return
        sending = None if self._plans is None else self._plans.sending
        if sending is not None:
            self.say(f"Not yet: {sending.what} is being changed here.", "warn")
            return
        try:
            session = self._switch(name, as_kubeconfig)
        except KubeError as error:
            self.say(error.message, "bad")
            return
        if self._plans is not None:
            # What was changed in the other cluster is watched no longer.
            self._plans.stop()
        old = self.session
        self.session = session
        self._expect_records()
        self._history = History(Place("apps"))
        self._follow()
        self._history.open(Place("apps"))
        self._arrive()
        self._warn()
        self.run_worker(old.stop, thread=True, exit_on_error=False)

    def ask_command(self) -> None:
        """Open the palette."""
        self._pickers.command()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that a request ended in a defect of ours instead of hiding it, and write it down."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            logging.getLogger("leviathan").error("a request failed", exc_info=error)
            self.say(f"Internal error: {type(error).__name__}. --log FILE tells more.", "bad")

    def on_app_focus(self, event: events.AppFocus) -> None:
        """Draw what the clock changed while the terminal was away."""
        event.stop()
        self._tick()
