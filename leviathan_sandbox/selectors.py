"""Label selectors and field selectors.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
and https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from leviathan_sandbox.kinds import EVENT, EVENT_NEW, JOB, NAMESPACE, NODE, POD, SECRET, Kind
from leviathan_sandbox.objects import Object, labels_of, lookup
from leviathan_sandbox.status import bad_request

Matcher: TypeAlias = Callable[[Object], bool]
"""Says whether an object is selected."""

_KEY: Final = r"[A-Za-z0-9]([A-Za-z0-9./_-]*[A-Za-z0-9])?"
_VALUE: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?"
_SET: Final = re.compile(rf"\s*(?P<key>{_KEY})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)\s*\Z")
_EQUAL: Final = re.compile(rf"\s*(?P<key>{_KEY})\s*(?P<op>==|=|!=|<|>)\s*(?P<value>{_VALUE})\s*\Z")
_EXISTS: Final = re.compile(rf"\s*(?P<not>!?)\s*(?P<key>{_KEY})\s*\Z")


def _split(text: str) -> list[str]:
    """Split at the commas that are outside parentheses."""
    return re.split(r",(?![^()]*\))", text)


def _requirement(text: str) -> Callable[[dict[str, str]], bool]:
    if match := _SET.match(text):
        key = match["key"]
        values = {value.strip() for value in match["values"].split(",")}
        if match["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL.match(text):
        key, value = match["key"], match["value"]
        if match["op"] in ("=", "=="):
            return lambda labels: labels.get(key) == value
        if match["op"] == "!=":
            return lambda labels: labels.get(key) != value
        if not value.isdigit():
            raise bad_request(
                f'unable to parse requirement: values: Invalid value: "{value}": for'
                " 'Gt', 'Lt' operators, the value must be an integer"
            )
        bound, above = int(value), match["op"] == ">"
        return lambda labels: _compare(labels.get(key), bound, above)
    if match := _EXISTS.match(text):
        key, wanted = match["key"], not match["not"]
        return lambda labels: (key in labels) is wanted
    raise bad_request(f"unable to parse requirement: found '{text.strip()}', expected: identifier")


def _compare(value: str | None, bound: int, above: bool) -> bool:
    if value is None or not re.fullmatch(r"-?\d+", value):
        return False
    return int(value) > bound if above else int(value) < bound


def label_matcher(text: str) -> Matcher | None:
    """Return what a `labelSelector` parameter selects; None when it selects everything.

    Raises StatusError (400) when it cannot be parsed.
    """
    if not text.strip():
        return None
    requirements = [_requirement(part) for part in _split(text)]
    return lambda obj: all(holds(labels_of(obj)) for holds in requirements)


def selector_matches(selector: Object | None, labels: dict[str, str]) -> bool:
    """Whether a LabelSelector object selects `labels`; an absent one selects nothing."""
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], expression.get("values") or ()
        match expression["operator"]:
            case "In":
                holds = labels.get(key) in values
            case "NotIn":
                holds = labels.get(key) not in values
            case "Exists":
                holds = key in labels
            case _:
                holds = key not in labels
        if not holds:
            return False
    return True


def selector_text(selector: Object | None) -> str:
    """Return a LabelSelector object as a `labelSelector` parameter would spell it."""
    if selector is None:
        return ""
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        values = ",".join(sorted(expression.get("values") or ()))
        text = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }[operator]
        parts.append((key, text))
    return ",".join(text for _, text in sorted(parts))


_FIELDS: Final[dict[Kind, dict[str, tuple[str, ...]]]] = {
    POD: {
        name: tuple(name.split("."))
        for name in (
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        )
    },
    EVENT: {
        name: tuple(name.split("."))
        for name in (
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "type",
        )
    }
    | {"reportingComponent": ("reportingComponent",), "source": ("source", "component")},
    NODE: {"spec.unschedulable": ("spec", "unschedulable")},
    NAMESPACE: {"status.phase": ("status", "phase")},
    SECRET: {"type": ("type",)},
    JOB: {"status.successful": ("status", "succeeded")},
}
_FIELDS[EVENT_NEW] = {
    "reason": ("reason",),
    "type": ("type",),
    "reportingController": ("reportingController",),
} | {
    f"regarding.{field}": ("regarding", field)
    for field in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _field_text(obj: Object, path: tuple[str, ...]) -> str:
    value = lookup(obj, *path)
    if value is None and path[-1] in ("unschedulable", "hostNetwork"):
        return "false"
    return _as_text(value) or ("0" if path[-1] == "succeeded" else "")


def field_matcher(kind: Kind, text: str) -> Matcher | None:
    """Return what a `fieldSelector` parameter selects; None when it selects everything.

    Raises StatusError (400) when it cannot be parsed, or names a field that is not selectable.
    """
    if not text.strip():
        return None
    known = _FIELDS.get(kind, {})
    terms: list[tuple[tuple[str, ...], str, bool]] = []
    for part in text.split(","):
        match = re.match(r"\s*([^=!]+?)\s*(==|=|!=)(.*)\Z", part)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = match[1], match[2], match[3]
        if name in ("metadata.name", "metadata.namespace"):
            path = tuple(name.split("."))
        elif name in known:
            path = known[name]
        elif known:
            raise bad_request(f"field label not supported: {name}")
        else:
            raise bad_request(
                f'"{name}" is not a known field selector: only "metadata.name",'
                ' "metadata.namespace"'
            )
        terms.append((path, value, operator != "!="))
    return lambda obj: all(
        (_field_text(obj, path) == value) is equal for path, value, equal in terms
    )


def selects_name(text: str) -> str | None:
    """Return the one name that a `fieldSelector` parameter asks for, if it asks for just that."""
    match = re.fullmatch(r"\s*metadata\.name\s*==?\s*([^,=!]+)", text)
    return match[1] if match else None
