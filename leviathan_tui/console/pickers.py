"""Picking a namespace, a context, or from the palette, and doing what was picked."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.navigation import split_words, typed_namespace
from leviathan_tui.actions.places import Place
from leviathan_tui.actions.ports import Front
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.console import palette
from leviathan_tui.screens.chooser import Choice, ChooserScreen


class Host(Front, Protocol):
    """What the pickers need of the app, besides what actions need."""

    session: Session
    argument: str
    key_labels: dict[str, str]

    def push_screen(self, screen: ChooserScreen, callback: Any) -> Any:
        """Show a dialog on top of the screens."""

    def hold_keys(self) -> None:
        """Keep keys back until the next screen is there."""

    def release_keys(self) -> None:
        """Give them to it."""

    def call_next(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Call something once the present message is dealt with."""

    def run_worker(self, work: Any, *, exit_on_error: bool) -> Any:
        """Run what takes time."""

    def perform(self, name: str) -> None:
        """Run an action by its id."""

    def show_namespace(self, namespace: str) -> None:
        """Show another namespace; empty for all."""

    def reload(self) -> None:
        """Fill the screen anew."""

    def use_context(self, name: str) -> None:
        """Change to another cluster."""


class Pickers:
    """The dialogs from which something is picked, and what follows."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def _namespaces(self) -> list[str]:
        store = self._host.session.cluster.store
        return sorted(row.name for row in store.rows("namespaces").values())

    def namespace(self) -> None:
        """Let the user pick a namespace."""
        host, favourites = self._host, self._host.session.favourites
        names = self._namespaces()
        names += [name for name in favourites if name not in names]
        choices = [Choice("*", "all", "every namespace", "0")]
        for name in names:
            number = str(favourites.index(name) + 1) if name in favourites else ""
            choices.append(Choice(name, name, "", number))

        def chosen(value: str | None) -> None:
            if value is not None:
                host.show_namespace("" if value == "*" else value)
                host.reload()

        host.push_screen(ChooserScreen("namespace", choices, lambda text: None), chosen)

    def context(self) -> None:
        """Let the user pick a context."""
        if self._host.session.kubeconfig is None:
            self._host.say("There is only this one cluster.")
            return
        self._host.run_worker(self._pick_context(""), exit_on_error=False)

    async def _pick_context(self, text: str) -> None:
        host, session = self._host, self._host.session
        # A kubeconfig can be large, and lie on a disk that is far away.
        known = dict(await asyncio.to_thread(session.read_contexts))
        found = palette.matching(text, known) if text else []
        if text and not found:
            host.say(f"No context’s name has “{clean(text, 60)}” in it.", "warn")
            return
        if len(found) == 1:
            self._use_context(found[0])
            return
        choices = [Choice(name, clean(name), clean(cluster)) for name, cluster in known.items()]

        def chosen(value: str | None) -> None:
            if value is not None:
                self._use_context(value)

        host.push_screen(ChooserScreen("context", choices, text=text), chosen)

    def _use_context(self, name: str) -> None:
        if name == self._host.session.target.context:
            self._host.say(f"This is {clean(name, 100)}.")
        else:
            self._host.use_context(name)

    def command(self) -> None:
        """Open the palette."""
        host = self._host
        known = host.session.kubeconfig
        contexts = list(known.contexts) if known is not None else []
        choices = palette.choices(host, self._namespaces(), contexts, host.key_labels)

        def chosen(value: str | None) -> None:
            if value:
                host.call_next(self._obey, palette.read(value))

        prompt = "command, screen, resource type, or ns NAME"
        # What is typed behind the choice is meant for the screen that comes.
        dialog = ChooserScreen(prompt, choices, palette.understood, before=host.hold_keys)
        host.push_screen(dialog, chosen)

    def _obey(self, order: palette.Order) -> None:
        try:
            self._follow(order)
        finally:
            if order.kind not in ("resource", "context"):
                self._host.release_keys()

    def _follow(self, order: palette.Order) -> None:
        host = self._host
        match order:
            case palette.Order("namespace", name):
                host.show_namespace(name)
                host.reload()
            case palette.Order("context", name):
                host.run_worker(self._find_context(name), exit_on_error=False)
            case palette.Order("command", name, rest):
                host.argument = rest if REGISTRY[name].argument else ""
                if rest and not host.argument:
                    host.show_namespace(typed_namespace(rest))
                if REGISTRY[name].enabled(host):
                    host.perform(name)
                    if REGISTRY[name].group == "Going":
                        # What goes somewhere is there already; the next time it may be a key.
                        host.argument = ""
                else:
                    host.say(f"{name} cannot be done here.", "warn")
            case palette.Order("resource", word, rest):
                host.run_worker(self._open_resource(word, rest), exit_on_error=False)

    async def _find_context(self, text: str) -> None:
        try:
            await self._pick_context(text)
        finally:
            self._host.release_keys()

    async def _open_resource(self, word: str, words: str) -> None:
        try:
            await self._find_resource(word, words)
        finally:
            self._host.release_keys()

    async def _find_resource(self, word: str, words: str) -> None:
        host = self._host
        try:
            resources = await host.session.cluster.resources()
        except KubeError as error:
            host.say(f"Cannot tell what {word} is: {error.message.rstrip('.')}.", "bad")
            return
        for resource in resources:
            if resource.answers_to(word):
                namespace, rows = split_words(words)
                if namespace is not None:
                    host.show_namespace(namespace)
                name = resource.kind.plural
                if resource.kind.group:
                    name += f".{resource.kind.group}"
                host.open(Place("resource", resource=name, filter=rows))
                return
        host.say(f"There is no command and no resource type {clean(word, 60)}.", "warn")
