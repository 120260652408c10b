"""Field managers: what each of them owns, and what a write does to that.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias

from leviathan_sandbox.kinds import (
    AUTOSCALER,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    INGRESS,
    JOB,
    POD,
    REPLICA_SET,
    SERVICE,
    STATEFUL_SET,
    VOLUME_CLAIM,
    Kind,
)
from leviathan_sandbox.objects import Object
from leviathan_sandbox.ownership.fieldsets import (
    NO_FIELDS,
    Fields,
    Path,
    from_fields_v1,
    shown,
    to_fields_v1,
)
from leviathan_sandbox.ownership.merging import merge, remove
from leviathan_sandbox.ownership.schema import type_of
from leviathan_sandbox.ownership.structure import compare, fields_of, with_declared
from leviathan_sandbox.status import StatusError

APPLY: Final = "Apply"
UPDATE: Final = "Update"
BEFORE_APPLY: Final = "before-first-apply"
"""The manager of what was in an object without managers when something was first applied to it."""


class FieldManager(NamedTuple):
    """Who writes, and how: the same program is another manager when it applies."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


class Claim(NamedTuple):
    """What a manager owns."""

    fields: Fields
    time: str
    """When it last changed anything; empty for what was written through `scale`."""


Managed: TypeAlias = dict[FieldManager, Claim]
Bookkeeper: TypeAlias = Callable[[Managed, Object, Object], Managed]
"""What a write makes of who owns what, given that, and the object before and after the write."""

_POD_SPEC: Final[Object] = {"containers": None}
_TEMPLATE: Final[Object] = {"metadata": {}, "spec": _POD_SPEC}
_ZEROS: Final[dict[Kind, Object]] = {
    POD: _POD_SPEC,
    DEPLOYMENT: {"selector": None, "template": _TEMPLATE, "strategy": {}},
    REPLICA_SET: {"selector": None, "template": _TEMPLATE},
    STATEFUL_SET: {"selector": None, "template": _TEMPLATE, "updateStrategy": {}},
    DAEMON_SET: {"selector": None, "template": _TEMPLATE, "updateStrategy": {}},
    JOB: {"template": _TEMPLATE},
    CRON_JOB: {"jobTemplate": {"metadata": {}, "spec": {"template": _TEMPLATE}}},
    SERVICE: {},
    INGRESS: {},
    VOLUME_CLAIM: {"resources": {}},
    AUTOSCALER: {"scaleTargetRef": {}},
}
"""The specs of objects in which nothing has been set: what is there all the same."""

_NOBODYS: Final[Fields] = frozenset(
    [
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        ),
    ]
)
"""What no manager owns."""


def zero_object(kind: Kind) -> Object:
    """Return an object of a kind in which nothing has been set."""
    zero: Object = {"metadata": {}}
    if kind is EVENT:
        zero |= {"involvedObject": {}, "source": {}}
        zero |= dict.fromkeys(("firstTimestamp", "lastTimestamp", "eventTime"))
        zero |= {"reportingComponent": "", "reportingInstance": ""}
    if kind.has_status:
        zero |= {"spec": _ZEROS.get(kind, {}), "status": {}}
    return zero


def read_managed(obj: Object) -> Managed:
    """Return who owns what of an object; nobody anything if that cannot be read."""
    managed: Managed = {}
    try:
        for entry in obj["metadata"].get("managedFields") or ():
            manager = FieldManager(
                entry["manager"],
                entry["operation"],
                entry["apiVersion"],
                entry.get("subresource", ""),
            )
            managed[manager] = Claim(from_fields_v1(entry["fieldsV1"]), entry.get("time", ""))
    except (KeyError, TypeError, ValueError):
        return {}
    return managed


def write_managed(managed: Managed) -> list[Object]:
    """Return who owns what as `metadata.managedFields`."""
    ordered = sorted(
        managed.items(), key=lambda it: (it[0].operation, it[1].time, it[0].name, it[0])
    )
    entries = []
    for manager, claim in ordered:
        entry: Object = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
        }
        if claim.time:
            entry["time"] = claim.time
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": to_fields_v1(claim.fields)}
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    return entries


def same_claims(one: Object, other: Object) -> bool:
    """Whether two objects are owned alike, whenever that came to be."""
    first, second = read_managed(one), read_managed(other)
    return {manager: claim.fields for manager, claim in first.items()} == {
        manager: claim.fields for manager, claim in second.items()
    }


def _owned(kind: Kind, subresource: str, fields: Iterable[Path]) -> Fields:
    """Return those of `fields` that a write to a subresource can make anybody's own."""
    reset = ("f:spec",) if subresource == "status" else ("f:status",) if kind.has_status else ()
    return frozenset(path for path in fields if path and path[0] not in reset) - _NOBODYS


def updated(
    kind: Kind, old: Object, new: Object, managed: Managed, manager: FieldManager, now: str
) -> Managed:
    """Return who owns what after an update, a patch or a create: `manager` what it has written."""
    comparison = compare(type_of(kind), old, new)
    written = _owned(kind, manager.subresource, comparison.written)
    removed = _owned(kind, manager.subresource, comparison.removed)
    after = _without(managed, written | removed)
    if written:
        mine = managed.get(manager, Claim(NO_FIELDS, "")).fields - removed
        after[manager] = Claim(mine | written, now if manager.subresource != "scale" else "")
    return after


def bookkeeper(kind: Kind, manager: FieldManager, now: str) -> Bookkeeper:
    """Return what keeps the books of `manager`'s creates and updates.

    What has been without managers stays so until something is applied to it.
    """

    def keep(managed: Managed, old: Object, new: Object) -> Managed:
        if not managed and "uid" in old["metadata"]:
            return {}
        return updated(kind, old, new, managed, manager, now)

    return keep


def _without(managed: Managed, lost: Fields) -> Managed:
    """Return `managed` less the fields in `lost`, and less those who own nothing then."""
    return {
        manager: Claim(left, claim.time)
        for manager, claim in managed.items()
        if (left := claim.fields - lost)
    }


class Applied(NamedTuple):
    """What applying a configuration leads to."""

    object: Object
    managed: Managed


def applied(
    kind: Kind,
    live: Object | None,
    config: Object,
    manager: FieldManager,
    now: str,
    *,
    force: bool,
) -> Applied:
    """Return the object, and who owns what, once `manager` has applied `config` to `live`.

    Raises StatusError (409) when others own what it changes, unless `force` takes it from them.
    """
    whole = type_of(kind)
    managed = read_managed(live) if live is not None else {}
    if live is not None and not managed:
        earlier = FieldManager(BEFORE_APPLY, UPDATE, manager.api_version)
        managed = updated(kind, zero_object(kind), live, {}, earlier, now)
    before = live if live is not None else zero_object(kind)
    last = managed.get(manager, Claim(NO_FIELDS, ""))
    fields = _owned(kind, manager.subresource, fields_of(whole, config))
    merged = merge(whole, before, config)
    others = {other: claim for other, claim in managed.items() if other != manager}
    if last.fields:
        merged = _pruned(kind, merged, last.fields, fields, others.values())
    comparison = compare(whole, before, merged)
    written = _owned(kind, manager.subresource, comparison.written)
    removed = _owned(kind, manager.subresource, comparison.removed)
    conflicts = [
        (other, path)
        for other, claim in sorted(others.items())
        for path in sorted(claim.fields & written)
    ]
    if conflicts and not force:
        raise _conflict(conflicts)
    after = _without(others, written | removed)
    if fields:
        same = fields == last.fields and not written and not removed
        after[manager] = Claim(fields, last.time if same else now)
    return Applied(merged, after)


def _pruned(
    kind: Kind, merged: Object, last: Fields, mine: Fields, others: Iterable[Claim]
) -> Object:
    """Return `merged` without what this manager applied before, no longer applies and alone owned."""
    whole = type_of(kind)
    owned = with_declared(whole, mine.union(_NOBODYS, *(claim.fields for claim in others)))
    last = with_declared(whole, last)
    everything = with_declared(whole, fields_of(whole, merged))

    def left(value: Any) -> Fields:
        return with_declared(whole, fields_of(whole, value or {}))

    # What others own comes back, and with it whatever lies around it; what nobody owns, but did not
    # come from this manager either, stays.
    pruned = remove(whole, merged, last)
    pruned = remove(whole, merged, everything - (left(pruned) | owned))
    result: Object = remove(whole, merged, (everything - left(pruned)) & last)
    return result


def _described(manager: FieldManager) -> str:
    text = f'"{manager.name}"'
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    return text if manager.operation == APPLY else f"{text} using {manager.api_version}"


def _conflict(conflicts: list[tuple[FieldManager, Path]]) -> StatusError:
    """409: others own the fields that would change."""
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_described(manager)}",
            "field": shown(path),
        }
        for manager, path in conflicts
    ]
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        message = f"1 conflict: conflict with {_described(manager)}: {shown(path)}"
    else:
        lines = []
        for manager in dict.fromkeys(manager for manager, _ in conflicts):
            lines.append(f"conflicts with {_described(manager)}:")
            lines += [f"- {shown(path)}" for other, path in conflicts if other == manager]
        message = f"{len(conflicts)} conflicts: " + "\n".join(lines)
    return StatusError(409, "Conflict", f"Apply failed with {message}", {"causes": causes})
