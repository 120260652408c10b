"""Which key runs which action: defaults, the user's keymap, and how keys are written on screen."""

from collections.abc import Collection
from typing import Final

from leviathan_tui.actions import REGISTRY

_LABELS: Final = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "ctrl+@": "ctrl-space",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "up": "↑",
    "down": "↓",
    "apostrophe": "'",
    "quotation_mark": '"',
    "ampersand": "&",
    "left": "←",
    "right": "→",
}


def label(key: str) -> str:
    """Return a key as the screen and the documentation write it."""
    return _LABELS.get(key, key.replace("ctrl+", "ctrl-").replace("shift+", "shift-"))


def labels(keymap: dict[str, str]) -> dict[str, str]:
    """Return each action's first key, as it is written, where it has one."""
    shown = {}
    for action in REGISTRY.values():
        keys = keymap.get(action.id, ",".join(action.keys))
        if keys:
            shown[action.id] = label(keys.split(",")[0].strip())
    return shown


def keys_of(actions: Collection[str], keymap: dict[str, str]) -> frozenset[str]:
    """Return all keys of some actions, in Textual's spelling."""
    found = [keymap.get(name, ",".join(REGISTRY[name].keys)).split(",") for name in actions]
    return frozenset(key.strip() for keys in found for key in keys)


def table() -> str:
    """Return the table of all keys as Markdown, for the documentation."""
    lines = ["| key | action | id | what it does |", "|---|---|---|---|"]
    for action in REGISTRY.values():
        keys = " ".join(f"`{label(key)}`" for key in action.keys) or "–"
        lines.append(f"| {keys} | {action.title} | `{action.id}` | {action.help()} |")
    return "\n".join(lines) + "\n"
