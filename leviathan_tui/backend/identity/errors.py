"""What can go wrong with a login or a session, each as a type with a sentence."""


class IdentityError(Exception):
    """Any failure; its text is fit to be shown."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AuthUnreachable(IdentityError):
    """The auth server did not answer, or not as one; trying again may help."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the server asked to wait."""


class LoginRefused(IdentityError):
    """Name, password or code is wrong, or too many were."""


class TotpRequired(IdentityError):
    """The password was right; a code is needed too."""


class SessionEnded(IdentityError):
    """There is no session, or it is over: log in again."""


class AuthRefused(IdentityError):
    """The server refuses for a reason that another try does not change."""
