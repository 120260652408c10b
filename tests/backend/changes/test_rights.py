"""What people may do who may not do everything, on the sandbox and the real cluster."""

import asyncio
import copy
import secrets

import pytest

from leviathan_tui.backend.changes import apps
from leviathan_tui.backend.changes.preview import Preview
from leviathan_tui.backend.changes.refusals import Denied
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import Forbidden
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import TIMEOUT, Bench

KIND = kinds.DEPLOYMENT
ROLE = Kind("Role", "roles", "rbac.authorization.k8s.io")
BINDING = Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io")


async def somebody(bench: Bench, rules: list[dict[str, list[str]]]) -> KubeClient:
    """Return a client of somebody who may do no more than these rules say."""
    user = f"scaler-{secrets.token_hex(3)}"
    await bench.create(ROLE, {"metadata": {"name": user}, "rules": rules})
    group = ROLE.group
    await bench.create(
        BINDING,
        {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        },
    )
    target = copy.deepcopy(bench.client.target)
    target.user.as_user = user
    return KubeClient(target)


async def test_who_may_only_scale_scales_and_takes_it_back(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    client = await somebody(
        bench,
        [
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
            {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]},
        ],
    )
    try:
        # The server's view of roles follows their creation a moment later.
        preview = await _patiently(bench, client, apps.Scale(KIND, ref, 2))
        assert preview.change.request.path.endswith("/scale")
        outcome = await bench.changes.send(client, preview)
        assert outcome.done, outcome.words
        assert (await bench.get(KIND, ref))["spec"]["replicas"] == 2
        with pytest.raises(Denied, match="Not paused: you may not"):
            await bench.changes.prepare(client, apps.Pause(KIND, ref))
        (entry,) = latest(bench.entries, "alice")
        intent = undo(entry, KIND, bench.client.target.cluster.server)
        assert (await bench.do(intent)).done
        assert (await bench.get(KIND, ref))["spec"]["replicas"] == 1
    finally:
        await client.close()


async def _patiently(bench: Bench, client: KubeClient, intent: apps.Scale) -> Preview:
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                return await bench.changes.prepare(client, intent)
            except (Forbidden, Denied):
                await asyncio.sleep(0.05)
