"""What somebody wants done to one object, and how that becomes a request once the object is known."""

import abc
import copy
from typing import Any, ClassVar, Final

import msgspec

from leviathan_tui.backend.changes.diff import merge_patch
from leviathan_tui.backend.changes.refusals import Gone, NotPossible, Refusal
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.client import JSON, KubeClient
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, decoded, read_object, terminating, uid_of

FIELD_MANAGER: Final = "leviathan"
"""Under which name the server keeps which fields the console set."""

MERGE_PATCH: Final = "application/merge-patch+json"


class Request(msgspec.Struct, frozen=True):
    """One HTTP request that changes something."""

    method: str
    path: str
    body: Any = None
    content_type: str = JSON
    params: dict[str, str] = {}

    async def send(
        self, client: KubeClient, *, dry_run: bool = False, warnings: list[str] | None = None
    ) -> Document:
        """Send it and return the object of the answer. Raises `KubeError`."""
        params = {**self.params}
        if self.method != "DELETE":
            params["fieldManager"] = FIELD_MANAGER
        body = self.body
        if dry_run and self.method == "DELETE" and isinstance(body, dict):
            # A deletion with a body does not look at the query: it would really delete.
            body = {**body, "dryRun": ["All"]}
        elif dry_run:
            params["dryRun"] = "All"
        answer = await client.send(
            self.method,
            self.path,
            body,
            content_type=self.content_type,
            params=params,
            warnings=warnings,
        )
        return decoded(answer)


class Change(msgspec.Struct):
    """A request with what it does, in words."""

    request: Request
    effect: str
    """What happens to the object, as a sentence."""
    target: Document | None
    """What the object will be as far as that can be told without the server; None when deleted."""
    notes: list[str] = []
    """What it does not do, and what else is worth knowing."""
    warnings: list[str] = []
    """What may go wrong, or be lost."""


class Intent(abc.ABC):
    """One wish for one object. Subclasses carry their words as class attributes."""

    verb: ClassVar[str]
    """Its name in the journal and on the command line, as in `pause`."""
    past: ClassVar[str]
    """As in `Paused`: begins the sentence that tells the result; "Not paused" tells a refusal."""
    retries: ClassVar[bool] = True
    """Whether a conflict with a status write is answered by trying again with the newer object."""

    def __init__(self, kind: Kind, ref: Ref) -> None:
        self.kind = kind
        self.ref = ref
        self.undo_of = ""
        """The id of the journal's entry that this takes back."""

    @property
    def path(self) -> str:
        """The object's path at the server."""
        return self.kind.path(self.ref.namespace, self.ref.name)

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return f"Not {self.past[0].lower()}{self.past[1:]}"

    @property
    def subject(self) -> str:
        """The object in words, as in `Deployment shop/web`."""
        return str(self.ref)

    async def read(self, client: KubeClient) -> Document | None:
        """Return the object as it is now; None where the wish is to make it.

        Raises `Gone` where it is not there, or is another one of the same name.
        """
        try:
            document = await read_object(client, self.path)
        except NotFound as error:
            raise Gone(f"{self.not_done}: {self.ref.name} is gone.") from error
        if self.ref.uid and uid_of(document) != self.ref.uid:
            raise Gone(
                f"{self.not_done}: {self.ref.name} was deleted and made anew since; "
                "look at the new one first."
            )
        deleting = terminating(document)
        if deleting:
            raise Gone(f"{self.not_done}: {self.ref.name} is {deleting}.")
        return document

    @abc.abstractmethod
    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the change for the object as it was read. Raises `Refusal` or `KubeError`."""

    def refuse(self, why: str) -> Refusal:
        """Return the refusal of what this object does not allow."""
        return NotPossible(f"{self.not_done}: {why}")


class EditIntent(Intent):
    """A wish that changes fields of an existing object.

    The patch names the resourceVersion that was read: a server that has a newer object answers 409
    instead of mixing two people's changes.
    """

    @abc.abstractmethod
    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Change `target`, a copy of the object, in place; return the change without a request."""

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the change as a merge patch."""
        if document is None:
            raise Gone(f"{self.not_done}: {self.ref.name} is gone.")
        target = copy.deepcopy(document)
        change = await self.revise(client, target, actor)
        change.request = patch_request(self.path, document, target)
        change.target = target
        return change


def edited(
    effect: str, notes: list[str] | None = None, warnings: list[str] | None = None
) -> Change:
    """Return the words of an edit; its request follows from what was edited."""
    return Change(_NO_REQUEST, effect, None, notes or [], warnings or [])


_NO_REQUEST: Final = Request("GET", "")


def patch_request(path: str, document: Document, target: Document) -> Request:
    """Return the merge patch from one state to another, bound to the state's version."""
    patch = merge_patch(document, target)
    metadata = patch.setdefault("metadata", {})
    metadata["resourceVersion"] = document["metadata"]["resourceVersion"]
    return Request("PATCH", path, patch, MERGE_PATCH)
