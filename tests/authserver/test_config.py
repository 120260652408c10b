"""Settings: where they come from, what is refused, and attack 39."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from authserver import config
from authserver.config import ConfigError, Settings


def load(tmp_path: Path, text: str, **environment: str) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return config.load(path, environment)


def test_a_file_is_changed_by_variables(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "issuer: https://auth.example\nlisten: {port: 1000}\naudiences: {leviathan: {}}\n",
        LEVIATHAN_AUTH_LISTEN__PORT="2000",
        LEVIATHAN_AUTH_LISTEN__TRUSTED_PROXIES="[10.0.0.0/8]",
        LEVIATHAN_AUTH_CONFIG="/elsewhere",
        OTHER="1",
    )
    assert settings.listen.port == 2000
    assert settings.listen.trusted_proxies == ("10.0.0.0/8",)
    assert settings.audiences_for(()) == ["leviathan", "leviathan-auth"]


def test_variables_are_enough() -> None:
    settings = config.load(None, {"LEVIATHAN_AUTH_ISSUER": "https://auth.example/path"})
    assert settings.issuer == "https://auth.example/path"
    assert settings.path("keys") == Path("/var/lib/leviathan-auth/keys")
    assert settings.path("/absolute") == Path("/absolute")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("issuer: [", "while parsing"),
        ("[]", "is no mapping"),
        ("listen: {}", "missing required field `issuer`"),
        ("issuer: https://a\nextra: 1", "unknown field `extra`"),
        ("issuer: https://a\nlisten: {port: '80'}", "listen.port"),
        ("issuer: https://a\ntokens: {access_seconds: 601}", "access_seconds"),
        ("issuer: https://a\nkeys: {publish_seconds: 329}", "publish_seconds"),
        ("issuer: https://a\nkeys: {algorithm: HS256}", "algorithm"),
        ("issuer: !!python/object/apply:os.system [x]", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert sentence in str(caught.value)


def test_a_file_that_is_missing_or_huge(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        config.load(tmp_path / "missing", {})
    with pytest.raises(ConfigError, match="too large"):
        load(tmp_path, "# " + "x" * (1 << 20))


@pytest.mark.parametrize(("name", "value"), [("ISSUER__X", "1"), ("ISSUER", "[")])
def test_a_variable_that_is_wrong(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"LEVIATHAN_AUTH_{name}"):
        load(tmp_path, "issuer: https://a", **{f"LEVIATHAN_AUTH_{name}": value})


@pytest.mark.parametrize(
    "issuer",
    [
        "http://auth.example",
        "https://user@auth.example",
        "https://user:secret@auth.example",
        "https://auth.example/",
        "https://auth.example?a=b",
        "https://auth.example?",
        "https://auth.example#x",
        "https://",
        "auth.example",
        "ftp://auth.example",
        " https://auth.example",
        "https://[::1",
        "https://a:port",
    ],
)
def test_issuers_that_kubernetes_or_safety_refuses(tmp_path: Path, issuer: str) -> None:
    with pytest.raises(ConfigError, match="issuer"):
        load(tmp_path, f"issuer: {issuer!r}")


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:8443", "http://localhost", "http://[::1]:1"])
def test_http_is_for_loopback(tmp_path: Path, issuer: str) -> None:
    assert load(tmp_path, f"issuer: {issuer!r}").issuer == issuer


def changed(**changes: Any) -> dict[str, Any]:
    return {"issuer": "https://auth.example"} | changes


REDIS = {"backend": "redis", "url": "rediss://redis.example", "password_file": "password"}

UNSAFE = [
    (changed(listen={"host": "192.0.2.1"}), "need TLS"),
    (changed(listen={"certificate": "c.pem"}), "go together"),
    (changed(listen={"trusted_proxies": ["everybody"]}), "trusted_proxies"),
    (changed(audiences={"Prod": {}}), "is no name"),
    (changed(audiences={"leviathan-auth": {}}), "own"),
    (changed(audiences={"a": {"groups": ["system:masters"]}}), "no group name"),
    (changed(setup_groups=["system:masters"]), "setup_groups"),
    (changed(passwords={"memory_kib": 1024}), "development"),
    (changed(passwords={"passes": 1}), "development"),
]
REFUSED_REDIS = [
    ({"url": "redis://redis.example"}, "needs TLS"),
    ({"password_file": None}, "needs a password"),
    ({"url": "redis://:secret@127.0.0.1"}, "password_file"),
    ({"url": "rediss://user@redis.example"}, "password_file"),
    ({"url": "http://redis.example"}, "starts with"),
    ({"url": None}, "is needed"),
]


@pytest.mark.parametrize(("tree", "sentence"), UNSAFE)
def test_settings_that_make_no_safe_server(tree: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        config.check(msgspec.convert(tree, Settings))


@pytest.mark.parametrize("place", ["users", "sessions"])
@pytest.mark.parametrize(("change", "sentence"), REFUSED_REDIS)
def test_a39_redis_without_password_or_tls(
    place: str, change: dict[str, Any], sentence: str
) -> None:
    config.check(msgspec.convert(changed(**{place: REDIS}), Settings))
    tree = changed(**{place: REDIS | change})
    with pytest.raises(ConfigError, match=f"{place}.*{sentence}"):
        config.check(msgspec.convert(tree, Settings))


@pytest.mark.parametrize(
    "store",
    [
        {"backend": "redis", "url": "redis://127.0.0.1:6379"},
        {"backend": "redis", "url": "redis://[::1]:6379"},
        {"backend": "redis", "url": "unix:///run/redis.sock"},
    ],
)
def test_a39_redis_on_this_machine_may_do_without(store: dict[str, Any]) -> None:
    config.check(msgspec.convert(changed(users=store), Settings))


def test_a39_the_development_flag_is_explicit() -> None:
    tree = changed(sessions={"backend": "redis", "url": "redis://redis.example"})
    with pytest.raises(ConfigError):
        config.check(msgspec.convert(tree, Settings))
    config.check(msgspec.convert(tree | {"development": True}, Settings))
