"""What can be typed behind the colon, and what it means."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.navigation import typed_namespace
from leviathan_tui.actions.ports import Front
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens.chooser import Choice

ALIASES: Final = {
    "app": "apps",
    "deployments": "apps",
    "dp": "apps",
    "sts": "apps",
    "ds": "apps",
    "cj": "crons",
    "cronjobs": "crons",
    "cron": "crons",
    "job": "runs",
    "jobs": "runs",
    "po": "pods",
    "pod": "pods",
    "ev": "events",
    "no": "nodes",
    "node": "nodes",
    "q": "quit",
    "q!": "quit",
    "ctx": "context",
    "h": "help",
}
"""Short names that the palette takes for commands."""


_ONLY_KEYS: Final = frozenset({"Moving", "Sorting"})
"""Groups of commands that nobody types."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants, read from the typed text."""

    kind: Literal["command", "namespace", "context", "resource"]
    name: str
    namespace: str = ""


def choices(
    front: Front, namespaces: list[str], contexts: list[str], key_labels: dict[str, str]
) -> list[Choice]:
    """Return what the palette offers here: what can be done, and the namespaces and contexts."""
    offered = [
        Choice(
            action.id,
            f"{action.id} {action.argument}".strip(),
            action.help(),
            key_labels.get(action.id, ""),
        )
        for action in REGISTRY.values()
        if action.group not in _ONLY_KEYS and action.enabled(front) and not action.refusal(front)
    ]
    return [
        *offered,
        *(Choice(f"ns {name}", f"ns {name}", "use this namespace") for name in namespaces),
        *(Choice(f"ctx {name}", f"ctx {clean(name)}", "use this context") for name in contexts),
    ]


def matching(text: str, names: Iterable[str]) -> list[str]:
    """Return the name that was typed, else the names that have all the parts that were."""
    known = list(names)
    if text in known:
        return [text]
    parts = text.lower().split()
    return [name for name in known if all(part in name.lower() for part in parts)]


def understood(text: str) -> str | None:
    """Return the typed text where it is a whole order by itself, None where a choice is meant."""
    word = text.partition(" ")[0]
    if word in REGISTRY or word in ALIASES or word in ("ns", "namespace", "ctx", "context"):
        return text
    # Anything that begins no command may be a resource type, which only the server can tell.
    if text and not any(name.startswith(word) for name in REGISTRY):
        return text
    return None


def read(text: str) -> Order:
    """Read a typed or chosen text."""
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    if word in ("ns", "namespace"):
        if not rest:
            return Order("command", "namespaces")
        return Order("namespace", "" if rest == "-" else typed_namespace(rest))
    if word in ("ctx", "context") and rest:
        return Order("context", rest)
    name = ALIASES.get(word, word)
    if name in REGISTRY:
        return Order("command", name, rest)
    return Order("resource", word, rest)
