"""What somebody wants done to one object, and how that becomes a request once the object is known."""

import abc
import copy
from typing import Any, ClassVar, Final

import msgspec

from leviathan_tui.backend.changes.diff import merge_patch
from leviathan_tui.backend.changes.refusals import Gone, NotPossible, Refusal, refusal_for
from leviathan_tui.backend.fleet.pausing import FIELD_MANAGER
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.client import JSON, KubeClient
from leviathan_tui.backend.kube.errors import ApiError, NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, decoded, read_object, terminating, uid_of

TRIES: Final = 5
"""How often a change is tried, and sent, to an object whose status moves all the time."""

MERGE_PATCH: Final = "application/merge-patch+json"


class Request(msgspec.Struct, frozen=True):
    """One HTTP request that changes something."""

    method: str
    path: str
    body: Any = None
    content_type: str = JSON
    params: dict[str, str] = {}

    async def try_out(self, client: KubeClient, warnings: list[str]) -> Document:
        """Have the server try it without doing it; return the object as it would be.

        What the server warns of is added to `warnings`. Source:
        https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run

        Raises `KubeError`.
        """
        params, body = self.query, self.body
        if self.method == "DELETE" and isinstance(body, dict):
            # A deletion with a body does not look at the query: it would really delete.
            body = {**body, "dryRun": ["All"]}
        else:
            params = {**params, "dryRun": "All"}
        answer = await client.send(
            self.method,
            self.path,
            body,
            content_type=self.content_type,
            params=params,
            warnings=warnings,
        )
        return decoded(answer)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        if self.method == "DELETE":
            return self.params
        return {**self.params, "fieldManager": FIELD_MANAGER}


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
    afterwards: str = ""
    """A sentence that is said, and kept in the journal, once it is done."""


class Intent(abc.ABC):
    """What is wanted of one object. Subclasses carry their words as class attributes.

    What sets one intent apart on its path to the cluster is said here too, so that the path itself
    knows none of them by name.
    """

    verb: ClassVar[str]
    """Its name in the journal and on the command line, as in `pause`."""
    past: ClassVar[str]
    """As in `Paused`: begins the sentence that tells the result; "Not paused" tells a refusal."""
    retries: ClassVar[bool] = True
    """Whether a conflict with a status write is answered by trying again with the newer object."""
    makes: ClassVar[bool] = False
    """Whether it makes the object where there is none."""
    all_or_none: ClassVar[bool] = False
    """Whether several of them are made together or not at all."""
    takes_related: ClassVar[bool] = False
    """Whether what belongs to the object may go with it."""
    types_the_name: ClassVar[bool] = False
    """Whether the object's name is typed to confirm it, in every context."""

    def __init__(self, kind: Kind, ref: Ref) -> None:
        self.kind = kind
        self.ref = ref
        self.force = False
        """Whether fields that belong to other managers are taken over, where that can be."""
        self.beside: frozenset[tuple[str, str, str]] = frozenset()
        """What is made in the same go: kind, namespace and name of each."""
        self.undo_of = ""
        """The id of the journal's entry that this takes back."""
        self.part_of = ""
        """The object for whose change this is made, as in `StatefulSet shop/web`; else empty."""

    @property
    def path(self) -> str:
        """The object's path at the server."""
        return self.kind.path(self.ref.namespace, self.ref.name)

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return f"Not {self.past[0].lower()}{self.past[1:]}"

    @property
    def question(self) -> str:
        """The beginning of the question whether to, before the name."""
        return self.verb.replace("-", " ").capitalize()

    @property
    def subject(self) -> str:
        """The object in words, as in `Deployment shop/web`."""
        return str(self.ref)

    @property
    def guarded_verbs(self) -> tuple[str, ...]:
        """The verbs of which the configuration may deny any."""
        return (self.verb,)

    @property
    def manifest_applied(self) -> Document | None:
        """What the journal keeps as the manifest that was applied."""
        return None

    def narrower(self, document: Document) -> Change | None:
        """Return the same change for those who may not change the object itself.

        None where there is no such way.
        """
        return None

    async def read(self, client: KubeClient) -> Document | None:
        """Return the object as it is now; None where it is to be made.

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
        self.check(document)
        return document

    def check(self, document: Document) -> None:
        """Raise `Refusal` for an object in a state in which nothing is changed: being deleted."""
        deleting = terminating(document)
        if deleting:
            raise Gone(f"{self.not_done}: {self.ref.name} is {deleting}.")

    @abc.abstractmethod
    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the change for the object as it was read. Raises `Refusal` or `KubeError`."""

    def refuse(self, why: str) -> Refusal:
        """Return the refusal of what this object does not allow."""
        return NotPossible(f"{self.not_done}: {why}")

    def refusal(self, error: ApiError) -> Refusal:
        """Return the server's refusal of the request, in words that say what did not happen."""
        return refusal_for(self, error)


class EditIntent(Intent):
    """Changes fields of an existing object.

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
