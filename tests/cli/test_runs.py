"""Runs from the command line whose jobs are gone before they are seen to end."""

import asyncio
from typing import Any

import msgspec

from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.objects import metadata_of, uid_of
from tests.backend.changes.conftest import TIMEOUT, Bench, cron
from tests.cli.conftest import Script


async def make(bench: Bench, name: str, script: str, **spec: Any) -> None:
    body = cron(name, **spec)
    job = body["spec"]["jobTemplate"]["spec"]
    job["backoffLimit"] = job["ttlSecondsAfterFinished"] = 0
    pod = job["template"]["spec"]
    pod["terminationGracePeriodSeconds"] = 0
    pod["containers"][0]["command"] = ["sh", "-c", script]
    await bench.create(kinds.CRON_JOB, body)


async def test_the_exit_code_is_how_the_run_ended(bench: Bench, script: Script) -> None:
    await make(bench, "well", "exit 0")
    await make(bench, "badly", "exit 3")
    code, out, err = await script("crons", "run", "well", "-y")
    assert code == 0, err
    assert "has succeeded" in err
    assert "  Its job, and its logs, may be gone as soon as it ends: ttlSeconds" in out
    code, out, err = await script("crons", "run", "badly", "-y")
    assert code == 1
    assert "has failed" in err
    assert "BackoffLimitExceeded" in err


async def _delete_its_job(bench: Bench) -> None:
    async with asyncio.timeout(TIMEOUT):
        while True:
            page = [one async for one in bench.client.pages(kinds.JOB, bench.namespace)]
            for raw in page[0].items:
                job = msgspec.json.decode(raw)
                if (job.get("status") or {}).get("active"):
                    name = str(metadata_of(job)["name"])
                    ref = Ref("Job", bench.namespace, name, uid_of(job), "batch")
                    outcome = await bench.do(Delete(kinds.JOB, ref))
                    if outcome.done:
                        return
            await asyncio.sleep(0.05)


async def test_where_nothing_tells_nobody_says_that_it_failed(bench: Bench, script: Script) -> None:
    await make(bench, "long", "sleep 600")
    (code, _, err), _ = await asyncio.gather(
        script("crons", "run", "long", "-y"), _delete_its_job(bench)
    )
    assert code == 4
    assert "and nothing tells how it ended." in err
    assert "failed" not in err
