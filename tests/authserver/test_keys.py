"""Signing keys: rotation, publication, files, and attack 36."""

import json
import os
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from authserver import keyfiles, keys, secretfile, serversecret
from authserver.keyfiles import KeyFileError
from authserver.keys import Keyring, KeySettings
from authserver.secretfile import InsecureFile
from authserver.service import Service
from tests.authserver.helpers import FakeClock, bearer, own_headers

DAY = 86400


@pytest.fixture
def directory(tmp_path: Path, clock: FakeClock) -> Path:
    """A key directory with a first key."""
    path = tmp_path / "keys"
    keys.initial(path, KeySettings(), int(clock.now))
    return path


def ring(directory: Path, clock: FakeClock, *, publishes: bool = True, **more: object) -> Keyring:
    settings = KeySettings(**more)  # type: ignore[arg-type]
    return Keyring(directory, settings, clock, 600, publishes=publishes)


def published(keyring: Keyring) -> set[str]:
    found = {entry["kid"] for entry in json.loads(keyring.jwks)["keys"]}
    assert found == set(keyring.keys)
    return found


def test_a_key_is_published_before_it_signs_and_kept_after(
    directory: Path, clock: FakeClock
) -> None:
    keyring = ring(directory, clock)
    first = keyring.signing_key().kid
    clock.move(30 * DAY - 1)
    keyring.reload()
    assert published(keyring) == {first}
    clock.move(1)
    keyring.reload()
    assert len(published(keyring)) == 2
    (second,) = published(keyring) - {first}
    clock.move(359)
    assert keyring.signing_key().kid == first
    clock.move(1)
    assert keyring.signing_key().kid == second
    clock.move(600 + 60)
    keyring.reload()
    assert published(keyring) == {first, second}
    clock.move(1)
    keyring.reload()
    assert published(keyring) == {second}
    assert [file.signing.kid for file in keyfiles.read_all(directory)] == [second]


async def test_tokens_live_through_a_rotation(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    clock.move(30 * DAY - 1)
    before = await own_headers(client)
    old = service.keyring.signing_key().kid
    clock.move(1)
    service.keyring.reload()
    clock.move(360)
    after = await own_headers(client)
    assert service.keyring.signing_key().kid != old
    for headers in (before, after):
        assert (await client.get("/me", headers=headers)).status_code == 200


def test_a_key_counts_as_published_only_from_a_servers_first_sight_of_it(
    directory: Path, clock: FakeClock
) -> None:
    first = ring(directory, clock).signing_key().kid
    keyfiles.generate(directory, "ES256", None)
    clock.move(10 * DAY)  # no server was running
    assert [file.not_before for file in ring(directory, clock, publishes=False).files] != []
    assert any(file.not_before is None for file in keyfiles.read_all(directory))
    keyring = ring(directory, clock)
    assert len(published(keyring)) == 2
    assert keyring.signing_key().kid == first
    clock.move(360)
    assert keyring.signing_key().kid != first


def test_two_servers_over_one_directory_rotate_once(directory: Path, clock: FakeClock) -> None:
    one, two = ring(directory, clock), ring(directory, clock)
    clock.move(31 * DAY)
    one.reload()
    two.reload()
    one.reload()
    assert published(one) == published(two)
    assert len(published(one)) == 2
    assert one.signing_key().kid == two.signing_key().kid


def test_a_clock_that_was_set_back_still_finds_a_key(directory: Path, clock: FakeClock) -> None:
    keyring = ring(directory, clock)
    clock.move(-10 * DAY)
    assert keyring.signing_key().kid in published(keyring)


def test_a_mounted_secret_is_read_and_never_written(directory: Path, clock: FakeClock) -> None:
    (first,) = published(ring(directory, clock))
    second = keyfiles.generate(directory, "ES256", int(clock.now) + 400)
    directory.chmod(0o755)
    for path in directory.glob("*.pem"):
        path.chmod(0o440)
    names = sorted(os.listdir(directory))
    keyring = ring(directory, clock, mounted=True, rotate_days=0.001)
    clock.move(5 * DAY)
    keyring.reload()
    assert published(keyring) == {second.name.split(".")[1]}
    assert first not in published(keyring)
    assert sorted(os.listdir(directory)) == names
    second.chmod(0o444)
    with pytest.raises(InsecureFile, match="defaultMode: 0440"):
        keyring.reload()
    assert published(keyring) == {second.name.split(".")[1]}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o610])
def test_a36_a_key_that_others_can_read(directory: Path, clock: FakeClock, mode: int) -> None:
    (path,) = directory.glob("*.pem")
    path.chmod(mode)
    with pytest.raises(InsecureFile, match="chmod 600"):
        ring(directory, clock)


def test_a36_a_key_directory_that_others_can_enter(directory: Path, clock: FakeClock) -> None:
    directory.chmod(0o750)
    with pytest.raises(InsecureFile, match="chmod 700"):
        ring(directory, clock)


def test_a36_the_server_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    serversecret.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        serversecret.create(path)
    first = serversecret.load(path).refresh_key
    assert serversecret.load(path).refresh_key == first
    path.chmod(0o640)
    with pytest.raises(InsecureFile):
        serversecret.load(path)
    path.chmod(0o600)
    for content in (b"", b"c2hvcnQ=", b"!!", b"A" * (secretfile.LARGEST + 1)):
        path.write_bytes(content)
        with pytest.raises(InsecureFile):
            serversecret.load(path)
    with pytest.raises(InsecureFile, match="No such file"):
        serversecret.load(tmp_path / "missing")
    assert sorted(os.listdir(tmp_path)) == ["secret"]  # no drafts are left behind


def test_new_files_are_for_the_owner_alone(directory: Path) -> None:
    (path,) = directory.glob("*.pem")
    assert path.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_file_that_is_no_key_of_ours(directory: Path, clock: FakeClock) -> None:
    (good,) = directory.glob("*.pem")
    kid = good.name.split(".")[1]
    p384 = ec.generate_private_key(ec.SECP384R1())
    edwards = ed25519.Ed25519PrivateKey.generate()
    formats = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (
        b"no PEM",
        p384.private_bytes(*formats),
        edwards.private_bytes(*formats),
        ec.generate_private_key(ec.SECP256R1()).private_bytes(*formats),
    ):
        secretfile.write_new(directory / f"5.{kid}.pem", content)
        with pytest.raises(KeyFileError):
            ring(directory, clock)
        (directory / f"5.{kid}.pem").unlink()
    good.unlink()
    with pytest.raises(KeyFileError, match="holds no signing key"):
        ring(directory, clock)
    (directory / "notes.txt").write_text("other files are left alone")
    keyfiles.generate(directory, "RS256", 5)
    assert ring(directory, clock).signing_key().algorithm == "RS256"


async def test_discovery_and_keys_may_be_cached_for_five_minutes(
    service: Service, client: httpx.AsyncClient
) -> None:
    discovery = await client.get("/.well-known/openid-configuration")
    document = discovery.json()
    assert document["issuer"] == service.settings.issuer
    assert document["jwks_uri"] == f"{service.settings.issuer}/jwks"
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]
    jwks = await client.get("/jwks")
    for answer in (discovery, jwks):
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.headers["content-type"] == "application/json"
    (entry,) = jwks.json()["keys"]
    assert set(entry) == {"kid", "use", "alg", "kty", "crv", "x", "y"}
    assert len(entry["x"]) == len(entry["y"]) == 43


async def test_the_key_set_knows_nothing_private(
    service: Service, client: httpx.AsyncClient
) -> None:
    number = service.keyring.signing_key().key.private_numbers()
    assert isinstance(number, ec.EllipticCurvePrivateNumbers)
    private = keyfiles._base64url(number.private_value)
    assert private not in (await client.get("/jwks")).text
    headers = bearer(private)
    assert (await client.get("/me", headers=headers)).status_code == 401
