"""Why something was not done, each as a type with a sentence that begins with what did not happen."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.diff import Difference


class Refusal(Exception):
    """The change is not made; the text says why and what to do."""

    outcome = "refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotPossible(Refusal):
    """This kind of object, or its present state, does not allow it."""


class Gone(Refusal):
    """The object is no longer there, or is another one of the same name, or is being deleted."""


class Changed(Refusal):
    """The object is not what it was when the user decided."""

    def __init__(self, message: str, differences: "tuple[Difference, ...]" = ()) -> None:
        super().__init__(message)
        self.differences = differences


class Denied(Refusal):
    """The user has no right to it."""


class Rejected(Refusal):
    """The server, or a webhook of the cluster, finds the change wrong."""


class Owned(Refusal):
    """Fields belong to other managers; only an explicit wish takes them over.

    Attributes:
        fields: the field and its owner, for each of them.
        ours: the fields that the console itself set earlier, by another action.
    """

    def __init__(
        self, message: str, fields: tuple[tuple[str, str], ...], ours: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.fields = fields
        self.ours = ours


class Guarded(Refusal):
    """The configuration of this context forbids it."""


class NotWritten(Refusal):
    """The journal cannot be written, without which nothing is sent."""


class NotSent(Refusal):
    """The server cannot be reached; nothing was sent."""

    outcome = "failed"
