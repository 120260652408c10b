"""What is about to be changed, exactly, and the question whether to."""

import math
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from leviathan_tui.backend.changes.diff import as_prose
from leviathan_tui.backend.changes.preview import Preview
from leviathan_tui.backend.changes.proposal import Decision, Proposal, Related
from leviathan_tui.backend.changes.refusals import Changed, Owned
from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens.dialog import Dialog
from leviathan_tui.widgets.prose_view import ProseView

MOST_SHOWN = 40
"""Objects whose differences are shown in full; of the others, only the effect."""


@dataclass
class Question:
    """Everything that the user has to know to decide."""

    cluster: str
    identity: str
    proposal: Proposal
    name_to_type: str = ""
    """What has to be typed to confirm; empty where a key will do."""


class ConfirmScreen(Dialog[Decision | None]):
    """Returns the decision to go on, or None."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n,q", "dismiss(None)", show=False),
        Binding("y", "go", show=False),
        Binding("enter", "close", show=False),
        Binding("s", "stop", show=False),
        Binding("f", "force", show=False),
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
        Binding("ctrl+f,pagedown", "page(1)", show=False),
        Binding("ctrl+b,pageup", "page(-1)", show=False),
        Binding("space", "tick", show=False),
        Binding("a", "tick_all", show=False),
    ]

    DEFAULT_CSS = """
    ConfirmScreen { align: center middle; background: $background 60%; }
    ConfirmScreen > Vertical {
        width: 92%; max-width: 120; height: 80%; padding: 0 1; background: $panel;
        border: round $warning;
    }
    ConfirmScreen ProseView { height: 1fr; }
    ConfirmScreen Input { border: none; height: 1; background: $surface; }
    ConfirmScreen Input:focus { border: none; }
    ConfirmScreen #keys { height: 1; color: $foreground 70%; }
    """

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        self._proposal = question.proposal
        self._cursor = 0
        self._stop = True
        self._asked_at = math.inf
        self._view = ProseView(id="question")
        self._keys = Static("", id="keys", markup=False)
        self._typed = Input(placeholder=f"type {question.name_to_type} to confirm")

    def compose(self) -> ComposeResult:
        """Put what is asked over how to answer."""
        with Vertical():
            yield self._view
            if self._question.name_to_type and self._proposal.steps:
                yield self._typed
            yield self._keys

    def on_mount(self) -> None:
        """Show everything."""
        self._show()
        self._asked_at = Message().time
        if self._typed.is_attached and not self._proposal.related:
            self._typed.focus()

    # What is shown

    def _show(self) -> None:
        question = self._question
        self._view.show(self._title(), self._lines())
        words = []
        if self._proposal.steps:
            words.append("y do it" if not question.name_to_type else "enter type the name")
        words.append("esc leave it")
        if self._proposal.related:
            pods = self._proposal.related[self._cursor].is_pod
            words.append("j k space which pods go" if pods else "j k space what goes with it")
            if pods and len(self._proposal.related) > 1:
                words.append("a all")
        if len(self._proposal.steps) > 1:
            # What is now, not what the key does.
            words.append(f"s a failure {'stops the rest' if self._stop else 'stops nothing'}")
        if self._proposal.owned:
            words.append("f take these fields over")
        self._keys.update(Content("   ".join(words)))

    def _title(self) -> str:
        count = len(self._proposal.steps)
        if not count:
            return "Not possible"
        first = self._proposal.steps[0].preview.intent
        left_out = len(self._proposal.refusals)
        if left_out:
            what = f"{count} of {count + left_out} objects"
        else:
            what = clean(first.ref.name, 80) if count == 1 else f"{count} objects"
        return f"{first.question} {what}?"

    def _lines(self) -> Prose:
        question = self._question
        prose: Prose = [
            (
                ("cluster ", "dim"),
                (clean(question.cluster, 60), "strong"),
                ("   as ", "dim"),
                (clean(question.identity, 60), "plain"),
            )
        ]
        # First, for below a long difference nobody would see it.
        prose += self._refusals()
        single = len(self._proposal.steps) == 1
        for step in self._proposal.steps[:MOST_SHOWN]:
            prose += [(), *self._about(step.preview, single=single)]
        for step in self._proposal.steps[MOST_SHOWN:]:
            prose.append(line(step.preview.change.effect))
        return prose + self._related()

    def _related(self) -> Prose:
        """Return what belongs to what is deleted, each with its tick."""
        related, unreadable = self._proposal.related, self._proposal.unreadable
        it = "it" if len(self._proposal.steps) == 1 else "them"
        prose: Prose = []
        for at, one in enumerate(related):
            if at == 0 or one.is_pod != related[at - 1].is_pod:
                kept = "Pods that would stay as they are, deleted too where ticked"
                belongs = f"Belongs to {it}, and goes too where ticked"
                prose += [(), line(kept if one.is_pod else belongs, "head")]
            tone = "accent" if at == self._cursor else "plain"
            begin = f"{'▸' if at == self._cursor else ' '} [{'x' if one.goes else ' '}] "
            name = f"{one.object.kind.name} {clean(one.object.ref.name, 80)}  "
            prose.append(((begin + name, tone), (self._why(one), "dim")))
            if one.refusal is not None:
                prose.append(line(f"      {clean(one.refusal.message, 400)}", "warn"))
            if one.goes and one.preview is not None:
                warnings = one.preview.change.warnings
                prose += [line(f"      ▲ {clean(text, 400)}", "warn") for text in warnings]
        for kind, reason in unreadable.items():
            words = f"More may belong to {it}: {kind} cannot be read: {clean(reason, 200)}"
            prose.append(line(words, "warn"))
        return prose

    def _why(self, one: Related) -> str:
        """Return why something belongs to what is deleted; of several apps, to which."""
        if len(self._proposal.steps) == 1:
            return one.object.why
        names = ", ".join(step.preview.intent.ref.name for step in one.owners)
        return f"{clean(names, 80)}: {one.object.why}"

    def _refusals(self) -> Prose:
        """Return what is not done, and why."""
        prose: Prose = []
        if self._proposal.refusals and self._proposal.steps:
            prose += [(), line(f"{len(self._proposal.refusals)} left out:", "warn")]
        for refusal in self._proposal.refusals:
            prose.append(line(refusal.message, "warn"))
            if isinstance(refusal, Changed):
                prose += as_prose(refusal.differences)
            if isinstance(refusal, Owned):
                prose += [
                    (
                        (f"  {clean(path, 100)}  ", "plain"),
                        (
                            "set by an earlier action of this console"
                            if path in refusal.ours
                            else clean(owner, 200),
                            "warn",
                        ),
                    )
                    for path, owner in refusal.fields
                ]
        return prose

    @staticmethod
    def _about(preview: Preview, *, single: bool) -> Prose:
        intent, change = preview.intent, preview.change
        prose: Prose = [
            ((f"{clean(intent.subject, 200)}  ", "accent"), (clean(change.effect, 400), "plain"))
        ]
        prose += [line(f"▲ {clean(text, 400)}", "warn") for text in change.warnings]
        if change.target is not None:
            prose += as_prose(preview.differences, secret=preview.is_secret)
            if not preview.differences:
                prose.append(line("Nothing changes.", "dim"))
        if preview.local:
            prose.append(
                line(
                    "The server cannot try this, so the difference is computed here: "
                    f"{clean(preview.local, 200)}",
                    "warn",
                )
            )
        if single:
            prose += [line(clean(text, 400), "dim") for text in change.notes]
        return prose

    # What is answered

    def on_key(self, event: events.Key) -> None:
        """Take no answer that was given before the question was there."""
        if event.key in ("y", "f") and event.time < self._asked_at:
            event.stop()
            event.prevent_default()

    def action_close(self) -> None:
        """Leave a dialog that asks nothing, or go on to the name: enter is too easily pressed for a yes."""
        if not self._proposal.steps:
            self.dismiss(None)
        elif self._question.name_to_type:
            self._typed.focus()

    def action_go(self) -> None:
        """Go on, unless a name has to be typed."""
        if not self._proposal.steps:
            self.dismiss(None)
        elif not self._question.name_to_type:
            self._decide()
        else:
            self._typed.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on where the right name was typed."""
        event.stop()
        if event.value.strip() == self._question.name_to_type:
            self._decide()
        else:
            self._keys.update(Content(f"That is not {clean(self._question.name_to_type, 80)}."))

    def _decide(self, *, take_over: bool = False) -> None:
        self.dismiss(Decision(self._stop, take_over))

    def action_force(self) -> None:
        """Take over the fields of others."""
        if self._proposal.owned:
            self._decide(take_over=True)

    def action_stop(self) -> None:
        """Choose whether a failure ends a bulk change."""
        if len(self._proposal.steps) > 1:
            self._stop = not self._stop
            self._show()

    def action_move(self, step: int) -> None:
        """Go to the next related object, or scroll."""
        if self._proposal.related:
            self._cursor = (self._cursor + step) % len(self._proposal.related)
            self._show()
        else:
            self._view.scroll_text(step)

    def action_page(self, step: int) -> None:
        """Scroll a page."""
        self._view.scroll_text(step, pages=True)

    def action_tick(self) -> None:
        """Tick or untick the related object under the cursor, unless it cannot go."""
        if self._proposal.related:
            one = self._proposal.related[self._cursor]
            one.goes = not one.goes and one.refusal is None
            self._show()

    def action_tick_all(self) -> None:
        """Tick all pods that can go; where all of them are ticked, none.

        What belongs to an app, its data perhaps, goes only one by one.
        """
        free = [one for one in self._proposal.related if one.is_pod and one.refusal is None]
        tick = not all(one.goes for one in free)
        for one in free:
            one.goes = tick
        self._show()
