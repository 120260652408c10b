"""Time zones by their IANA names, as `spec.timeZone` gives them."""

import difflib
from functools import lru_cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from leviathan_tui.backend.schedules.errors import ScheduleError

_LONGEST_NAME: Final = 64


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Return every IANA zone name that the bundled time zone database knows."""
    text = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(text.split())


def zone(name: str) -> ZoneInfo:
    """Return the zone called `name`, which is case-sensitive as it is for Kubernetes.

    Raises ScheduleError for an unknown name and for "Local", with the nearest known name.
    (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones)
    """
    if name in names():
        return ZoneInfo(name)
    shown = name[:_LONGEST_NAME]
    folded = {known.casefold(): known for known in sorted(names())}
    near = difflib.get_close_matches(shown.casefold(), folded, n=1, cutoff=0.75)
    hint = f"; did you mean {folded[near[0]]}?" if near else ""
    raise ScheduleError(
        f"time zone: “{shown}” is unknown; Kubernetes accepts IANA names, e.g. Europe/Berlin{hint}"
    )
