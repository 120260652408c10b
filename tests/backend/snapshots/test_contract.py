"""What holds for every backend, in files and on a real redis-server (attacks 41 to 43)."""

import pickle
import zlib
from pathlib import Path
from threading import Event

import msgspec
import pytest

from leviathan_tui.backend.fleet.archive import Remembered
from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.fleet.records import Workload
from leviathan_tui.backend.snapshots import entries
from leviathan_tui.backend.snapshots.entries import Head, pack, schema_of
from leviathan_tui.backend.snapshots.keeper import DAMAGED, Snapshots
from leviathan_tui.backend.snapshots.sealing import Identity, Vault
from tests.backend.snapshots.conftest import (
    PODS,
    TIMEOUT,
    Store,
    make_identity,
    make_pods,
    make_target,
)

NOW = 1_700_000_000.0


def archive_on(
    store: Store, identity: Identity | None = None, server: str = "https://one.example"
) -> Snapshots:
    who = identity or make_identity()
    return Snapshots(make_target(server), store.backend, lambda: who, lambda: NOW)


def load(archive: Snapshots, scope: Scope = PODS) -> Remembered | None:
    return archive.load(scope).result(TIMEOUT)


def test_what_is_saved_comes_back(store: Store) -> None:
    pods = make_pods(1_234)
    first = archive_on(store)
    first.save(PODS, Remembered(NOW, "78", list(pods)))
    first.close()
    found = load(archive_on(store))
    assert found == Remembered(NOW, "78", list(pods))


def test_what_was_never_saved_is_a_miss_without_a_mark(store: Store) -> None:
    archive = archive_on(store)
    assert load(archive) is None
    assert archive.trouble == ""


def test_each_kind_and_namespace_is_an_entry_of_its_own(store: Store) -> None:
    archive = archive_on(store)
    app = Workload(uid="a", namespace="shop", name="web", created=1, kind="Deployment")
    archive.save(Scope("Deployment"), Remembered(NOW, "1", [app]))
    archive.save(Scope("Pod", "shop"), Remembered(NOW, "1", list(make_pods(2))))
    archive.save(Scope("Pod", "data"), Remembered(NOW, "1", list(make_pods(3, "data"))))
    assert load(archive) is None
    shop, data = load(archive, Scope("Pod", "shop")), load(archive, Scope("Pod", "data"))
    assert shop is not None
    assert data is not None
    assert (len(shop.records), len(data.records)) == (2, 3)
    assert len(store.names()) == 3


@pytest.mark.parametrize(
    "other",
    [
        make_identity("issuer", "bob", "viewers"),
        make_identity("issuer", "ada", "admins", "viewers"),
        make_identity("other", "ada", "viewers"),
        make_identity(secret=b"x" * 32),
    ],
    ids=["another user", "other groups", "another issuer", "another key"],
)
def test_another_identity_has_a_miss(store: Store, other: Identity) -> None:
    first = archive_on(store)
    first.save(PODS, Remembered(NOW, "1", list(make_pods(3))))
    assert load(first) is not None
    assert load(archive_on(store, other)) is None
    assert load(first) is not None


def test_another_cluster_has_a_miss(store: Store) -> None:
    first = archive_on(store)
    first.save(PODS, Remembered(NOW, "1", list(make_pods(3))))
    assert load(archive_on(store, server="https://two.example")) is None
    other_ca = make_target(certificate_authority_data="b3RoZXI=")
    assert load(Snapshots(other_ca, store.backend, make_identity, lambda: NOW)) is None


def test_nothing_readable_lies_in_the_store(store: Store) -> None:
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(50))))
    load(archive)
    (name,) = store.names()
    assert b"web-" not in store.read(name)
    assert "Pod" not in name


@pytest.mark.parametrize("what", ["pickle", "empty", "cut", "flipped head", "flipped body", "zip"])
def test_a_planted_or_damaged_entry_is_a_marked_miss_and_deleted(
    store: Store, what: str, tmp_path: Path
) -> None:
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(50))))
    assert load(archive) is not None
    (name,) = store.names()
    good = store.read(name)
    proof = tmp_path / "executed"

    class Planted:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (proof,))

    store.write(
        name,
        {
            "pickle": pickle.dumps(Planted()),
            "empty": b"\0",
            "cut": good[:-40],
            "flipped head": good[:30] + bytes([good[30] ^ 1]) + good[31:],
            "flipped body": good[:-5] + bytes([good[-5] ^ 1]) + good[-4:],
            "zip": zlib.compress(bytes(1_000_000)),
        }[what],
    )
    again = archive_on(store)
    assert load(again) is None
    assert again.trouble == DAMAGED
    assert store.names() == []
    assert not proof.exists()


def test_an_entry_moved_to_another_name_is_a_miss(store: Store) -> None:
    archive = archive_on(store)
    archive.save(Scope("Pod", "shop"), Remembered(NOW, "1", list(make_pods(5))))
    load(archive)
    (name,) = store.names()
    moved = Vault(make_target(), make_identity()).name(Scope("Pod", "data"))
    store.write(moved, store.read(name))
    assert load(archive, Scope("Pod", "data")) is None
    assert store.names() == [name]


def test_a_body_sealed_under_another_head_is_a_miss(store: Store) -> None:
    """Otherwise an old list could be shown as a new one."""
    vault = Vault(make_target(), make_identity())
    name = vault.name(PODS)
    schema = schema_of("Pod")
    old = vault.seal(name, Head(schema, NOW - 9_000, "1", 2), pack(list(make_pods(2))))
    new = vault.seal(name, Head(schema, NOW, "2", 2), pack(list(make_pods(2))))
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW, "1", []))
    load(archive)
    _, begin_old = vault.head(name, old)
    _, begin_new = vault.head(name, new)
    store.write(name, new[:begin_new] + old[begin_old:])
    assert load(archive) is None


def test_a_foreign_schema_under_the_right_seal_is_a_miss(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the real limit lets through takes seconds to unpack.
    monkeypatch.setattr(entries, "MOST_BYTES", 1024 * 1024)
    vault = Vault(make_target(), make_identity())
    name = vault.name(PODS)
    archive = archive_on(store)
    for schema, body in (
        ("older", pack(list(make_pods(1)))),
        (schema_of("Pod"), pack([{"uid": 1}])),
        (schema_of("Pod"), zlib.compress(b"\0\0\0\x05nope")),
        (schema_of("Pod"), zlib.compress(bytes(entries.MOST_BYTES + 1))),
        (schema_of("Pod"), pack([])),
    ):
        archive.save(PODS, Remembered(NOW - 9, "1", []))
        load(archive)
        store.write(name, vault.seal(name, Head(schema, NOW, "1", 1), body))
        assert load(archive) is None
        assert store.names() == []


def test_an_older_snapshot_never_replaces_a_newer_one(store: Store) -> None:
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW, "100", list(make_pods(2))))
    archive.save(PODS, Remembered(NOW - 5, "90", list(make_pods(9))))
    found = load(archive)
    assert found is not None
    assert found.version == "100"


def test_a_clock_that_is_ahead_does_not_keep_others_from_saving(store: Store) -> None:
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW + 3_600, "100", list(make_pods(2))))
    archive.save(PODS, Remembered(NOW, "101", list(make_pods(3))))
    found = load(archive)
    assert found is not None
    assert found.version == "101"


def test_a_restored_cluster_counts_from_an_older_version_again(store: Store) -> None:
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW - 60, "9000", list(make_pods(2))))
    archive.save(PODS, Remembered(NOW, "12", list(make_pods(3))))
    found = load(archive)
    assert found is not None
    assert found.version == "12"


def test_one_that_is_too_old_is_a_miss(store: Store) -> None:
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW - 8 * 24 * 3600, "1", list(make_pods(2))))
    assert load(archive) is None


def test_a_forgotten_one_is_gone(store: Store) -> None:
    archive = archive_on(store)
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    archive.forget(PODS)
    assert load(archive) is None
    assert store.names() == []


def test_nothing_is_kept_for_nobody_nor_after_somebody_else_came(store: Store) -> None:
    who: list[Identity | None] = [None]
    archive = Snapshots(make_target(), store.backend, lambda: who[0], lambda: NOW)
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert load(archive) is None
    who[0] = make_identity("issuer", "ada")
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert load(archive) is not None
    (name,) = store.names()
    who[0] = make_identity("issuer", "bob")
    # What the store holds may still be Ada's.
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert load(archive) is None
    assert store.names() == [name]
    archive.rebind()
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert load(archive) is not None
    assert len(store.names()) == 2


def test_what_was_handed_over_before_a_change_of_identity_is_not_saved_after_it(
    store: Store,
) -> None:
    begun, go_on = Event(), Event()

    def identify() -> Identity:
        begun.set()
        assert go_on.wait(TIMEOUT)
        return make_identity("issuer", "bob")

    archive = Snapshots(make_target(), store.backend, identify, lambda: NOW)
    first = archive.load(PODS)
    assert begun.wait(TIMEOUT)
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    archive.rebind()
    go_on.set()
    assert first.result(TIMEOUT) is None
    assert load(archive) is None
    assert store.names() == []


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap", "Event", "Service"])
def test_kinds_with_contents_are_never_kept(store: Store, kind: str) -> None:
    archive = archive_on(store)
    archive.save(Scope(kind), Remembered(NOW, "1", []))
    assert load(archive, Scope(kind)) is None
    assert store.names() == []


def test_no_record_has_room_for_a_value_of_the_environment() -> None:
    for struct in entries.RECORDS.values():
        for field in msgspec.structs.fields(struct):
            assert not any(word in field.name for word in ("env", "secret", "data", "args"))
