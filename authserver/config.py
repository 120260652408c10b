"""The server's settings: a YAML file, changed by `LEVIATHAN_AUTH_…` variables, checked as a whole.

A variable names a key with two underscores for each step down:
`LEVIATHAN_AUTH_LISTEN__PORT=8443` sets `listen.port`. Its value is read as YAML. Passwords are never
settings: those of Redis come from files.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Meta

from authserver.addresses import Proxies, is_loopback
from authserver.keys import KeySettings
from authserver.names import is_name
from authserver.passwords import PasswordSettings
from authserver.tokens import LONGEST_LIFE

PREFIX: Final = "LEVIATHAN_AUTH_"
DEFAULT_PATH: Final = "/etc/leviathan-auth/config.yaml"
OWN_AUDIENCE: Final = "leviathan-auth"
"""The audience of tokens for this server's own routes; every user may ask for it."""

_LARGEST_FILE: Final = 1 << 20


class ConfigError(Exception):
    """The configuration cannot be used; the text says which key and why."""


class Audience(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cluster or service that tokens are made for. Without groups everybody may have one."""

    groups: tuple[str, ...] | None = None


class ListenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server listens. Off loopback it needs a certificate or a proxy that has one."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8443
    certificate: str | None = None
    private_key: str | None = None
    ca_file: str | None = None
    behind_tls_proxy: bool = False
    trusted_proxies: tuple[str, ...] = ()
    max_connections: Annotated[int, Meta(ge=1)] = 2000
    body_seconds: Annotated[float, Meta(gt=0)] = 10.0


class TokenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long tokens and sessions live, and how many tokens a session or an API key gets."""

    access_seconds: Annotated[int, Meta(ge=60, le=LONGEST_LIFE)] = 600
    session_days: Annotated[float, Meta(gt=0, le=365)] = 30.0
    idle_days: Annotated[float, Meta(gt=0, le=365)] = 7.0
    sessions_per_user: Annotated[int, Meta(ge=1, le=1000)] = 50
    per_minute: Annotated[int, Meta(ge=1)] = 120


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Redis server, who we are there, and what all our keys begin with."""

    url: str | None = None
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    prefix: str = "leviathan-auth:"


class StoreSettings(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """A place to keep users or sessions in."""

    backend: Literal["sqlite", "redis"] = "sqlite"
    path: str = "auth.db"


class JournalSettings(StoreSettings, frozen=True, forbid_unknown_fields=True):
    """Where the team's journal is kept, for how long, and who sees what of it.

    Everybody sees their own entries. `members` are the groups that see the others' too, all users if
    it is left out; `readers` are those that also see what was before and after. `percent` is the
    share of the memory of Redis.
    """

    path: str = "journal.db"
    readers: tuple[str, ...] = ("admins",)
    members: tuple[str, ...] | None = None
    keep_days: Annotated[float, Meta(gt=0, le=3660)] = 400.0
    keep_entries: Annotated[int, Meta(ge=1)] = 50_000
    percent: Annotated[int, Meta(ge=1, le=60)] = 40
    per_minute: Annotated[int, Meta(ge=1)] = 1200
    bytes_per_minute: Annotated[int, Meta(ge=1)] = 8 << 20


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Failed attempts that are free before the waiting starts, which doubles up to `longest_wait`."""

    per_user_and_address: Annotated[int, Meta(ge=1)] = 5
    per_user_from_strangers: Annotated[int, Meta(ge=1)] = 20
    per_address: Annotated[int, Meta(ge=1)] = 50
    longest_wait: Annotated[int, Meta(ge=1)] = 300
    forget_after: Annotated[int, Meta(ge=1)] = 900


class AuditSettings(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """Where the audit log is: a file and its rotation, or Redis and the shares of its memory."""

    backend: Literal["file", "redis"] = "file"
    path: str = "audit.jsonl"
    max_bytes: Annotated[int, Meta(ge=4096)] = 10_000_000
    keep: Annotated[int, Meta(ge=1, le=1000)] = 20
    strangers_percent: Annotated[int, Meta(ge=1, le=40)] = 5
    known_percent: Annotated[int, Meta(ge=1, le=40)] = 10
    routine_percent: Annotated[int, Meta(ge=1, le=40)] = 10


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. Relative paths count from `directory`."""

    issuer: str
    directory: str = "/var/lib/leviathan-auth"
    secret_file: str = "secret"  # noqa: S105 - the name of a file
    audiences: dict[str, Audience] = {}
    setup_groups: tuple[str, ...] = ("admins",)
    setup_code_file: str | None = None
    listen: ListenSettings = ListenSettings()
    keys: KeySettings = KeySettings()
    tokens: TokenSettings = TokenSettings()
    users: StoreSettings = StoreSettings()
    sessions: StoreSettings = StoreSettings()
    journal: JournalSettings = JournalSettings()
    passwords: PasswordSettings = PasswordSettings()
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings = AuditSettings()
    development: bool = False

    def path(self, name: str) -> Path:
        """Return a file of the server as an absolute path."""
        return Path(self.directory) / name

    def audiences_for(self, groups: tuple[str, ...]) -> list[str]:
        """Return the audiences that a member of these groups may ask for, sorted."""
        allowed = {
            name
            for name, audience in self.audiences.items()
            if audience.groups is None or set(audience.groups) & set(groups)
        }
        return sorted(allowed | {OWN_AUDIENCE})

    @property
    def all_audiences(self) -> frozenset[str]:
        """Every audience that a token of ours may name."""
        return frozenset(self.audiences) | {OWN_AUDIENCE}


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file, apply the variables and check the result. Raises ConfigError."""
    tree: dict[str, object] = {}
    if path is not None:
        tree = _read(path)
    for name, text in sorted((os.environ if environment is None else environment).items()):
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG":
            _apply(tree, name, text)
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration: {error}") from None
    check(settings)
    return settings


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise ConfigError(f"{path}: is too large")
        tree = yaml.safe_load(data)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: is no mapping of settings")
    return tree


def _apply(tree: dict[str, object], name: str, text: str) -> None:
    *parents, last = name.removeprefix(PREFIX).lower().split("__")
    branch = tree
    for parent in parents:
        inner = branch.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{name}: {parent} is no group of settings")
        branch = inner
    try:
        branch[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{name}: is no YAML value") from None


def check(settings: Settings) -> None:
    """Raise ConfigError for settings that are well formed but make no safe server."""
    _check_issuer(settings)
    for name, audience in settings.audiences.items():
        if not is_name(name):
            raise ConfigError(f"audiences: “{name[:64]}” is no name")
        if name == OWN_AUDIENCE:
            raise ConfigError(f"audiences: {OWN_AUDIENCE} is this server's own")
        if not all(map(is_name, audience.groups or ())):
            raise ConfigError(f"audiences.{name}.groups: holds something that is no group name")
    if not all(map(is_name, settings.setup_groups)):
        raise ConfigError("setup_groups: holds something that is no group name")
    if not settings.passwords.meets_minimum and not settings.development:
        raise ConfigError("passwords: weaker than 19456 KiB and 2 passes needs development: true")
    _check_listen(settings.listen)
    for name, groups in (
        ("readers", settings.journal.readers),
        ("members", settings.journal.members or ()),
    ):
        if not all(map(is_name, groups)):
            raise ConfigError(f"journal.{name}: holds something that is no group name")
    for place, store in (
        ("users", settings.users),
        ("sessions", settings.sessions),
        ("journal", settings.journal),
    ):
        if store.backend == "redis":
            _check_redis(place, store, settings.development)
    if settings.audit.backend == "redis":
        _check_redis("audit", settings.audit, settings.development)


def _check_issuer(settings: Settings) -> None:
    try:
        parts = urlsplit(settings.issuer)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise ConfigError("issuer: is no URL") from None
    if parts.username is not None or parts.query or parts.fragment or "?" in settings.issuer:
        raise ConfigError("issuer: has no user, query or fragment")
    if not host or settings.issuer.endswith("/") or settings.issuer != settings.issuer.strip():
        raise ConfigError(
            "issuer: is https://host, a port and path if need be, no slash at the end"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ConfigError("issuer: http is for loopback; anything else is https")


def _check_listen(listen: ListenSettings) -> None:
    if (listen.certificate is None) != (listen.private_key is None):
        raise ConfigError("listen: certificate and private_key go together")
    if not (listen.certificate or listen.behind_tls_proxy or is_loopback(listen.host)):
        raise ConfigError(
            "listen: off loopback, passwords need TLS: set certificate and private_key, or"
            " behind_tls_proxy where a proxy ends TLS"
        )
    try:
        Proxies(listen.trusted_proxies)
    except ValueError as error:
        raise ConfigError(f"listen.trusted_proxies: {error}") from None


def _check_redis(place: str, store: RedisSettings, development: bool) -> None:
    if store.url is None:
        raise ConfigError(f"{place}.url: is needed for redis")
    parts = urlsplit(store.url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ConfigError(f"{place}.url: starts with rediss://, redis:// or unix://")
    if parts.password is not None or parts.username is not None:
        raise ConfigError(f"{place}.url: put the name in username, the password in password_file")
    if (store.certificate is None) != (store.private_key is None):
        raise ConfigError(f"{place}: certificate and private_key go together")
    if store.certificate is not None and parts.scheme != "rediss":
        raise ConfigError(f"{place}.certificate: is for TLS (rediss://)")
    local = parts.scheme == "unix" or is_loopback(parts.hostname or "")
    if local or development:
        return
    if parts.scheme != "rediss":
        raise ConfigError(f"{place}.url: off loopback, Redis needs TLS (rediss://)")
    if store.password_file is None:
        raise ConfigError(f"{place}.password_file: off loopback, Redis needs a password")
