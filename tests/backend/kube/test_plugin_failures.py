"""Credential plugins that fail, and credentials that a server refuses: both are remembered."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from leviathan_tui.backend.kube import kubeconfig, plugins
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.credentials import Credentials
from leviathan_tui.backend.kube.errors import Unauthorized
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import ask
from tests.backend.kube.rig.plugins import (
    count,
    plugin,
    target_of,
    until,
    write_for,
)
from tests.backend.kube.rig.servers import serving


async def test_a_failure_is_remembered_and_the_pause_doubles(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    credentials = Credentials(target_of(plugin(tmp_path, "sys.exit(1)")))

    async def fails() -> None:
        with pytest.raises(Unauthorized):
            await credentials.headers()

    expected = 1
    for pause in (10, 20, 40, 80, 160, 300, 300):
        for _ in range(20):
            await fails()
        assert count(tmp_path) == expected
        clock(pause - 1)
        await fails()
        assert count(tmp_path) == expected
        clock(2)
        await fails()
        expected += 1
        assert count(tmp_path) == expected
    plugins.retry()
    await fails()
    assert count(tmp_path) == expected + 1


async def test_a_server_that_refuses_everything_costs_one_run_and_is_quoted(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        server.accepts = lambda asked: False
        path = write_for(tmp_path, server.url, authority, entry)
        for _ in range(20):
            with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                await ask(path)
        assert count(tmp_path) == 1
        assert len(server.asked) == 20
        # Each run is followed by a longer pause, up to five minutes, however long this goes on.
        for runs, pause in enumerate((10, 20, 40, 80, 160, 300, 300, 300), 1):
            clock(pause - 1)
            with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                await ask(path)
            assert count(tmp_path) == runs
            clock(2)
            for _ in range(3):
                with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                    await ask(path)
            assert count(tmp_path) == runs + 1


@pytest.mark.parametrize(
    "next_run",
    ['answer(token=f"t{COUNT}")', "sys.exit(1)", "print('nothing')", "answer(token='')"],
)
async def test_an_endpoint_that_refuses_everything_takes_the_credential_from_no_other(
    tmp_path: Path, clock: Callable[[float], None], next_run: str
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, f'if COUNT == 1: answer(token="t1")\nelse: {next_run}')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        server.accepts = lambda asked: "metrics" not in asked.path
        client = KubeClient(
            kubeconfig.resolve(
                kubeconfig.load([write_for(tmp_path, server.url, authority, entry)]), environment={}
            )
        )
        for _ in range(10):
            for _ in range(3):
                with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                    await client.read("/apis/metrics.k8s.io/v1beta1/pods")
                assert b"v1.37.2" in await client.read("/version")
            clock(11)
        assert 1 < count(tmp_path) < 10
        await client.close()


async def test_nobody_waits_for_the_run_that_an_endpoint_caused_in_vain(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    entry = plugin(
        tmp_path,
        """
        while COUNT > 1 and not (HERE / "go").exists():
            time.sleep(0.01)
        answer(token=f"t{COUNT}")
        """,
    )
    known = plugins.plugin_for(entry, {"server": "slow"})
    first = await known.credential()
    clock(11)
    waiting = asyncio.ensure_future(known.credential(first))
    await until(lambda: count(tmp_path) == 2)
    assert await known.credential() is first
    # Whoever is refused meanwhile waits for the same run.
    also = asyncio.ensure_future(known.credential(first))
    await asyncio.sleep(0)
    (tmp_path / "go").touch()
    assert await waiting is await also is await known.credential()
    assert (await known.credential()).token == "t2"


async def test_an_old_credential_that_is_refused_is_replaced_at_once(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        await ask(path)
        server.accepts = lambda asked: asked.header("authorization") == "Bearer t2"
        clock(3600)
        await asyncio.gather(*(ask(path) for _ in range(10)))
        assert count(tmp_path) == 2


async def test_only_the_credential_that_was_refused_is_forgotten(tmp_path: Path) -> None:
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    known = plugins.plugin_for(entry, {"server": "only"})
    first = await known.credential()
    plugins.retry()
    assert await known.credential(plugins.Credential(first.token, "", "", 0.0)) is first


async def test_a_plugin_that_the_kubeconfig_no_longer_has_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        one = KubeClient(kubeconfig.resolve(kubeconfig.load([path]), environment={}))
        for number in range(5):
            entry.args = [*(entry.args or []), str(number)]
            write_for(tmp_path, server.url, authority, entry)
            await one.read("/version")
        await one.close()
    assert len(plugins.runs()) == 1
    assert count(tmp_path) == 5
