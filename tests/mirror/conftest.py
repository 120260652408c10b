"""The clusters that the tests of this folder run on."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds, kubeconfig
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.reflector import Reflector
from tests.mirror.mirror import Mirror


def sandbox_target(sandbox: Sandbox) -> Target:
    """Return how to reach a sandbox."""
    return kubeconfig.resolve(kubeconfig.from_document(sandbox.kubeconfig()))


@pytest.fixture(scope="session")
def quiet_sandbox() -> Iterator[Sandbox]:
    """A sandbox with nodes and nothing else, whose pods start at once."""
    with Sandbox(apps=0, pace=0.05) as sandbox:
        yield sandbox
        assert sandbox.failures == []


@pytest.fixture(params=["sandbox", pytest.param("cluster", marks=pytest.mark.cluster)])
def target(request: pytest.FixtureRequest) -> Target:
    """The sandbox, and the real cluster where one is named."""
    if request.param == "sandbox":
        return sandbox_target(request.getfixturevalue("quiet_sandbox"))
    named = os.environ.get("LEVIATHAN_TEST_KUBECONFIG")
    if not named:
        pytest.skip("LEVIATHAN_TEST_KUBECONFIG names no cluster")
    return kubeconfig.resolve(kubeconfig.load([Path(named)]))


@pytest.fixture
def mirror_of() -> Iterator[Callable[..., Mirror]]:
    """Make mirrors that end with the test."""
    made: list[Mirror] = []

    def make(*arguments: object, **options: object) -> Mirror:
        made.append(Mirror(*arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for mirror in made:
        mirror.close()


@pytest.fixture
def mirror(target: Target, mirror_of: Callable[..., Mirror]) -> Mirror:
    """A mirror of the whole cluster."""
    return mirror_of(target)


@pytest.fixture
def namespace(mirror: Mirror) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{secrets.token_hex(4)}"
    mirror.create(kinds.NAMESPACE, {"metadata": {"name": name}}, "")
    yield name
    mirror.delete(Ref("Namespace", "", name))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds, that reflectors make from now on, each written down before it is made."""
    made: list[float] = []
    pause = Reflector._pause

    async def written(reflector: Reflector[Any], seconds: float) -> None:
        made.append(seconds)
        await pause(reflector, seconds)

    monkeypatch.setattr(Reflector, "_pause", written)
    return made


def grow(pauses: list[float], first: float = 0.1) -> bool:
    """Whether the first four pauses are at least so long, and twice as long each time."""
    least = (first, 2 * first, 4 * first, 8 * first)
    return len(pauses) >= 4 and all(one >= two for one, two in zip(pauses, least, strict=False))
