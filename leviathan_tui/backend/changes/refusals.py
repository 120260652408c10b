"""Why something was not done, each as a type with a sentence that begins with what did not happen."""

from typing import TYPE_CHECKING, Final, Protocol

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    Unauthorized,
)

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.diff import Difference

_OURS: Final = 'conflict with "leviathan"'
"""How the server names a conflict with what the console itself set by another action."""


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
    """Fields belong to other managers; only an explicit request takes them over.

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


class Refusable(Protocol):
    """What a refusal says of the intent that it is about."""

    @property
    def ref(self) -> Ref:
        """The object."""

    @property
    def not_done(self) -> str:
        """The beginning of the sentence."""


def lacks_its_namespace(intent: Refusable, error: ApiError) -> bool:
    """Whether the server says that there is not even the namespace for an object."""
    missing = f'namespaces "{intent.ref.namespace}" not found'
    return isinstance(error, NotFound) and missing in error.message


def refusal_for(intent: Refusable, error: ApiError) -> Refusal:
    """Return the server's refusal as one of ours, in words that say what did not happen."""
    name, says = intent.ref.name, error.message
    if isinstance(error, Forbidden):
        if "admission webhook" in says or "denied the request" in says:
            return Rejected(f"{intent.not_done}: the cluster's rules refuse it: {says}")
        return Denied(f"{intent.not_done}: you may not: {says}")
    if isinstance(error, Unauthorized):
        return Denied(f"{intent.not_done}: the server does not know you any more; log in again.")
    if lacks_its_namespace(intent, error):
        return NotPossible(f"{intent.not_done}: there is no namespace {intent.ref.namespace}.")
    if isinstance(error, NotFound):
        return Gone(f"{intent.not_done}: {name} is gone.")
    if isinstance(error, Conflict):
        owned = [cause for cause in error.causes if cause.reason == "FieldManagerConflict"]
        if owned:
            fields = tuple((cause.field, cause.message) for cause in owned)
            ours = tuple(cause.field for cause in owned if _OURS in cause.message)
            whose = "were set by earlier actions of this console"
            if len(ours) < len(fields):
                whose = "belong to others"
            return Owned(
                f"{intent.not_done}: fields of {name} {whose} ({len(fields)}).", fields, ours
            )
        if error.reason == "AlreadyExists":
            return Rejected(f"{intent.not_done}: {name} exists already.")
        return Changed(f"{intent.not_done}: {name} changed or was made anew: {says}")
    return Rejected(f"{intent.not_done}: the server refuses it: {says}")
