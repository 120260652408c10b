"""The dialogs in which the full screen asks the user for something, each awaited for its answer."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from leviathan_tui.actions.ports import Check, Option
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.console.key_buffer import KeyBuffer

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.deploying import Answers


class Dialogs(KeyBuffer, inherit_bindings=False):
    """An app that can ask."""

    runs_editors = True
    """Whether the user's editor may be run, which takes a file."""

    async def ask(self, question: str, text: str, check: Check) -> str | None:
        """Let the user type a text."""
        from leviathan_tui.screens.ask import AskScreen

        typed: str | None = await self.push_screen_wait(AskScreen(question, text, check))
        return typed

    async def choose(self, title: str, options: Sequence[Option], default: str = "") -> str | None:
        """Let the user choose, where there is a choice."""
        if [one.value for one in options] == [default]:
            return default
        from leviathan_tui.screens.chooser import Choice, ChooserScreen

        choices = [Choice(one.value, clean(one.title, 60), clean(one.detail)) for one in options]
        return await self.push_screen_wait(ChooserScreen(title, choices))

    async def fill(self, answers: "Answers", *, cron: bool, title: str) -> "Answers | None":
        """Let the user fill in a form."""
        from leviathan_tui.screens.form import FormScreen

        return await self.push_screen_wait(FormScreen(answers, cron=cron, title=title))

    async def edit(self, text: str, name: str) -> str | None:
        """Let the user edit a text: in `$VISUAL` or `$EDITOR`, else in a dialog of the console."""
        command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
        if command and self.runs_editors:
            try:
                with self.suspend():
                    return _edited(command, text, name)
            except SuspendNotSupported:
                pass
        from leviathan_tui.screens.editor import EditorScreen

        return await self.push_screen_wait(EditorScreen(text, name))


def _edited(command: list[str], text: str, name: str) -> str | None:
    """Run an editor on a file of our own, 0600, without a shell; None where it fails."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="leviathan-") as folder:
        path = Path(folder, Path(name).name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            ended = subprocess.run([*command, str(path)], check=False)  # noqa: S603 - the user's own editor
        except OSError:
            return None
        return path.read_text(encoding="utf-8", errors="replace") if not ended.returncode else None
