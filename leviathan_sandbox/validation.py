"""What an API server refuses about names, labels and metadata, with the causes it gives.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

import re
from collections.abc import Callable
from typing import Any, Final

from leviathan_sandbox.kinds import CRON_JOB, NAMESPACE, RBAC_GROUP, SERVICE, Kind
from leviathan_sandbox.objects import Object
from leviathan_sandbox.status import Cause, forbidden_field, invalid_value, required

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE: Final = f"({_QUALIFIED})?"
_ALPHANUMERIC: Final = "must start and end with an alphanumeric character"
_LABEL_PROBLEM: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and"
    f" {_ALPHANUMERIC} (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_PROBLEM: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    f" '.', and {_ALPHANUMERIC} (e.g. 'example.com', regex used for validation is '"
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUALIFIED_PROBLEM: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and"
    f" {_ALPHANUMERIC} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation"
    " is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_PROBLEM: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or"
    f" '.', and {_ALPHANUMERIC} (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for"
    " validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def name_problems(kind: Kind, name: str) -> list[str]:
    """Return what is wrong with `name` as the name of an object of this kind."""
    if kind.group == RBAC_GROUP:
        return path_segment_problems(name)
    check = dns_label_problems if kind in (SERVICE, NAMESPACE) else subdomain_problems
    problems = check(name)
    if kind is CRON_JOB and len(name) > 52:
        # The controller appends eleven characters to make the names of the jobs.
        problems.append("must be no more than 52 characters")
    return problems


def dns_label_problems(name: str) -> list[str]:
    """Return what is wrong with `name` as a label of a DNS name (RFC 1123)."""
    return _shape_problems(name, _LABEL, 63, _LABEL_PROBLEM)


def subdomain_problems(name: str) -> list[str]:
    """Return what is wrong with `name` as a DNS name (RFC 1123)."""
    return _shape_problems(name, _SUBDOMAIN, 253, _SUBDOMAIN_PROBLEM)


def _shape_problems(name: str, pattern: str, limit: int, problem: str) -> list[str]:
    problems = [_too_long(limit)] if len(name) > limit else []
    return problems if re.fullmatch(pattern, name) else [*problems, problem]


def check_names(field: str, name: str, problems: Callable[[str], list[str]]) -> list[Cause]:
    """Return the causes for refusing the name in a field, by what finds problems with it."""
    return [invalid_value(field, name, problem) for problem in problems(name)]


def path_segment_problems(name: str) -> list[str]:
    """Return what is wrong with `name` as a part of a path, which is all that roles ask of it."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{part}'" for part in "/%" if part in name]


def label_name_problems(text: str) -> list[str]:
    """Return what is wrong with `text` as a label's, annotation's or finalizer's key."""
    prefix, slash, name = text.rpartition("/")
    problems = []
    if slash:
        if not prefix:
            problems.append("prefix part must be non-empty")
        elif not re.fullmatch(_SUBDOMAIN, prefix):
            problems.append(f"prefix part {_SUBDOMAIN_PROBLEM}")
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append(f"name part {_too_long(63)}")
    if not re.fullmatch(_QUALIFIED, name):
        problems.append(_QUALIFIED_PROBLEM)
    return problems


def check_labels(field: str, labels: dict[str, str] | None) -> list[Cause]:
    """Return the causes for refusing a map of labels."""
    causes = []
    for key, value in (labels or {}).items():
        causes += [invalid_value(field, key, problem) for problem in label_name_problems(key)]
        if len(value) > 63:
            causes.append(invalid_value(field, value, _too_long(63)))
        if not re.fullmatch(_VALUE, value):
            causes.append(invalid_value(field, value, _VALUE_PROBLEM))
    return causes


def check_metadata(kind: Kind, metadata: Object) -> list[Cause]:
    """Return the causes for refusing a new or changed object's metadata."""
    name = metadata.get("name") or ""
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    causes = [
        invalid_value("metadata.name", name, problem) for problem in name_problems(kind, name)
    ]
    causes += check_labels("metadata.labels", metadata.get("labels"))
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        causes += [
            invalid_value("metadata.annotations", key, problem)
            for problem in label_name_problems(key.lower())
        ]
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > 262144:
        message = "Too long: may not be more than 262144 bytes"
        causes.append(Cause("metadata.annotations", "FieldValueTooLong", message))
    for finalizer in metadata.get("finalizers") or ():
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            causes.append(
                invalid_value(
                    "metadata.finalizers",
                    finalizer,
                    "name is neither a standard finalizer name nor is it fully qualified",
                )
            )
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        for part in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(part):
                field = f"metadata.ownerReferences[{index}].{part}"
                causes.append(required(field, "must not be empty"))
    return causes


_STANDARD_FINALIZERS: Final = ("kubernetes", "orphan", "foregroundDeletion")


def check_metadata_update(kind: Kind, new: Object, old: Object) -> list[Cause]:
    """Return the causes for refusing a change of an object's metadata."""
    causes = check_metadata(kind, new)
    for field in ("name", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if new.get(field) != old.get(field):
            causes.append(invalid_value(f"metadata.{field}", new.get(field), "field is immutable"))
    if "deletionTimestamp" in old:
        added = sorted({*(new.get("finalizers") or ())} - {*(old.get("finalizers") or ())})
        if added:
            listed = ", ".join(f'"{name}"' for name in added)
            causes.append(
                forbidden_field(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new"
                    f" finalizers []string{{{listed}}}",
                )
            )
    return causes


def check_not_negative(field: str, value: Any) -> list[Cause]:
    """Return the cause for refusing a number below zero."""
    if isinstance(value, int) and value < 0:
        return [invalid_value(field, value, "must be greater than or equal to 0")]
    return []


def check_immutable(field: str, new: Any, old: Any) -> list[Cause]:
    """Return the cause for refusing a change of a field that may not change."""
    return [] if new == old else [invalid_value(field, new, "field is immutable")]
