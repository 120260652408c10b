"""The cells of role bindings, as `kubectl get` shows them."""

from collections.abc import Callable
from datetime import datetime

from leviathan_sandbox.objects import Object


def role_of(binding: Object, _: datetime) -> str:
    """Return the role that a binding gives."""
    return "{kind}/{name}".format_map(binding["roleRef"])


def subjects_of(kind: str) -> Callable[[Object, datetime], str]:
    """Return what lists a binding's subjects of one kind."""

    def cell(binding: Object, _: datetime) -> str:
        names = [
            f"{subject['namespace']}/{subject['name']}"
            if subject.get("namespace")
            else subject["name"]
            for subject in binding.get("subjects") or ()
            if subject["kind"] == kind
        ]
        return ", ".join(names)

    return cell
