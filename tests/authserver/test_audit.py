"""The audit log: attack 34, rotation by size, several processes, and reading it."""

import asyncio
import json
import multiprocessing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from authserver import audit, auditfile
from authserver.audit import Line
from authserver.auditfile import AuditFile
from tests.authserver.helpers import FakeClock

HOSTILE = 'x"}\r\n{"actor":"root","action":"login","outcome":"ok"}\x1b[2J\u202e\u2028\x7f\x9b\0'


def make(path: Path, *, max_bytes: int = 10**6, keep: int = 3) -> AuditFile:
    return AuditFile(path, FakeClock(), max_bytes=max_bytes, keep=keep)


def test_a34_hostile_text_stays_within_its_line(tmp_path: Path) -> None:
    log = make(tmp_path / "audit.jsonl")
    log.append(
        Line(
            "login",
            "refused",
            actor=HOSTILE,
            address=HOSTILE,
            reason=HOSTILE,
            details={"target": HOSTILE},
        )
    )
    asyncio.run(log.close())
    (line,) = (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert all(0x20 <= byte < 0x7F for byte in line)
    entry = json.loads(line)
    assert (entry["actor"], entry["outcome"], entry["from"]) == (HOSTILE, "refused", HOSTILE)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=6))
def test_a34_any_text_is_one_line_that_reads_back(entry: dict[str, str]) -> None:
    encoded = audit.encode(entry)
    assert encoded.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7F for byte in encoded[:-1])
    assert json.loads(encoded) == entry


def test_a_line_says_who_what_from_where_and_how_it_ended(tmp_path: Path) -> None:
    log = make(tmp_path / "audit.jsonl")
    log.append(
        Line(
            "login",
            "ok",
            actor="alice",
            address="192.0.2.1",
            jti="j",
            details={"audience": "leviathan"},
        )
    )
    log.append(Line("login", "refused", reason="x" * 10_000))
    asyncio.run(log.close())
    first, second = map(json.loads, (tmp_path / "audit.jsonl").read_text().splitlines())
    assert list(first) == ["time", "actor", "action", "from", "outcome", "jti", "audience"]
    assert first["time"].endswith("Z")
    assert len(second["reason"]) == 256
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_rotates_by_size_and_keeps_so_many(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = make(path, max_bytes=5000, keep=2)
    for number in range(400):
        log.append(Line("login", "ok", actor=f"user{number}", reason="x" * 50))
    asyncio.run(log.close())
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert all(file.stat().st_size < 5400 for file in tmp_path.iterdir())
    lines = [
        json.loads(line)["actor"] for name in reversed(files) for line in read(tmp_path / name)
    ]
    assert lines == [f"user{number}" for number in range(400 - len(lines), 400)]


def read(path: Path) -> list[str]:
    return path.read_text("ascii").splitlines()


def _write_many(path: Path, name: str, count: int) -> None:
    log = make(path, max_bytes=20_000, keep=100)
    for number in range(count):
        log.append(Line("login", "ok", actor=name, reason=str(number)))
    asyncio.run(log.close())


def test_processes_that_share_a_log_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    names = ["one", "two", "three"]
    writers = [context.Process(target=_write_many, args=(path, name, 500)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    entries = [json.loads(line) for file in tmp_path.iterdir() for line in read(file)]
    for name in names:
        numbers = sorted(int(entry["reason"]) for entry in entries if entry["actor"] == name)
        assert numbers == list(range(500))


def test_a_log_that_was_moved_away_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = make(path)
    log.append(Line("login", "ok", actor="first"))
    path.rename(tmp_path / "moved")
    log.append(Line("login", "ok", actor="second"))
    (tmp_path / "other").write_text("")
    (tmp_path / "other").rename(path)
    log.append(Line("login", "ok", actor="third"))
    asyncio.run(log.close())
    assert [json.loads(line)["actor"] for line in read(path)] == ["third"]


def test_tail_reads_the_last_lines_whatever_their_length(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = [f"{number} {'x' * (number % 300)}" for number in range(2000)]
    path.write_text("".join(f"{line}\n" for line in lines))
    assert auditfile.tail(path, 3) == lines[-3:]
    assert auditfile.tail(path, 1500) == lines[-1500:]
    assert auditfile.tail(path, 9999) == lines
    path.write_text("")
    assert auditfile.tail(path, 3) == []


def test_follow_sees_new_lines_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = make(path)
    log.append(Line("login", "ok", actor="before"))
    lines = auditfile.follow(path)
    assert next(lines) is None
    log.append(Line("login", "ok", actor="first"))
    assert '"first"' in (next(lines) or "")
    assert next(lines) is None
    path.rename(tmp_path / "audit.jsonl.1")
    log.append(Line("login", "ok", actor="second"))
    found = [line for line in (next(lines), next(lines)) if line]
    assert len(found) == 1
    assert '"second"' in found[0]
    lines.close()  # type: ignore[attr-defined]
    asyncio.run(log.close())
