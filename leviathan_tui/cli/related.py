"""What goes with apps that are deleted on the command line, as the console's confirmation ticks it."""

from argparse import Namespace
from dataclasses import dataclass, field
from typing import Any, Final

from leviathan_tui.backend.changes.flow import Preview
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.fleet.relations import RelatedObject, related_objects
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean

SHORT: Final = {
    "svc": "service",
    "ing": "ingress",
    "pdb": "poddisruptionbudget",
    "hpa": "horizontalpodautoscaler",
    "cm": "configmap",
    "pvc": "persistentvolumeclaim",
}
"""kubectl's short names of what may belong to an app."""


@dataclass
class Step:
    """One of the changes that a command makes, in their order."""

    preview: Preview
    owner: "Step | None" = None
    """The app whose deletion it goes with; where that fails, it stays."""
    belonging: list[tuple[RelatedObject, bool]] = field(default_factory=list)
    """What belongs to an app that is deleted, and whether it goes with it."""
    done: bool = False

    @property
    def lines(self) -> list[str]:
        """What belongs to the app, in words."""
        return [
            f"{'goes with it' if goes else 'stays'}: {_called(one)} ({one.why})"
            for one, goes in self.belonging
        ]

    @property
    def plain(self) -> dict[str, Any]:
        """What the server has tried, for scripts."""
        preview = self.preview
        found: dict[str, Any] = {
            "object": preview.intent.subject,
            "verb": preview.intent.verb,
            "effect": preview.change.effect,
            "warnings": preview.change.warnings,
            "differences": [
                {
                    "path": item.label,
                    "before": None if preview.is_secret else item.before,
                    "after": None if preview.is_secret else item.after,
                }
                for item in preview.differences
            ],
            "by": "leviathan" if preview.local else "server",
        }
        if self.belonging:
            found["belonging"] = [
                {"kind": one.kind.name, "name": one.ref.name, "why": one.why, "deleted": goes}
                for one, goes in self.belonging
            ]
        return found


async def with_belongings(session: Session, steps: list[Step], options: Namespace) -> list[Step]:
    """Return the steps, each app that is deleted followed by what goes with it.

    That is what the console ticks; with `--keep` nothing, and besides what `--with` names.

    Raises `Refusal` where a name is of nothing that belongs to them, or something may not be
    deleted; `KubeError` where the server cannot be asked.
    """
    if not hasattr(options, "belongings"):
        return steps
    unknown: list[str] = list(options.belongings)
    found: list[Step] = []
    going: set[str] = set()
    for step in steps:
        found.append(step)
        kind, app = step.preview.intent.kind, step.preview.before
        if not isinstance(step.preview.intent, Delete) or kind not in kinds.WORKLOADS or not app:
            continue
        belonging = await session.cluster.ask(
            lambda client, kind=kind, app=app: related_objects(client, kind, app)  # type: ignore[misc]
        )
        for one in belonging.objects:
            named = [text for text in options.belongings if _means(text, one)]
            unknown = [text for text in unknown if text not in named]
            goes = bool(named) or (one.alone and not options.keep)
            step.belonging.append((one, goes))
            if goes and one.ref.uid not in going:
                going.add(one.ref.uid)
                found.append(await _step(session, one, step))
    if unknown:
        known = ", ".join(_called(one) for step in steps for one, _ in step.belonging) or "nothing"
        raise NotPossible(
            f"Not deleted: {clean(unknown[0], 200)} does not belong to what is deleted; "
            f"{known} does."
        )
    session.changes.guard.check_count(len(found))
    return found


async def _step(session: Session, one: RelatedObject, owner: Step) -> Step:
    preview = await session.cluster.ask(
        lambda client: session.changes.prepare(client, Delete(one.kind, one.ref))
    )
    return Step(preview, owner)


def _called(one: RelatedObject) -> str:
    return f"{one.kind.name}/{one.ref.name}"


def _means(text: str, one: RelatedObject) -> bool:
    """Whether `KIND/NAME` is this object, its kind being spelled in one of kubectl's ways."""
    kind, _, name = text.partition("/")
    word = SHORT.get(kind.lower(), kind.lower())
    return name == one.ref.name and word in (one.kind.name.lower(), one.kind.plural)
