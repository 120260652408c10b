"""Any kind at all, read-only: discovery, and the server's own Tables.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

import asyncio
from typing import Any, Final

import msgspec

from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, Unreachable, not_kubernetes
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import decoded_as
from leviathan_tui.backend.kube.wire import UNREADABLE, Metadata
from leviathan_tui.backend.untrusted import clean

ACCEPT_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Resource(msgspec.Struct, frozen=True):
    """A resource type that the server offers."""

    kind: Kind
    short_names: tuple[str, ...]
    singular: str

    def answers_to(self, word: str) -> bool:
        """Whether `word` names it: plural, singular, kind or short name, with or without group."""
        word = word.lower()
        bare, _, group = word.partition(".")
        if group and group != self.kind.group:
            return False
        return bare in (self.kind.plural, self.singular, self.kind.name.lower(), *self.short_names)


class TableColumn(msgspec.Struct):
    """A column as the server describes it."""

    name: str
    type: str = "string"
    priority: int = 0
    """0 for those that kubectl shows without `-o wide`."""


class TableRow(msgspec.Struct, frozen=True):
    """One object as the server prints it; all texts are cleaned."""

    uid: str
    namespace: str
    name: str
    cells: tuple[str, ...]
    created: int
    search: str
    deleting: bool = False


class ServerTable(msgspec.Struct):
    """A whole collection as the server prints it."""

    columns: list[TableColumn]
    rows: list[TableRow]


class _WireObject(msgspec.Struct):
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class _WireRow(msgspec.Struct):
    cells: list[Any]
    object: _WireObject = msgspec.field(default_factory=_WireObject)


class _WireTableMetadata(msgspec.Struct):
    continue_: str | None = msgspec.field(default=None, name="continue")


class _WireTable(msgspec.Struct, rename="camel"):
    kind: str
    column_definitions: list[TableColumn]
    rows: list[_WireRow] | None = None
    metadata: _WireTableMetadata = msgspec.field(default_factory=_WireTableMetadata)


class _ApiResource(msgspec.Struct, rename="camel"):
    name: str
    kind: str
    namespaced: bool
    singular_name: str = ""
    short_names: list[str] = []
    verbs: list[str] = []


class _ApiResourceList(msgspec.Struct):
    resources: list[_ApiResource]


class _GroupVersion(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    preferred_version: _GroupVersion


class _GroupList(msgspec.Struct):
    groups: list[_Group]


async def discover(client: KubeClient) -> list[Resource]:
    """Return every listable resource type, each group in its preferred version.

    A group whose own server is down is left out. Raises `KubeError` when none answers.
    """
    groups = decoded_as(await client.read("/apis"), _GroupList).groups
    paths = ["/api/v1", *(f"/apis/{group.preferred_version.group_version}" for group in groups)]
    answers = await asyncio.gather(*(client.read(path) for path in paths), return_exceptions=True)
    found: list[Resource] = []
    for path, answer in zip(paths, answers, strict=True):
        if isinstance(answer, KubeError):
            continue
        if isinstance(answer, BaseException):
            raise answer
        found += _resources(path, answer)
    return found


def _resources(path: str, body: bytes) -> list[Resource]:
    try:
        listed = msgspec.json.decode(body, type=_ApiResourceList).resources
    except UNREADABLE:
        return []
    *_, group, version = ("", *path.removeprefix("/apis/").removeprefix("/api/").split("/"))
    return [
        Resource(
            Kind(clean(item.kind), clean(item.name), group, version, item.namespaced),
            tuple(item.short_names),
            item.singular_name.lower(),
        )
        for item in listed
        if "list" in item.verbs and "/" not in item.name
    ]


async def read_table(
    client: KubeClient, kind: Kind, namespace: str = "", selector: str = ""
) -> ServerTable:
    """Return a collection as the server prints it, with the columns kubectl shows."""
    columns: list[TableColumn] = []
    rows: list[TableRow] = []
    said = f"the server cannot print {kind.plural} as a table"
    params = {"limit": "500", "includeObject": "Metadata"}
    if selector:
        params["labelSelector"] = selector
    while True:
        body = await client.read(kind.path(namespace), params=params, accept=ACCEPT_TABLE)
        try:
            page = msgspec.json.decode(body, type=_WireTable)
        except UNREADABLE as error:
            raise not_kubernetes(body, said) from error
        if page.kind != "Table":
            raise Unreachable(said)
        if page.column_definitions:
            columns = page.column_definitions
        rows += [_row(item, position + len(rows)) for position, item in enumerate(page.rows or [])]
        if not page.metadata.continue_:
            break
        params["continue"] = page.metadata.continue_
    for column in columns:
        column.name = clean(column.name, 60)
    return ServerTable(columns, rows)


def _row(item: _WireRow, position: int) -> TableRow:
    metadata = item.object.metadata
    cells = tuple(
        clean("" if cell is None else cell if isinstance(cell, str) else _plain(cell), 500)
        for cell in item.cells
    )
    created = metadata.creation_timestamp
    return TableRow(
        uid=metadata.uid or f"row-{position}",
        namespace=clean(metadata.namespace),
        name=clean(metadata.name) or (cells[0] if cells else ""),
        cells=cells,
        created=0 if created is None else int(created.timestamp()),
        search="\n".join((clean(metadata.namespace), *cells)).lower(),
        deleting=metadata.deletion_timestamp is not None,
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
