"""Whether an app is paused by this console, and at what size: one answer for lists and for changes.

The annotation of a pause outlives it where somebody else scales the app. It counts only while there are
no replicas, and the console is still who set that. Source:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.prose import clock
from leviathan_tui.backend.fleet.records import PAUSED_AT, PAUSED_BY, PAUSED_REPLICAS, seconds_at
from leviathan_tui.backend.kube.objects import Document, annotations_of, metadata_of, replicas_of
from leviathan_tui.backend.kube.wire import UNREADABLE, Wire
from leviathan_tui.backend.untrusted import clean

FIELD_MANAGER: Final = "leviathan"
"""Under which name the server keeps which fields the console set."""

MOST_REPLICAS: Final = 10_000
"""A larger number is taken for a slip of the finger, and in an annotation for somebody's joke."""


class _Spec(Wire):
    replicas: dict[str, Any] | None = msgspec.field(default=None, name="f:replicas")


class _Fields(Wire):
    spec: _Spec | None = msgspec.field(default=None, name="f:spec")


class Claim(Wire):
    """What one manager owns of an object, as far as the size of an app goes."""

    manager: str = ""
    subresource: str | None = None
    fields: _Fields | None = msgspec.field(default=None, name="fieldsV1")

    @property
    def has_replicas(self) -> bool:
        """Whether the replica count is the manager's."""
        spec = None if self.fields is None else self.fields.spec
        return spec is not None and spec.replicas is not None


_CLAIMS: Final = msgspec.json.Decoder(list[Claim])


def written_size(text: str) -> int:
    """Return the size that an annotation names; 0 for what is none, or is beyond the limit."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_REPLICAS))):
        return 0
    size = int(text)
    return size if size <= MOST_REPLICAS else 0


def set_by_us(managed: msgspec.Raw | list[Any] | None) -> bool:
    """Whether the console set the replica count last, in the object itself, as a pause does.

    `managed` is an object's `managedFields`. Where they are empty, the server keeps no books on the
    object, and nothing speaks against it; where they cannot be read, nothing speaks for it.
    """
    if not managed or (
        isinstance(managed, msgspec.Raw) and bytes(managed) in (b"", b"null", b"[]")
    ):
        return True
    try:
        if isinstance(managed, msgspec.Raw):
            claims = _CLAIMS.decode(managed)
        else:
            claims = msgspec.convert(managed, list[Claim])
    except UNREADABLE:
        return False
    return any(
        one.has_replicas and one.manager == FIELD_MANAGER and not one.subresource for one in claims
    )


def remembered_replicas(document: Document) -> int:
    """Return what a paused app had before; 0 where it is not paused by this console.

    `document` is an object as it was read: what the journal keeps does not say who set what.
    """
    text = annotations_of(document).get(PAUSED_REPLICAS)
    if replicas_of(document) or not isinstance(text, str):
        return 0
    return written_size(text) if set_by_us(metadata_of(document).get("managedFields")) else 0


def in_words(by: str, at: int, replicas: str | int) -> str:
    """Return who paused an app, when, and what it had, as far as each is known.

    `at` is in seconds since the epoch.
    """
    who = f" by {by}" if by else ""
    when = f" at {clock(at)[:-3]}" if at else ""
    return f"paused{who}{when}, {replicas} replicas before"


def story(document: Document) -> str:
    """Return the same of an object as it was read; empty where it is not paused by this console."""
    replicas = remembered_replicas(document)
    if not replicas:
        return ""
    notes = annotations_of(document)
    by = clean(str(notes.get(PAUSED_BY) or ""), 100)
    return in_words(by, seconds_at(notes.get(PAUSED_AT)), replicas)
