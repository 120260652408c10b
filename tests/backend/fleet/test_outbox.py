"""What waits to be read: in order, numbered without a gap, and no more than still matters."""

import asyncio
import random
from collections.abc import Iterator

import msgspec
import pytest

from leviathan_tui.backend.fleet.connection import Connection
from leviathan_tui.backend.fleet.messages import (
    Delete,
    Malformed,
    Message,
    Phase,
    Problem,
    Proof,
    Reset,
    Scope,
    State,
    Upsert,
    Usage,
)
from leviathan_tui.backend.fleet.outbox import MOST, Outbox
from leviathan_tui.backend.fleet.records import Namespace

NAMESPACES = ("shop", "edge")


class Fleet:
    """Objects that come, change and go, and what is told of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, chance: random.Random) -> None:
        self.chance = chance
        self.living: dict[str, Namespace] = {}
        self.outbox = Outbox(loop, lambda: None, lambda: set(self.living))
        self.told: list[Message] = []
        """Everything that was posted."""
        self._next = 0

    def post(self, message: Message) -> None:
        self.told.append(message)
        self.outbox.post(lambda number: msgspec.structs.replace(message, number=number))

    def step(self, most: int) -> None:
        """Let something become of an object; there are about `most`."""
        chance = self.chance.random()
        if not self.living or (len(self.living) < most and chance < 0.4):
            self._next += 1
            name = f"n{self._next}"
        else:
            name = self.chance.choice(list(self.living))
            if chance > 0.7:
                scope = Scope("Pod", self.living[name].namespace)
                self.post(Delete(number=0, scope=scope, uids=[name]))
                del self.living[name]
                return
        space = NAMESPACES[len(name) % 2]
        record = Namespace(uid=name, namespace=space, name=name, created=len(self.told))
        self.living[name] = record
        self.post(Upsert(number=0, scope=Scope("Pod", space), records=[record]))

    def reset(self, namespace: str) -> None:
        """Tell that a namespace is not watched any more."""
        for name in [one.name for one in self.living.values() if one.namespace == namespace]:
            del self.living[name]
        self.post(Reset(number=0, scope=Scope("Pod", namespace)))


class Reader:
    """What somebody knows who has read messages."""

    def __init__(self) -> None:
        self.objects: dict[str, Namespace] = {}
        self.connection = Connection()
        self.malformed = 0
        self.usage: object = None
        self.numbers: list[int] = []

    def read(self, messages: list[Message]) -> None:
        for one in messages:
            self.numbers.append(one.number)
            match one:
                case Upsert():
                    self.objects |= {record.uid: record for record in one.records}
                case Delete():
                    for uid in one.uids:
                        self.objects.pop(uid, None)
                case Reset():
                    self.connection.forget(one.scope)
                    space = one.scope.namespace
                    left = {uid: r for uid, r in self.objects.items() if r.namespace != space}
                    self.objects = left
                case State():
                    self.connection.update(one)
                case Proof():
                    self.connection.prove(one)
                case Malformed():
                    self.malformed += one.count
                case Usage():
                    self.usage = one.pods


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("seed", range(4))
def test_what_nobody_reads_is_bounded_by_what_there_is(
    loop: asyncio.AbstractEventLoop, seed: int
) -> None:
    fleet, reader = Fleet(loop, random.Random(seed)), Reader()  # noqa: S311 - no secret
    for _ in range(500):
        fleet.step(300)
    reader.read(fleet.outbox.drain())
    most = 0
    for turn in range(12 * MOST):
        fleet.step(300)
        if turn % 100 == 0:
            most = max(most, fleet.outbox.weight)
    assert most <= MOST
    waiting = fleet.outbox.drain()
    assert len(waiting) <= MOST
    reader.read(waiting)
    assert reader.objects == fleet.living
    assert reader.numbers == list(range(1, len(reader.numbers) + 1))


@pytest.mark.parametrize("seed", range(8))
def test_a_reader_that_comes_late_knows_what_one_knows_that_read_everything(
    loop: asyncio.AbstractEventLoop, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.fleet.outbox.MOST", 40)
    chance = random.Random(seed)  # noqa: S311 - no secret
    fleet, reader, constant = Fleet(loop, chance), Reader(), Reader()
    scopes = [Scope("Pod", namespace) for namespace in NAMESPACES]
    for turn in range(4_000):
        what, scope = chance.random(), chance.choice(scopes)
        if what < 0.9:
            fleet.step(30)
        elif what < 0.96:
            problem = Problem("away")
            phase = chance.choice(list(Phase))
            fleet.post(State(number=0, scope=scope, phase=phase, at=turn, problem=problem))
        elif what < 0.97:
            fleet.post(Proof(number=0, scope=scope, at=turn))
        elif what < 0.98:
            fleet.post(Malformed(number=0, scope=scope, count=2))
        elif what < 0.985:
            fleet.reset(scope.namespace)
        else:
            usage = {("shop", f"n{turn}"): (turn, 1)}
            fleet.post(Usage(number=0, scope=scope, pods=usage))
        if chance.random() < 0.005:
            # Now and then all of it is read, or the beginning.
            reader.read(fleet.outbox.drain(chance.choice((0, 7))))
    reader.read(fleet.outbox.drain())
    constant.read(fleet.told)
    assert reader.objects == constant.objects == fleet.living
    assert reader.malformed == constant.malformed
    assert reader.usage == constant.usage
    assert len(reader.numbers) < len(fleet.told) / 2
    assert reader.numbers == list(range(1, len(reader.numbers) + 1))
    for now in (4_000.0, 4_030.0, 4_200.0):
        assert reader.connection.status(now) == constant.connection.status(now)
        for namespace in ("", *NAMESPACES):
            for ask in (reader.connection.seen, reader.connection.listed_at):
                other = getattr(constant.connection, ask.__name__)
                assert ask("Pod", namespace, now) == other("Pod", namespace, now)
