"""The login: name, password and, where the person has set one up, a one-time code."""

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from leviathan_tui.backend.identity.errors import AuthUnreachable, IdentityError, TotpRequired
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens.dialog import Dialog

KUBECONFIG = "kubeconfig"
"""The result that stands for going on with the kubeconfig's own user."""

LOGGED_IN = "logged in"
"""The result after a login."""


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
        self._user = Input(user, id="user")
        self._password = Input(password=True, id="password")
        self._code = Input(id="code", max_length=8)

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
        """Go to the first field that is empty."""
        (self._password if self._user.value else self._user).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to the next field, and from the last one log in."""
        event.stop()
        if event.input is self._user:
            self._password.focus()
        elif not self._busy:
            self._busy = True
            self._say("Asking …")
            self._log_in()

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
            code.focus()
        except IdentityError as error:
            self._say(error.message)
            if isinstance(error, AuthUnreachable):
                # Nothing was found wrong with what was typed.
                (code if self.has_class("-code") else password).focus()
            elif code.value:
                code.value = ""
                code.focus()
            else:
                password.value = ""
                password.focus()
        else:
            self.dismiss(LOGGED_IN)
        finally:
            self._busy = False
