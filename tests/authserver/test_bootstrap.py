"""What a new installation's Secrets are filled with, and that nothing that is there is ever changed."""

import asyncio
import base64
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from authserver import keyfiles, serversecret
from authserver.bootstrap import contents
from authserver.bootstrap.certificates import Pair, belong_together, issue, new_authority
from authserver.bootstrap.contents import Contradiction, Installation, parts_of
from authserver.bootstrap.filling import Conflict, fill
from tests.authserver.helpers import RedisProcess, acl_rules

PLACE = Installation("leviathan", ["10.96.1.7", "auth.example"])
PARTS = parts_of(PLACE)


class Killed(Exception):
    """The Job's pod is gone."""


class Cluster:
    """Secrets in memory, each with a version; it can end whoever writes, before or after a write."""

    def __init__(self, given: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self.values = {part.secret: dict[str, bytes]() for part in PARTS}
        for name, values in (given or {}).items():
            self.values[name] |= values
        self.versions = dict.fromkeys(self.values, 1)
        self.writes = 0
        self.killed_at = -1
        self.others: dict[str, dict[str, bytes]] = {}
        """What somebody else writes to a Secret just before the next write to it."""

    async def read(self, name: str) -> tuple[str, dict[str, bytes]]:
        await asyncio.sleep(0)
        found = {key: value for key, value in self.values[name].items() if value}
        return str(self.versions[name]), found

    async def add(self, name: str, version: str, values: dict[str, bytes]) -> None:
        await asyncio.sleep(0)
        if self.writes == self.killed_at:
            raise Killed
        if other := self.others.pop(name, None):
            self.values[name] |= other
            self.versions[name] += 1
        if version != str(self.versions[name]):
            raise Conflict
        self.values[name] |= values
        self.versions[name] += 1
        self.writes += 1

    def filled(self) -> dict[str, dict[str, bytes]]:
        asyncio.run(fill(self, PARTS, lambda text: None))
        return {name: dict(values) for name, values in self.values.items()}


WHOLE = Cluster().filled()
WRITES = len(PARTS)


def test_all_that_the_manifests_mount_is_made() -> None:
    assert set(WHOLE[contents.AUTHORITY]) == {"ca.crt", "ca.key"}
    assert set(WHOLE[contents.AUTH_TLS]) == {"tls.crt", "tls.key", "ca.crt"}
    for client in (
        contents.AUTH_REDIS_CLIENT,
        contents.CONSOLE_REDIS_CLIENT,
        contents.DATA_REDIS_CLIENT,
    ):
        assert set(WHOLE[client]) == {"password", "tls.crt", "tls.key", "ca.crt"}
    for server in (contents.SESSION_REDIS, contents.REDIS):
        wanted = {"users.acl", "probe-password", "tls.crt", "tls.key", "ca.crt"}
        assert set(WHOLE[server]) == wanted
    assert set(WHOLE[contents.SETUP]) == {"code"}


def test_a_second_run_changes_nothing() -> None:
    again = Cluster(WHOLE)
    assert again.filled() == WHOLE
    assert again.writes == 0


@pytest.mark.parametrize("writes", range(WRITES))
def test_killed_at_any_point_the_next_run_goes_on(writes: int) -> None:
    cluster = Cluster()
    cluster.killed_at = writes
    with pytest.raises(Killed):
        cluster.filled()
    before = {name: dict(values) for name, values in cluster.values.items()}
    cluster.killed_at = -1
    after = cluster.filled()
    assert {name: set(values) for name, values in after.items()}.keys() == WHOLE.keys()
    for name, values in before.items():
        assert after[name] | values == after[name], f"{name} was changed"
    assert cluster.writes == WRITES


def test_two_at_once_make_one_installation() -> None:
    cluster = Cluster()

    async def both() -> None:
        runs = (fill(cluster, PARTS, lambda text: None) for _ in range(2))
        await asyncio.gather(*runs)

    asyncio.run(both())
    assert cluster.writes == WRITES
    assert Cluster(cluster.values).filled() == cluster.values


def test_what_somebody_else_writes_meanwhile_stays() -> None:
    cluster = Cluster()
    cluster.others[contents.SETUP] = {"code": b"setup-of-somebody-else-entirely"}
    assert cluster.filled()[contents.SETUP] == {"code": b"setup-of-somebody-else-entirely"}


def test_an_empty_value_is_a_missing_one() -> None:
    cluster = Cluster({contents.SETUP: {"code": b""}})
    assert len(cluster.filled()[contents.SETUP]["code"]) > 20


ALL_KEYS = sorted((name, key) for name, values in WHOLE.items() for key in values)


@given(st.sets(st.sampled_from(ALL_KEYS)))
def test_whatever_is_taken_away_what_is_left_stays(gone: set[tuple[str, str]]) -> None:
    """Either the rest is made anew around it, or a sentence says what does not fit."""
    left = {
        name: {key: value for key, value in values.items() if (name, key) not in gone}
        for name, values in WHOLE.items()
    }
    cluster = Cluster(left)
    try:
        after = cluster.filled()
    except Contradiction:
        after = cluster.values
    for name, values in left.items():
        assert after[name] | values == after[name]


def test_passwords_that_differ_are_said_and_not_changed() -> None:
    changed = {**WHOLE, contents.CONSOLE_REDIS_CLIENT: {**WHOLE[contents.CONSOLE_REDIS_CLIENT]}}
    changed[contents.CONSOLE_REDIS_CLIENT]["password"] = b"another"
    with pytest.raises(Contradiction, match=r"another password for console.*delete users\.acl"):
        Cluster(changed).filled()


def test_a_certificate_of_another_authority_is_said() -> None:
    changed = {**WHOLE, contents.AUTHORITY: {}}
    with pytest.raises(Contradiction, match="not of the authority in leviathan-ca"):
        Cluster(changed).filled()


def test_a_half_of_what_belongs_together_is_said() -> None:
    half = {**WHOLE[contents.AUTH_TLS]}
    del half["tls.key"]
    with pytest.raises(Contradiction, match=r"tls\.key is missing beside tls\.crt"):
        Cluster({**WHOLE, contents.AUTH_TLS: half}).filled()


def test_the_certificate_names_all_ways_to_the_auth_server() -> None:
    certificate = x509.load_pem_x509_certificate(WHOLE[contents.AUTH_TLS]["tls.crt"])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {
        *("leviathan-auth", "leviathan-auth.leviathan", "leviathan-auth.leviathan.svc"),
        *("leviathan-auth.leviathan.svc.cluster.local", "localhost", "auth.example"),
    }
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "10.96.1.7"}


def test_the_certificates_stand_before_a_strict_client(tmp_path: Path) -> None:
    """Python 3.13 wants all that RFC 5280 asks of an authority and what it signs."""
    authority = new_authority("test")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    pair = issue(authority, "server", ["localhost"])
    (tmp_path / "pair.pem").write_bytes(pair.certificate + pair.key)
    client = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "pair.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    here = server.wrap_bio(to_server, to_client, server_side=True)
    finished = set[object]()
    while len(finished) < 2:
        for side in (there, here):
            try:
                side.do_handshake()
                finished.add(side)
            except ssl.SSLWantReadError:
                continue
    assert there.getpeercert()


def test_a_certificate_with_another_key_is_noticed() -> None:
    authority = new_authority("test")
    one, other = issue(authority, "one"), issue(authority, "other")
    assert belong_together(one, authority.certificate)
    assert not belong_together(Pair(one.certificate, other.key), authority.certificate)
    assert not belong_together(one, new_authority("test").certificate)
    assert not belong_together(Pair(b"nonsense", one.key), authority.certificate)


def test_the_auth_server_reads_its_keys_and_secret(tmp_path: Path) -> None:
    for name, value in WHOLE[contents.AUTH_KEYS].items():
        (tmp_path / name).write_bytes(value)
        (tmp_path / name).chmod(0o440)
    (key,) = keyfiles.read_all(tmp_path, mounted=True)
    assert key.not_before is not None
    assert len(base64.b64decode(WHOLE[contents.AUTH_KEYS]["secret"])) == serversecret.SIZE
    serversecret.load(tmp_path / "secret", mounted=True)


def test_redis_takes_the_users_and_holds_them_to_their_rights() -> None:
    # The socket's path has to be a short one.
    with tempfile.TemporaryDirectory() as folder:
        server = RedisProcess(Path(folder))
        try:
            _check_users(server)
        finally:
            server.close()


def test_what_was_written_by_a_script_is_there_after_a_restart() -> None:
    """A Redis that reads its file leaves out what its default user may not do in a transaction."""
    with tempfile.TemporaryDirectory() as folder:
        acl = Path(folder) / "users.acl"
        acl.write_bytes(WHOLE[contents.SESSION_REDIS]["users.acl"])
        password = WHOLE[contents.AUTH_REDIS_CLIENT]["password"].decode()
        server = RedisProcess(Path(folder), "--aclfile", str(acl), credentials=("auth", password))
        try:
            with server.client() as client:
                script = "for i = 1, 3 do redis.call('SET', KEYS[i], i) end"
                names = [f"leviathan-auth:{number}" for number in range(3)]
                client.evalsha(client.script_load(script), 3, *names)
            server.kill()
            server.start()
            with server.client() as client:
                assert [client.get(name) for name in names] == [b"1", b"2", b"3"]
            with pytest.raises((AuthenticationError, ResponseError)):
                Redis(unix_socket_path=str(server.socket)).get(names[0])
        finally:
            server.close()


def test_the_auth_servers_rights_are_those_of_the_documentation() -> None:
    assert contents.SESSION_RIGHTS.split() == acl_rules()


def _check_users(server: RedisProcess) -> None:
    default, *others = WHOLE[contents.REDIS]["users.acl"].decode().splitlines()
    administrator = server.client()
    for line in (*others, default):
        administrator.execute_command("ACL", "SETUSER", *line.split()[1:])  # type: ignore[no-untyped-call]
    password = WHOLE[contents.CONSOLE_REDIS_CLIENT]["password"].decode()
    console = _as(server, "console", password)
    assert console.set("leviathan:snapshot:one", "x", ex=60)
    assert console.getrange("leviathan:snapshot:one", 0, 10) == b"x"
    for forbidden in (
        lambda: console.set("leviathan:data:one", "x"),
        lambda: console.keys("*"),
        lambda: console.get("leviathan:snapshot:one"),
        lambda: console.config_get("*"),
    ):
        with pytest.raises(NoPermissionError):
            forbidden()
    probe = _as(server, "probe", WHOLE[contents.REDIS]["probe-password"].decode())
    assert probe.ping()
    with pytest.raises(NoPermissionError):
        probe.get("leviathan:snapshot:one")
    with pytest.raises((AuthenticationError, ResponseError)):
        server.client().set("leviathan:snapshot:one", "x")


def _as(server: RedisProcess, name: str, password: str) -> Redis:
    return Redis(unix_socket_path=str(server.socket), username=name, password=password)
