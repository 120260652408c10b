"""Lengths of time as `kubectl get` prints them."""

from datetime import datetime

from leviathan_sandbox.objects import moment

_YEAR = 365 * 24


def human_duration(seconds: float) -> str:
    """Return a length of time with two or three significant figures, as in `5m30s` and `21d`."""
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    whole = int(seconds)
    if whole < 120:
        return f"{whole}s"
    minutes, hours = whole // 60, whole // 3600
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 8 * 24:
        return _pair(hours // 24, "d", hours % 24, "h")
    if hours < 2 * _YEAR:
        return f"{hours // 24}d"
    if hours < 8 * _YEAR:
        return _pair(hours // _YEAR, "y", hours // 24 % 365, "d")
    return f"{hours // _YEAR}y"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def since(text: str | None, now: datetime) -> str:
    """Return the time since an RFC 3339 moment; `<unknown>` when there is none."""
    if not text:
        return "<unknown>"
    return human_duration((now - moment(text)).total_seconds())
