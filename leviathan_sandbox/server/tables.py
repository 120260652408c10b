"""Server-side Tables: what `kubectl get` shows, computed where the objects are.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from collections.abc import Sequence
from datetime import datetime

from leviathan_sandbox.kinds import POD, Kind
from leviathan_sandbox.objects import Object
from leviathan_sandbox.server.columns import COLUMNS, DEFAULT_COLUMNS, Column
from leviathan_sandbox.status import bad_request


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _included(obj: Object, include: str) -> Object | None:
    if include == "Object":
        return obj
    if include == "Metadata":
        return {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": obj["metadata"],
        }
    return None


def _conditions(kind: Kind, obj: Object) -> list[Object]:
    phase = (obj.get("status") or {}).get("phase")
    if kind is not POD or phase not in ("Succeeded", "Failed"):
        return []
    message = "The pod has completed successfully." if phase == "Succeeded" else "The pod failed."
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


def table_of(
    kind: Kind,
    objects: Sequence[Object],
    metadata: Object,
    include: str,
    now: datetime,
    *,
    headers: bool = True,
) -> Object:
    """Return a Table with one row for each object.

    Parameters:
        metadata: the list's own metadata.
        include: None, Metadata or Object: what of the object goes along with its row.
        headers: whether the columns are described; a watch does that in its first event only.

    Raises StatusError (400) for another `include`.
    """
    if include not in ("None", "Metadata", "Object"):
        raise bad_request(f'unrecognized includeObject value: "{include}"')
    columns = COLUMNS.get(kind, DEFAULT_COLUMNS)
    rows = []
    for obj in objects:
        row: Object = {"cells": [column.cell(obj, now) for column in columns]}
        conditions = _conditions(kind, obj)
        if conditions:
            row["conditions"] = conditions
        row["object"] = _included(obj, include)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns] if headers else None,
        "rows": rows,
    }
