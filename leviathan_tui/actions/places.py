"""Where the user can be."""

from typing import Final

import msgspec

from leviathan_tui.backend.fleet.records import Ref


class Place(msgspec.Struct, frozen=True):
    """Somewhere to be: a list or a text, and what it is about."""

    view: str
    """As in `apps`, `runs`, `yaml`, `resource`."""
    about: Ref | None = None
    """The object that the view is about, where it is about one."""
    resource: str = ""
    """The resource type of a `resource` view, as `plural.group`."""
    filter: str = ""
    cursor: str = ""
    """The key of the row under the cursor."""
    others: tuple[Ref, ...] = ()
    """What else the view is about, as where the logs of several marked rows are read."""


LISTS: Final = frozenset(
    {
        "apps",
        "crons",
        "runs",
        "pods",
        "nodes",
        "namespaces",
        "events",
        "resource",
        "app",
        "activity",
        "schedule",
    }
)
"""The views that have a table."""

SCHEDULE: Final = frozenset({"schedule"})
"""The views that have a time line."""

LOGS: Final = frozenset({"logs"})
"""The views that follow logs."""

TEXTS: Final = frozenset({"yaml", "describe", "explain", "help", "whoami"}) | LOGS
"""The views that are texts."""
