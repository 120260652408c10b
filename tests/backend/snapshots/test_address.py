"""Redis addresses: how they are read, which are refused, and what of them is shown."""

import pytest

from leviathan_tui.backend.snapshots.address import Address, parse, refusal, without_password


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache.example", Address(host="cache.example")),
        ("redis://[::1]:6380/2", Address(host="::1", port=6380, db=2)),
        ("redis://:p%2Fw@h?db=3", Address(host="h", password="p/w", db=3)),
        ("redis://h?username=u&password=p", Address(host="h", username="u", password="p")),
        (
            "rediss://u:p@h?ssl_cert_reqs=none&ssl_ca_certs=/a&ssl_certfile=/b&ssl_keyfile=/c",
            Address(
                *("h", 6379, "", 0, "u", "p", "", True, False),
                authority="/a",
                certificate="/b",
                key="/c",
            ),
        ),
        (
            "rediss://u@h?password_file=/run/secrets/password",
            Address("h", 6379, "", 0, "u", "", "/run/secrets/password", True),
        ),
        ("unix://u:p@/run/redis.sock?db=1", Address("", 6379, "/run/redis.sock", 1, "u", "p")),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://u:pa/ss@h", "names a database"),
        ("redis://u:pass", "a port that is none"),
        ("redis://h/se/cret", "names a database"),
        ("redis://h?se@cret=1", "an option that is none of"),
        ("rediss://u:p@h?ssl_cert_reqs=optional", "neither required nor none"),
        ("redis://u:se\u2100cret@h", "cannot be read"),
        ("redis://u:[secret]@h", "cannot be read"),
        (f"redis://h/{'1' * 5000}", "names a database"),
        ("rediss://u:secret@h?password_file=/p", "both a password and a password_file"),
        ("rediss://h?password=secret&password_file=/p", "both a password and a password_file"),
        ("unix://", "neither file nor off"),
        ("redis://:6379", "neither file nor off"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str, words: str) -> None:
    why = refusal(url)
    assert words in why
    assert "ss@" not in why
    assert "cret" not in why


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://cache.example:6379/0", "TLS"),
        ("redis://:secret@cache.example", "TLS"),
        ("rediss://cache.example", "password"),
        ("rediss://:secret@cache.example?ssl_cert_reqs=none", "TLS"),
        ("http://cache.example", "neither file nor off"),
        ("somewhere", "neither file nor off"),
    ],
)
def test_what_would_be_open_to_others_is_refused(url: str, words: str) -> None:
    assert words in refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379",
        "redis://localhost",
        "redis://[::1]:6379/2",
        "unix:///run/redis.sock",
        "rediss://console:secret@cache.example:6380",
        "rediss://console@cache.example?password_file=/run/secrets/password",
    ],
)
def test_what_is_local_or_guarded_is_not(url: str) -> None:
    assert refusal(url) == ""


def test_the_refusal_can_be_lifted_but_not_for_what_is_no_redis() -> None:
    assert refusal("redis://cache.example", insecure=True) == ""
    assert refusal("http://cache.example", insecure=True) != ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rediss://console:s%40cret@cache.example", "rediss://console:…@cache.example:6379"),
        ("redis://cache.example?password=s%40cret", "redis://:…@cache.example:6379"),
        ("redis://cache.example?pass%77ord=secret&db=2", "redis://:…@cache.example:6379 db 2"),
        ("redis://:secret@[::1]:6380", "redis://:…@[::1]:6380"),
        ("rediss://u@h?password_file=/run/p", "rediss://u:…@h:6379"),
        ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis://:secret@", "redis:…"),
        ("redis://u:pa/secret@h", "redis:…"),
        ("file", "file"),
        ("off", "off"),
    ],
)
def test_a_shown_address_holds_no_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
