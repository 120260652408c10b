"""The TARGETS cell of an autoscaler: what is measured, against what is wanted."""

from datetime import datetime

from leviathan_sandbox.objects import Object, lookup

_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _target_text(metric: Object, current: Object) -> str:
    source = _SOURCES.get(metric.get("type", ""))
    if source is None:
        return "<unknown type>"
    wanted = lookup(metric, source, "target") or {}
    measured = lookup(current, source, "current") or {}
    if source in ("resource", "containerResource"):
        name = metric[source]["name"]
        if wanted.get("averageValue") is not None:
            return f"{name}: {measured.get('averageValue', '<unknown>')}/{wanted['averageValue']}"
        used = measured.get("averageUtilization")
        limit = wanted.get("averageUtilization")
        used_text = "<unknown>" if used is None else f"{used}%"
        return f"{name}: {used_text}/{'<auto>' if limit is None else f'{limit}%'}"
    if source == "pods":
        return f"{measured.get('averageValue', '<unknown>')}/{wanted.get('averageValue')}"
    if wanted.get("averageValue") is not None:
        return f"{measured.get('averageValue', '<unknown>')}/{wanted['averageValue']} (avg)"
    return f"{measured.get('value', '<unknown>')}/{wanted.get('value')}"


def targets_text(autoscaler: Object, _: datetime) -> str:
    """Return the first two metrics of an autoscaler, and how many more there are."""
    metrics = autoscaler["spec"].get("metrics") or []
    if not metrics:
        return "<none>"
    current = lookup(autoscaler, "status", "currentMetrics") or []
    texts = [
        _target_text(metric, current[index] if index < len(current) else {})
        for index, metric in enumerate(metrics[:2])
    ]
    text = ", ".join(texts)
    return f"{text} + {len(metrics) - 2} more..." if len(metrics) > 2 else text
