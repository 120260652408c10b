"""Server-side apply: a client sends the fields that it cares for, and comes to own them.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from typing import Any

from leviathan_sandbox.kinds import Kind
from leviathan_sandbox.objects import Object, copy, lookup, timestamp
from leviathan_sandbox.ownership.checking import type_problems
from leviathan_sandbox.ownership.managers import APPLY, FieldManager, applied
from leviathan_sandbox.ownership.schema import type_of
from leviathan_sandbox.preconditions import check_patched
from leviathan_sandbox.registry import Registry
from leviathan_sandbox.status import StatusError, bad_request, conflict, not_found
from leviathan_sandbox.storage import Entry


def apply(
    registry: Registry,
    kind: Kind,
    namespace: str,
    name: str,
    config: Any,
    manager: str,
    *,
    subresource: str = "",
    force: bool = False,
    dry_run: bool = False,
) -> tuple[Entry, bool]:
    """Apply `config` to an object, creating it if need be; return it, and whether it is new.

    Raises StatusError: what `Registry.create` and `Registry.update` raise; besides 400 for a
    configuration of another object, 409 when others own what it changes and `force` is not set, 500
    for fields and values that the kind does not know.
    """
    _check(kind, namespace, name, config)
    writer = FieldManager(manager, APPLY, kind.api_version, subresource)
    found = registry.storage.get(kind, kind.key(namespace, name))
    live = found.object if found is not None else None
    if live is None and subresource:
        raise not_found(kind, name)
    now = timestamp(registry.agenda.now())
    result = applied(kind, live, config, writer, now, force=force)
    body = copy(result.object)
    metadata = body.setdefault("metadata", {})
    metadata.setdefault("name", name)
    if live is not None:
        check_patched(kind, body, live)
        entry = registry.update(
            kind,
            namespace,
            name,
            body,
            subresource,
            dry_run=dry_run,
            books=lambda *_: result.managed,
        )
        return entry, False
    if uid := metadata.get("uid"):
        raise conflict(
            kind,
            name,
            f"uid mismatch: the provided object specified uid {uid}, and no existing object was"
            " found",
        )
    metadata.pop("resourceVersion", None)
    entry = registry.create(kind, namespace, body, dry_run=dry_run, books=lambda *_: result.managed)
    return entry, True


def _check(kind: Kind, namespace: str, name: str, config: Any) -> None:
    """Refuse a configuration that is none, or none of this object.

    Raises StatusError: 400, 500.
    """
    if not isinstance(config, dict):
        raise bad_request(
            "error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot"
            " unmarshal array into Go value of type map[string]interface {}"
        )
    group, _, version = str(config.get("apiVersion", "")).rpartition("/")
    found = f"{group}/{version}, Kind={config.get('kind', '')}"
    expected = f"{kind.group}/{kind.version}, Kind={kind.name}"
    if found != expected:
        raise bad_request(f"invalid object type: {found}")
    problems = type_problems(type_of(kind), config)
    metadata: Object = config.get("metadata") or {}
    if problems:
        where = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {expected}"
        listed = problems[0] if len(problems) == 1 else "errors:\n  " + "\n  ".join(problems)
        raise StatusError(500, "", f"failed to create typed patch object ({where}): {listed}")
    if lookup(config, "metadata", "managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    if metadata.get("namespace", namespace) != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if metadata.get("name", name) != name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL"
            f" ({name})"
        )
