"""What the Secrets of an installation hold, and how each value is made from those before it.

A value that is there stays, whatever it is. Values that only make sense together are made together;
where only some of them are there, a person has to decide.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authserver import keyfiles, people, serversecret
from authserver.bootstrap.certificates import Pair, belong_together, issue, new_authority

Found: TypeAlias = Mapping[str, Mapping[str, bytes]]
"""What is there already, by Secret and key; without empty values."""

AUTHORITY: Final = "leviathan-ca"
AUTH_TLS: Final = "leviathan-auth-tls"
AUTH_KEYS: Final = "leviathan-auth-keys"
SETUP: Final = "leviathan-setup"
SESSION_REDIS: Final = "leviathan-session-redis"
REDIS: Final = "leviathan-redis"
AUTH_REDIS_CLIENT: Final = "leviathan-auth-redis"
CONSOLE_REDIS_CLIENT: Final = "leviathan-console-redis"
DATA_REDIS_CLIENT: Final = "leviathan-data-redis"

_PASSWORD_BYTES: Final = 32

SNAPSHOT_RIGHTS: Final = "~leviathan:snapshot:* +set +del +getrange"
DATA_RIGHTS: Final = "~leviathan:data:* +@all -@admin -@dangerous"
PROBE_RIGHTS: Final = "+ping +info"
SESSION_RIGHTS: Final = (
    "~leviathan-auth:* +ping +info +evalsha +script|load +exists +del +get +set +incr "
    "+pexpire +pexpireat +pexpiretime +hget +hmget +hset +hincrby +sadd +srem +smembers "
    "+scard +zadd +zrem +zcard +zrange +zrangebyscore +zrevrangebyscore +zremrangebyscore "
    "+xadd +xlen +xrange +xrevrange +xtrim +memory|usage"
)
"""What docs/auth-server.md lists."""


NOBODY: Final = "user default off ~* &* +@all"
"""The user of whoever has not said who they are: off, so nobody can be it, but not without rights.

A Redis that starts reads its append-only file as this user, and of transactions, which scripts are
there, it leaves out what the user may not do: the data would be gone, with two lines in the log.
"""


class Contradiction(Exception):
    """Values that are there do not fit each other; the text names them and the way out."""


@dataclass(frozen=True)
class RedisUser:
    """A user of a Redis: the Secret that holds the password, and what the user may do."""

    name: str
    secret: str
    rights: str
    password_key: str = "password"  # noqa: S105 - the name of a key


@dataclass(frozen=True)
class Part:
    """Values of one Secret that are made together.

    `is_there` says whether they are, `make` makes them from what is there, and `check` raises
    Contradiction for those that are there and do not fit.
    """

    secret: str
    is_there: Callable[[Mapping[str, bytes]], bool]
    make: Callable[[Found], dict[str, bytes]]
    check: Callable[[Found], None] = lambda found: None


@dataclass(frozen=True)
class Installation:
    """What differs between installations: the namespace, and where the auth server is reached."""

    namespace: str
    auth_hosts: Sequence[str] = ()

    def hosts_of(self, service: str) -> list[str]:
        """Return the DNS names of a Service, shortest first."""
        inside = f"{service}.{self.namespace}"
        return [service, inside, f"{inside}.svc", f"{inside}.svc.cluster.local"]


def parts_of(installation: Installation) -> list[Part]:
    """Return all that an installation needs, each part after those that it is made from."""
    auth_hosts = [*installation.hosts_of("leviathan-auth"), "localhost", "127.0.0.1", "::1"]
    auth_hosts += installation.auth_hosts
    return [
        _authority(),
        # The auth server's pods wait for `secret`, and then find the signing key as well.
        Part(AUTH_KEYS, lambda there: any(key.endswith(".pem") for key in there), _signing_key),
        _single(
            AUTH_KEYS, "secret", lambda: base64.b64encode(secrets.token_bytes(serversecret.SIZE))
        ),
        _single(SETUP, "code", people.new_setup_code),
        *_client(AUTH_REDIS_CLIENT, "leviathan-auth"),
        *_client(CONSOLE_REDIS_CLIENT, "leviathan-console"),
        *_client(DATA_REDIS_CLIENT, "leviathan-data"),
        *_redis(
            installation, SESSION_REDIS, [RedisUser("auth", AUTH_REDIS_CLIENT, SESSION_RIGHTS)]
        ),
        *_redis(
            installation,
            REDIS,
            [
                RedisUser("console", CONSOLE_REDIS_CLIENT, SNAPSHOT_RIGHTS),
                RedisUser("data", DATA_REDIS_CLIENT, DATA_RIGHTS),
            ],
        ),
        _certificate(AUTH_TLS, "leviathan-auth", list(dict.fromkeys(auth_hosts))),
    ]


def _single(secret: str, key: str, make: Callable[[], bytes | str]) -> Part:
    def made(_found: Found) -> dict[str, bytes]:
        value = make()
        return {key: value.encode() if isinstance(value, str) else value}

    return Part(secret, lambda there: key in there, made)


def _password(secret: str, key: str = "password") -> Part:
    return _single(secret, key, lambda: secrets.token_urlsafe(_PASSWORD_BYTES))


def _authority() -> Part:
    def make(_found: Found) -> dict[str, bytes]:
        pair = new_authority("leviathan development authority")
        return {"ca.crt": pair.certificate, "ca.key": pair.key}

    return Part(AUTHORITY, _all_or_none(AUTHORITY, "ca.crt", "ca.key"), make)


def _certificate(secret: str, name: str, hosts: Sequence[str] = ()) -> Part:
    """A certificate with its key, and the authority beside it, so that nothing else is mounted."""

    def make(found: Found) -> dict[str, bytes]:
        authority = _pair(found[AUTHORITY], "ca")
        pair = issue(authority, name, hosts)
        return {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.certificate}

    def check(found: Found) -> None:
        own = found[secret]
        if not belong_together(_pair(own, "tls"), found[AUTHORITY]["ca.crt"]):
            raise Contradiction(
                f"Secret {secret}: tls.crt is not of the authority in {AUTHORITY}, or not of"
                f" tls.key; delete tls.crt, tls.key and ca.crt of {secret} to have them made anew"
            )

    return Part(secret, _all_or_none(secret, "tls.crt", "tls.key", "ca.crt"), make, check)


def _client(secret: str, name: str) -> list[Part]:
    return [_password(secret), _certificate(secret, name)]


def _redis(installation: Installation, service: str, users: Sequence[RedisUser]) -> list[Part]:
    probe = RedisUser("probe", service, PROBE_RIGHTS, "probe-password")
    everybody = [*users, probe]

    def make(found: Found) -> dict[str, bytes]:
        lines = [NOBODY]
        lines += [_acl_line(user, found) for user in everybody]
        return {"users.acl": "\n".join(lines).encode() + b"\n"}

    def check(found: Found) -> None:
        acl = found[service]["users.acl"].decode(errors="replace")
        for user in everybody:
            if _digest(user, found) not in acl:
                raise Contradiction(
                    f"Secret {service}: users.acl has another password for {user.name} than"
                    f" {user.password_key} of {user.secret}; delete users.acl to have it made anew"
                )

    return [
        _password(service, probe.password_key),
        _certificate(service, service, installation.hosts_of(service)),
        Part(service, lambda there: "users.acl" in there, make, check),
    ]


def _acl_line(user: RedisUser, found: Found) -> str:
    return f"user {user.name} on {_digest(user, found)} resetchannels -@all {user.rights}"


def _digest(user: RedisUser, found: Found) -> str:
    """Return the password as Redis keeps it (https://redis.io/docs/latest/commands/acl-setuser/)."""
    return "#" + hashlib.sha256(found[user.secret][user.password_key].strip()).hexdigest()


def _signing_key(_found: Found) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {f"{int(time.time())}.{keyfiles.thumbprint(key.public_key())}.pem": pem}


def _all_or_none(secret: str, *keys: str) -> Callable[[Mapping[str, bytes]], bool]:
    def is_there(there: Mapping[str, bytes]) -> bool:
        missing = [key for key in keys if key not in there]
        if missing and len(missing) < len(keys):
            rest = ", ".join(key for key in keys if key in there)
            raise Contradiction(
                f"Secret {secret}: {', '.join(missing)} is missing beside {rest}; put it back, or"
                f" delete {rest} too to have all of them made anew"
            )
        return not missing

    return is_there


def _pair(secret: Mapping[str, bytes], name: str) -> Pair:
    return Pair(secret[f"{name}.crt"], secret[f"{name}.key"])
