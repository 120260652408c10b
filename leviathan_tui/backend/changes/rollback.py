"""Going back to an earlier release of an app."""

import copy

from leviathan_tui.backend.changes.intents import Change, EditIntent, edited
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.releases import releases
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, pod_spec_of


class RollBack(EditIntent):
    """Bring back the pod template of an earlier release; the one before the present by default."""

    verb, past = "rollback", "Rolled back"

    def __init__(self, kind: Kind, ref: Ref, revision: int = 0) -> None:
        super().__init__(kind, ref)
        self.revision = revision

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Put the release's template in the place of the present one."""
        if (target.get("spec") or {}).get("paused"):
            raise self.refuse(f"the rollout of {self.ref.name} is paused; resume it first.")
        known = await releases(client, self.kind, target)
        others = [one for one in known if not one.current]
        chosen = [one for one in others if self.revision in (0, one.revision)]
        if not chosen:
            if self.revision and any(one.revision == self.revision for one in known):
                raise self.refuse(f"release {self.revision} is the present one.")
            numbers = ", ".join(str(one.revision) for one in others) or "none"
            what = f"no release {self.revision}" if self.revision else "no earlier release"
            raise self.refuse(f"{self.ref.name} has {what}; the cluster remembers {numbers}.")
        release = chosen[0]
        if not release.template:
            raise self.refuse(f"release {release.revision} is not readable; name another.")
        target["spec"]["template"] = copy.deepcopy(release.template)
        notes = [
            "The whole pod template goes back: image, environment, resources. "
            "Replicas, ConfigMaps and Secrets stay as they are."
        ]
        images = ", ".join(
            str(one.get("image", "")) for one in pod_spec_of(target).get("containers") or ()
        )
        return edited(
            f"Bring back release {release.revision} of {self.ref.name} ({images}).", notes
        )
