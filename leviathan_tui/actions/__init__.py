"""One class per user action. Bindings, footer, palette, help and the docs' key table come from here."""

from leviathan_tui.actions import (
    activity,
    apps,
    crons,
    deploying,
    lists,
    logs,
    navigation,
    schedule,
    sorting,
    way_out,
)
from leviathan_tui.actions.base import Action
from leviathan_tui.actions.ports import Front

REGISTRY: dict[str, Action[Front]] = {
    cls.id: cls()
    for module in (
        navigation,
        apps,
        crons,
        deploying,
        activity,
        way_out,
        schedule,
        lists,
        sorting,
        logs,
    )
    for cls in module.ACTIONS
}
"""All actions by id."""
