"""The login: name, password and, where the person has set one up, a one-time code."""

from collections.abc import Iterable
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from leviathan_tui.backend.identity.errors import AuthUnreachable, IdentityError, TotpRequired
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens.dialog import Dialog
from leviathan_tui.widgets.text_line import TextLine

KUBECONFIG = "kubeconfig"
"""The result that stands for going on with the kubeconfig's own user."""

LOGGED_IN = "logged in"
"""The result after a login."""


class _Field(TextLine):
    """A line of the dialog.

    Keys that arrive together, as over a slow link, all come here: those behind an enter or a tab are
    meant for the next line, above all where that is the password.
    """

    async def _on_key(self, event: events.Key) -> None:
        dialog = self.screen
        leaves = event.key == "enter" or (event.key == "tab" and self.id == "user")
        if isinstance(dialog, LoginScreen) and (leaves or not dialog.is_at(self)):
            event.stop()
            event.prevent_default()
            dialog.type_ahead(event)
            return
        await super()._on_key(event)


class LoginScreen(Dialog[str | None]):
    """Over whatever was on the screen, which stays as it is.

    Returns `LOGGED_IN`, `KUBECONFIG`, or None where the person has turned away.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("f2", "kubeconfig", show=False),
    ]

    DEFAULT_CSS = """
    LoginScreen { align: center middle; background: $background 60%; }
    LoginScreen > Vertical {
        width: 64; max-width: 90%; height: auto; padding: 1 2; background: $panel;
        border: round $accent;
    }
    LoginScreen Input { border: none; height: 1; margin-bottom: 1; background: $surface; }
    LoginScreen Input:focus { border: none; }
    LoginScreen .label { color: $foreground 60%; }
    LoginScreen #why { color: $warning; height: auto; }
    LoginScreen .code { display: none; }
    LoginScreen.-code .code { display: block; }
    """

    def __init__(
        self,
        keeper: SessionKeeper,
        url: str,
        audience: str,
        user: str,
        why: str,
        *,
        instead: bool = True,
    ) -> None:
        """With `instead`, one can go on with the kubeconfig's own user."""
        super().__init__()
        self._instead = instead
        self._keeper = keeper
        self._url = url
        self._audience = audience
        self._busy = False
        self._why = Static(Content(why), id="why", markup=False)
        self._user = _Field(user, id="user")
        self._password = _Field(password=True, id="password")
        self._code = _Field(id="code", max_length=8)
        self._current = self._password if user else self._user
        """The field that what is typed goes into."""
        self._awaited: _Field | None = None
        """The field that has yet to get the focus."""

    def compose(self) -> ComposeResult:
        """Put the fields under each other."""
        with Vertical():
            yield Static(Content(f"Log in at {clean(self._url, 100)}"), markup=False)
            yield self._why
            yield from self._field("User", self._user)
            yield from self._field("Password", self._password)
            yield from self._field("Code", self._code, "code")
            other = "f2 go on with my kubeconfig   " if self._instead else ""
            words = f"enter log in   {other}esc not now"
            yield Static(Content(words), classes="label", markup=False)

    @staticmethod
    def _field(name: str, field: Input, kind: str = "") -> Iterable[Static | Input]:
        label = Static(Content(name), classes="label", markup=False)
        for widget in (label, field):
            if kind:
                widget.add_class(kind)
            yield widget

    def on_mount(self) -> None:
        """Go to the first field that is empty, or to where the person has come to meanwhile."""
        self._current.focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Follow where the person goes by themself, as with the mouse."""
        field = event.widget
        if isinstance(field, _Field) and self._awaited in (None, field):
            self._current, self._awaited = field, None

    def is_at(self, field: TextLine) -> bool:
        """Whether what is typed now is meant for a field."""
        return field is self._current

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to the next field, and from the last one log in."""
        event.stop()
        self._submit(event.input)

    def _submit(self, field: Input) -> None:
        if field is self._user:
            self._go_to(self._password)
        elif not self._busy:
            self._busy = True
            self._say("Asking …")
            self._log_in()

    def _go_to(self, field: _Field) -> None:
        self._current = field
        if self.is_mounted:
            if not field.has_focus:
                self._awaited = field
            field.focus()

    def type_ahead(self, event: events.Key) -> bool:
        """Take a key that was typed before the dialog was there; False for one it has no use for."""
        field = self._current  # the focus follows later
        if event.key == "enter":
            self._submit(field)
        elif event.key == "tab":
            self._go_to(self._password)
        elif event.key == "escape":
            self.dismiss(None)
        else:
            return field.take(event)
        return True

    def action_kubeconfig(self) -> None:
        """Go on as the kubeconfig's own user, where there is one to go on with."""
        if self._instead:
            self.dismiss(KUBECONFIG)

    def _say(self, text: str) -> None:
        self._why.update(Content(text))

    @work(group="login", exclusive=True, exit_on_error=False)
    async def _log_in(self) -> None:
        user, password, code = self._user.value.strip(), self._password, self._code
        try:
            await self._keeper.login(user, password.value, self._audience, code.value.strip())
        except TotpRequired as error:
            self.add_class("-code")
            self._say(error.message)
            self._go_to(code)
        except IdentityError as error:
            self._say(error.message)
            if isinstance(error, AuthUnreachable):
                # Nothing was found wrong with what was typed.
                self._go_to(code if self.has_class("-code") else password)
            elif code.value:
                code.value = ""
                self._go_to(code)
            else:
                password.value = ""
                self._go_to(password)
        else:
            self.dismiss(LOGGED_IN)
        finally:
            self._busy = False
