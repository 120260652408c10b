"""Refused requests in the audit log: all counted, and never so many lines that history goes."""

import asyncio
from pathlib import Path

import httpx
import pytest

from authserver import app
from authserver.audit import Line
from authserver.auditfile import AuditFile
from authserver.config import Settings
from authserver.refusals import OTHERS, Refusals
from authserver.service import Service
from tests.authserver.helpers import (
    FakeClock,
    audit_lines,
    bearer,
    client_of,
    log_in,
    make_service,
    session_of,
)


def counted(service: Service, action: str) -> list[tuple[str, str, str | None]]:
    """The lines about an action: from where, why, and for how many more."""
    lines = [line for line in audit_lines(service) if line["action"] == action]
    return [(line["from"], line.get("reason", ""), line.get("count")) for line in lines]


async def test_a_flood_of_bad_tokens_is_a_few_lines_and_a_number(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    for _ in range(300):
        assert (await client.get("/me", headers=bearer("x"))).status_code == 401
    here = ("192.0.2.1", "not three segments of base64url")
    assert counted(service, "me") == [(*here, None)] * 5
    clock.move(60)
    await service.refusals.flush()
    async with client_of(service, "198.51.100.7") as other:
        assert (await other.get("/me", headers=bearer("x"))).status_code == 401
    there = ("198.51.100.7", here[1])
    assert counted(service, "me") == [(*here, None)] * 5 + [(*here, "295"), (*there, None)]
    assert 'action="me",outcome="refused"} 301' in service.metrics.render()


async def test_refused_logins_are_summed_by_reason_and_those_that_succeed_are_not(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    for number in range(30):
        await log_in(client, f"nobody{number % 20}", password="wrong")
    async with client_of(service, "203.0.113.5") as there:
        for _ in range(10):
            await session_of(there)
    clock.move(60)
    await service.refusals.flush()
    lines = [line for line in audit_lines(service) if line["action"] == "login"]
    assert len([line for line in lines if line["outcome"] == "ok"]) == 10
    (summed,) = [line for line in lines if "count" in line]
    assert (summed["reason"], summed["count"], summed["outcome"]) == (
        "unknown user",
        "25",
        "refused",
    )
    assert summed["actors"].split(",")[:2] == ["nobody5", "nobody6"]
    assert len(summed["actors"].split(",")) == 10
    # Waiting is a reason of its own.
    for _ in range(20):
        await log_in(client, "alice", password="wrong")
    clock.move(60)
    await service.refusals.flush()
    lines = [line for line in audit_lines(service) if line.get("actor") == "alice"]
    assert {line.get("reason") for line in lines} >= {"wrong password", "too many attempts"}
    assert [line["reason"] for line in audit_lines(service) if "count" in line][1:] == [
        "too many attempts"
    ]


async def test_sums_are_written_when_the_server_closes(
    service: Service, client: httpx.AsyncClient
) -> None:
    for _ in range(7):
        await client.get("/me")
    await service.refusals.flush(closing=True)
    assert counted(service, "me")[-1] == ("192.0.2.1", "not one Authorization header", "2")
    await service.refusals.flush(closing=True)
    assert len(counted(service, "me")) == 6


async def test_sums_are_written_without_another_request(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_SUM_SECONDS", 0)
    service = make_service(settings, clock)
    written, write = asyncio.Event(), service.audit.write

    async def watched(line: Line) -> None:
        await write(line)
        if "count" in line.details:
            written.set()

    monkeypatch.setattr(service.audit, "write", watched)
    application = app.build(service)
    async with application.router.lifespan_context(application):
        async with client_of(service) as client:
            for _ in range(6):
                await client.get("/me")
        clock.move(60)
        await asyncio.wait_for(written.wait(), 5)
        assert counted(service, "me")[-1][2] == "1"


def make(path: Path, clock: FakeClock) -> Refusals:
    audit = AuditFile(path, clock, max_bytes=10**7, keep=2)
    return Refusals(audit, clock, audit.append)


async def test_networks_count_as_the_limits_count_them(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    refusals = make(path, FakeClock())
    for number in range(100):
        refusals.add(
            Line("me", "refused", actor=None, address=f"2001:db8:1:2::{number:x}", reason="expired")
        )
        refusals.add(
            Line("me", "refused", actor=None, address=f"192.0.2.{number}", reason="expired")
        )
    await refusals.flush(closing=True)
    text = path.read_text()
    assert text.count("2001:db8:1:2::/64") == 1
    assert '"count":"95"' in text


async def test_many_networks_and_reasons_make_no_more_lines(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", FakeClock()
    refusals = make(path, clock)
    for number in range(1000):
        refusals.add(
            Line("me", "refused", actor=None, address="192.0.2.1", reason=f"malformed: {number}")
        )
    for network in range(5000):
        for _ in range(2):
            address = f"2001:db8:{network:x}::1"
            refusals.add(
                Line(
                    "login",
                    "refused",
                    actor=f"user{network}",
                    address=address,
                    reason="unknown user",
                )
            )
    await refusals.flush(closing=True)
    lines = path.read_text().splitlines()
    assert len(lines) < 700
    assert (
        sum('"count"' not in line for line in lines)
        + sum(int(line.split('"count":"')[1].split('"')[0]) for line in lines if '"count"' in line)
        == 11_000
    )
    assert sum(OTHERS in line for line in lines) == 1
