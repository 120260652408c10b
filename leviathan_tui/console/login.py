"""When the console asks for a login, and what follows from one."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, Protocol

from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.identity.errors import IdentityError
from leviathan_tui.backend.session import Session

if TYPE_CHECKING:
    from leviathan_tui.screens.login import LoginScreen

NO_SERVER: Final = "There is no auth server; the kubeconfig says who you are."


class Host(Protocol):
    """What the logins need of the app."""

    session: Session

    @property
    def screen(self) -> Any:
        """The screen on top."""

    def push_screen(self, screen: "LoginScreen", callback: Any) -> Any:
        """Show a screen on top of the others."""

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a line for a moment."""

    def use_context(self, name: str, as_kubeconfig: bool = False) -> None:
        """Change to another cluster, or to the same as the kubeconfig's own user."""

    def quit(self) -> None:
        """Leave."""


class Logins:
    """Asks for a login where the cluster refuses the credential; ends sessions."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._offered = False

    def offer(self) -> None:
        """Ask where the credential is refused, once for each refusal."""
        session = self._host.session
        status = session.cluster.store.connection.status(session.clock())
        problem = status.problem
        if status.freshness is not Freshness.REFUSED or problem is None:
            self._offered = False
        elif problem.kind == "unauthorized" and not self._offered:
            self._offered = True
            if session.keeper is not None:
                self.ask(problem.sentence)

    def ask(self, why: str = "") -> None:
        """Open the login dialog; the screen underneath stays as it is."""
        host, session = self._host, self._host.session
        keeper = session.keeper
        if keeper is None:
            host.say(NO_SERVER)
            return
        from leviathan_tui.screens.login import KUBECONFIG, LOGGED_IN, LoginScreen

        if isinstance(host.screen, LoginScreen):
            return

        def done(result: str | None) -> None:
            if result == LOGGED_IN:
                self._begin(session)
            elif result == KUBECONFIG:
                host.use_context(session.target.context, as_kubeconfig=True)

        dialog = LoginScreen(
            keeper,
            session.config.auth,
            session.audience,
            session.actor,
            why,
            instead=session.target.user.says_who and not session.served,
        )
        host.push_screen(dialog, done)

    def _begin(self, session: Session) -> None:
        before = session.actor
        session.know_actor()
        if before == session.actor:
            session.cluster.retry_now()
        else:
            # What the predecessor's watches still deliver is not for the new person; and whoever is
            # known only now may have a snapshot.
            session.reconnect()
        self._host.say(f"Logged in as {session.actor}.", "good")

    def end(self) -> Awaitable[None] | None:
        """End the session at the auth server; what is returned is to be awaited."""
        host, session = self._host, self._host.session
        keeper = session.keeper
        if keeper is None:
            host.say(NO_SERVER)
            return None
        if session.served:
            # The console is this person's to its end, which logs them out.
            host.quit()
            return None

        async def leave() -> None:
            try:
                await keeper.logout()
                host.say("Logged out.")
            except IdentityError as error:
                host.say(error.message, "warn")
            session.know_actor()
            self._offered = False
            session.reconnect()

        return leave()
