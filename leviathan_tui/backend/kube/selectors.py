"""Label selectors, read and matched as Kubernetes does.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Match = Callable[[Mapping[str, str]], bool]

_SET: Final = re.compile(r"\s*([^\s!=,()]+)\s+(in|notin)\s+\(([^()]*)\)\s*")
_EQUAL: Final = re.compile(r"\s*([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)\s*")
_EXISTS: Final = re.compile(r"\s*(!?)\s*([^\s!=,()]+)\s*")


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether an object's LabelSelector picks labels; an empty one picks all.

    An operator that is not known picks nothing.
    """
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != value:
            return False
    for rule in selector.get("matchExpressions") or ():
        has, values = rule.get("key") in labels, rule.get("values") or ()
        picks = {
            "In": has and labels[rule["key"]] in values,
            "NotIn": not has or labels[rule["key"]] not in values,
            "Exists": has,
            "DoesNotExist": not has,
        }
        if not picks.get(rule.get("operator"), False):
            return False
    return True


def selector_query(selector: Mapping[str, Any]) -> str:
    """Return an object's LabelSelector as the `labelSelector` of a request; an empty one asks for all.

    Raises `SelectorError` for an operator that is not known.
    """
    parts = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or ():
        key, values = rule.get("key", ""), ",".join(rule.get("values") or ())
        match rule.get("operator"):
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
            case other:
                raise SelectorError(f"The selector's operator {other!r} is not known.")
    return ",".join(parts)


class SelectorError(ValueError):
    """The selector cannot be read."""


def parse_selector(text: str) -> Match:
    """Return a test for labels from `a=b,c!=d,e in (f,g),h,!i`. Raises `SelectorError`."""
    tests = [_requirement(part) for part in _split(text)]
    if not tests:
        raise SelectorError("A label selector looks like app=web or tier in (front, back).")
    return lambda labels: all(test(labels) for test in tests)


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _requirement(text: str) -> Match:
    if match := _SET.fullmatch(text):
        key, operator, values = match[1], match[2], {item.strip() for item in match[3].split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL.fullmatch(text):
        key, operator, value = match[1], match[2], match[3]
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.fullmatch(text):
        absent, key = bool(match[1]), match[2]
        return lambda labels: (key in labels) != absent
    raise SelectorError(f"{text.strip()!r} is no label requirement.")
