"""One entry of the journal."""

import secrets
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.kinds import VOLUME_CLAIM

PENDING: Final = "pending"
DONE: Final = "done"
REFUSED: Final = "refused"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"

FINAL: Final = frozenset({DONE, REFUSED, FAILED})
"""Outcomes that are not changed any more."""


FORCE_DELETE: Final = "force-delete"
REMOVE_FINALIZER: Final = "remove-finalizer"
"""The verbs that end the deletion of what is stuck in it."""


class Entry(msgspec.Struct, kw_only=True):
    """A change of one object: written before its request is sent, finished after."""

    id: str
    at: float
    """When it was begun, in seconds since the epoch."""
    actor: str
    token_id: str = ""
    """The `jti` of the token, which joins this journal to the API server's audit log."""
    cluster: str
    """The API server's address."""
    context: str
    group: str = ""
    kind: str
    namespace: str = ""
    name: str
    uid: str = ""
    verb: str
    summary: str
    undo_of: str = ""
    """The id of the entry that this one takes back."""
    before: dict[str, Any] | None = None
    """The object before, without secrets; None where there was none."""
    after: dict[str, Any] | None = None
    """The object as the server said it would be, and once done, as it was."""
    plan: dict[str, Any] | None = None
    """`batch`: what else was done in one go; `method`; for a pod that was deleted for the change of
    its app, that app as `part_of`; and for an apply, `applied`.
    """
    outcome: str = PENDING
    message: str = ""
    duration: float | None = None
    """Seconds from sending to the answer."""
    merged: bool = False
    """Whether it came into the team's journal later, the auth server having been away."""
    shared: bool = False
    """Whether it was read from the team's journal rather than written here."""

    @property
    def ref(self) -> Ref:
        """The object."""
        return Ref(self.kind, self.namespace, self.name, self.uid, self.group)

    @property
    def batch(self) -> str:
        """What was done in one go shares this."""
        return str((self.plan or {}).get("batch") or self.id)

    @property
    def part_of(self) -> str:
        """The app for whose change a pod was deleted, to be made anew; else empty."""
        return str((self.plan or {}).get("part_of") or "")

    @property
    def creates(self) -> bool:
        """Whether it made an object."""
        return self.before is None and self.after is not None

    @property
    def deletes(self) -> bool:
        """Whether it deleted an object."""
        return self.verb == "delete" or (self.before is not None and self.after is None)

    @property
    def lets_go(self) -> bool:
        """Whether it took away what kept an object that was being deleted already."""
        return self.verb in (FORCE_DELETE, REMOVE_FINALIZER)

    @property
    def ends(self) -> bool:
        """Whether its object is to be gone in the end."""
        return self.deletes or self.lets_go

    @property
    def irreversible(self) -> str:
        """Why nothing can ever take it back, in words; empty where something may."""
        if self.verb == "restart":
            return "a restart cannot be taken back: the pods are new already"
        if self.verb == REMOVE_FINALIZER:
            return "what is being deleted takes no finalizer back"
        if self.deletes and self.kind in ("Pod", "Namespace") and not self.part_of:
            return f"a deleted {self.kind} does not come back"
        return ""

    @property
    def comes_back_empty(self) -> bool:
        """Whether taking it back makes the object again, and not what was in it."""
        return self.deletes and self.kind == VOLUME_CLAIM.name


def new_id() -> str:
    """Return an id that no other entry has."""
    return secrets.token_hex(16)
