"""Attacks 1 to 17 on the verification of access tokens, and what it accepts."""

import base64
import hmac
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from authserver.service import Service
from authserver.tokens import (
    SigningKey,
    TokenError,
    VerificationKey,
    Verifier,
    keys_from_jwks,
    sign,
)
from tests.authserver.helpers import (
    ISSUER,
    KEY,
    OTHER_KEY,
    PASSWORD,
    SIGNING,
    VERIFICATION,
    FakeClock,
    audit_lines,
    bearer,
    claims_at,
    refresh,
    segment,
    session_of,
    signed,
    signed_raw,
)

_io: list[str] = []
_recording = False


def _hook(event: str, _arguments: tuple[object, ...]) -> None:
    if _recording and event in ("open", "os.listdir", "socket.connect", "socket.getaddrinfo"):
        _io.append(event)


sys.addaudithook(_hook)


@contextmanager
def no_io() -> Iterator[None]:
    """Fails when a file is opened or a connection made."""
    global _recording
    _io.clear()
    _recording = True
    try:
        yield
    finally:
        _recording = False
    assert _io == []


@pytest.fixture
def verifier(clock: FakeClock) -> Verifier:
    return Verifier(ISSUER, ["leviathan", "production"], VERIFICATION, clock)


def refused(verifier: Verifier, token: str) -> str:
    """The reason for which a token is refused, which touches nothing but memory."""
    with no_io(), pytest.raises(TokenError) as caught:
        verifier.verify(token)
    return str(caught.value)


def test_accepts_what_it_should(verifier: Verifier, clock: FakeClock) -> None:
    claims = verifier.verify(signed(claims_at(clock.now)))
    assert (claims.sub, claims.groups, claims.aud) == ("alice", ("viewers",), "leviathan")
    assert verifier.verify(signed(claims_at(clock.now)), audience="leviathan") == claims


def test_accepts_what_sign_makes(verifier: Verifier, clock: FakeClock) -> None:
    token, claims = sign(
        SIGNING,
        issuer=ISSUER,
        audience="production",
        subject="alice",
        groups=("b", "a", "b"),
        now=int(clock.now),
        lifetime=600,
        session="s",
    )
    assert verifier.verify(token) == claims
    assert claims.groups == ("a", "b")
    assert set(jwt.decode(token, options={"verify_signature": False})) == {
        *("iss", "aud", "sub", "groups", "iat", "nbf", "exp", "jti", "sid")
    }


def test_rs256_by_choice(clock: FakeClock) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    verification = {"r": VerificationKey(key.public_key(), "RS256")}
    verifier = Verifier(ISSUER, ["leviathan"], verification, clock)
    token, claims = sign(
        SigningKey("r", key, "RS256"),
        issuer=ISSUER,
        audience="leviathan",
        subject="alice",
        groups=(),
        now=int(clock.now),
        lifetime=600,
    )
    assert verifier.verify(token) == claims


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None])
def test_a01_alg_none(verifier: Verifier, clock: FakeClock, alg: str | None) -> None:
    header = {"kid": "the-kid", "typ": "JWT"} | ({} if alg is None else {"alg": alg})
    unsigned = (
        segment(json.dumps(header).encode())
        + "."
        + segment(json.dumps(claims_at(clock.now)).encode())
    )
    refused(verifier, unsigned + ".")
    refused(verifier, unsigned + "." + segment(b"signature"))
    refused(verifier, signed(claims_at(clock.now), alg=alg))


def test_a02_hs256_signed_with_the_public_key(verifier: Verifier, clock: FakeClock) -> None:
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = segment(json.dumps({"alg": "HS256", "kid": "the-kid", "typ": "JWT"}).encode())
    signing_input = f"{header}.{segment(json.dumps(claims_at(clock.now)).encode())}"
    signature = hmac.digest(pem, signing_input.encode(), "sha256")
    assert refused(verifier, f"{signing_input}.{segment(signature)}") == (
        "algorithm is not the key's"
    )


@pytest.mark.parametrize("alg", ["ES384", "RS256", "PS256", "EdDSA", "es256", "HS512"])
def test_a03_another_algorithm(verifier: Verifier, clock: FakeClock, alg: str) -> None:
    assert refused(verifier, signed(claims_at(clock.now), alg=alg)) == "algorithm is not the key's"


BAD_KIDS: list[Any] = [
    "../../etc/passwd",
    "/dev/zero",
    "' OR 1=1 --",
    "the-kid\0",
    "k" * 5000,
    "",
    7,
    None,
    ["the-kid"],
    {"kid": "the-kid"},
    True,
    "THE-KID",
]


@pytest.mark.parametrize("kid", BAD_KIDS)
def test_a04_kid_that_is_no_key_of_ours(verifier: Verifier, clock: FakeClock, kid: Any) -> None:
    refused(verifier, signed(claims_at(clock.now), kid=kid))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "x5t"])
def test_a05_keys_that_the_token_brings(verifier: Verifier, clock: FakeClock, name: str) -> None:
    token = signed(claims_at(clock.now), **{name: "https://evil.example/keys"})
    assert "unknown field" in refused(verifier, token)


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"crit": []}]
)
def test_a06_critical_and_unencoded(
    verifier: Verifier, clock: FakeClock, header: dict[str, Any]
) -> None:
    assert "unknown field" in refused(verifier, signed(claims_at(clock.now), **header))


@pytest.mark.parametrize("typ", ["at+jwt", "jwt", "", "dpop+jwt", None])
def test_another_type_of_token(verifier: Verifier, clock: FakeClock, typ: str | None) -> None:
    refused(verifier, signed(claims_at(clock.now), typ=typ))


@pytest.mark.parametrize(
    "text", ['"1"', "1.5", "1e400", "-1e400", "true", "null", "[]", "1e3", "-1", "0", "9" * 5000]
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_a07_times_that_are_no_numbers(
    verifier: Verifier, clock: FakeClock, name: str, text: str
) -> None:
    payload = json.dumps(claims_at(clock.now, **{name: "MARK"})).replace('"MARK"', text)
    refused(verifier, signed(payload.encode()))


def test_a07_expired(verifier: Verifier, clock: FakeClock) -> None:
    token = signed(claims_at(clock.now))
    clock.move(629)
    verifier.verify(token)
    clock.move(1)
    assert refused(verifier, token) == "expired"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "iss", "aud", "sub", "jti", "groups"])
def test_a07_a_claim_is_missing(verifier: Verifier, clock: FakeClock, name: str) -> None:
    assert "missing required field" in refused(
        verifier, signed(claims_at(clock.now, **{name: None}))
    )


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a08_not_yet_valid(verifier: Verifier, clock: FakeClock, name: str) -> None:
    at_the_edge = claims_at(clock.now, **{name: int(clock.now) + 30})
    verifier.verify(signed(at_the_edge))
    beyond = claims_at(clock.now, **{name: int(clock.now) + 31})
    assert refused(verifier, signed(beyond)) == "not valid yet"


def test_a09_a_token_that_lives_too_long(verifier: Verifier, clock: FakeClock) -> None:
    ten_years = claims_at(clock.now, exp=int(clock.now) + 10 * 365 * 86400)
    assert refused(verifier, signed(ten_years)) == "lives too long"
    assert refused(verifier, signed(claims_at(clock.now, exp=int(clock.now) + 601))) == (
        "lives too long"
    )
    old_nbf = claims_at(clock.now, nbf=int(clock.now) - 10_000)
    assert refused(verifier, signed(old_nbf)) == "lives too long"
    ends_first = claims_at(clock.now, exp=int(clock.now) - 10)
    assert refused(verifier, signed(ends_first)) == "lives too long"


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER + "/",
        ISSUER.upper(),
        ISSUER + ".evil.example",
        "http://auth.example",
        "auth.example",
        "",
        [ISSUER],
    ],
)
def test_a10_another_issuer(verifier: Verifier, clock: FakeClock, issuer: Any) -> None:
    refused(verifier, signed(claims_at(clock.now, iss=issuer)))


@pytest.mark.parametrize(
    "audience",
    ["other", "", ["leviathan"], ["leviathan", "other"], [], {"leviathan": 1}, "Leviathan"],
)
def test_a11_another_audience(verifier: Verifier, clock: FakeClock, audience: Any) -> None:
    refused(verifier, signed(claims_at(clock.now, aud=audience)))


def test_a11_one_audience_is_not_the_other(verifier: Verifier, clock: FakeClock) -> None:
    token = signed(claims_at(clock.now, aud="leviathan"))
    with pytest.raises(TokenError, match="another audience"):
        verifier.verify(token, audience="production")


async def test_a12_refresh_and_access_tokens_are_not_each_other(client: httpx.AsyncClient) -> None:
    session = await session_of(client, audience="leviathan-auth")
    swapped = await client.get("/me", headers=bearer(session["refresh_token"]))
    assert swapped.status_code == 401
    assert (await refresh(client, session["access_token"])).status_code == 401
    assert (await client.get("/me", headers=bearer(session["access_token"]))).status_code == 200


def test_a13_a_huge_token_is_refused_before_it_is_parsed(
    verifier: Verifier, clock: FakeClock
) -> None:
    assert refused(verifier, "e" * 10_000_000) == "too long"
    assert refused(verifier, signed(claims_at(clock.now, sub="a" * 8000))) == "too long"


def test_a14_duplicate_claims(verifier: Verifier, clock: FakeClock) -> None:
    good = json.dumps(claims_at(clock.now))
    assert "twice" in refused(verifier, signed((good[:-1] + ', "sub": "bob"}').encode()))
    assert "twice" in refused(verifier, signed((good[:-1] + ', "x": {"a": 1, "a": 2}}').encode()))
    header = b'{"alg": "none", "alg": "ES256", "kid": "the-kid", "typ": "JWT"}'
    assert "twice" in refused(verifier, signed_raw(header, good.encode()))


def test_a15_deep_claims(verifier: Verifier, clock: FakeClock) -> None:
    good = json.dumps(claims_at(clock.now))[:-1]
    deep = f'{good}, "extra": {"[" * 2500}{"]" * 2500}}}'
    assert "deep" in refused(verifier, signed(deep.encode()))
    assert "deep" in refused(verifier, signed_raw(b"[" * 5000, good.encode()))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a16_numbers_that_json_does_not_have(
    verifier: Verifier, clock: FakeClock, text: str
) -> None:
    payload = json.dumps(claims_at(clock.now))[:-1] + f', "extra": {text}}}'
    refused(verifier, signed(payload.encode()))


def test_a17_broken_signatures(verifier: Verifier, clock: FakeClock) -> None:
    token = signed(claims_at(clock.now))
    start, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for broken in (bytes(64), raw[:63], raw + b"\0", raw[:32] + bytes(32), b"", raw[::-1]):
        refused(verifier, f"{start}.{segment(broken)}")
    der = OTHER_KEY.sign(start.encode(), ec.ECDSA(jwt.algorithms.ECAlgorithm.SHA256()))
    refused(verifier, f"{start}.{segment(der)}")


def test_a17_one_token_has_one_spelling(verifier: Verifier, clock: FakeClock) -> None:
    token = signed(claims_at(clock.now))
    for other in (f"{token}=", f"{token}==", f" {token}", f"{token}\n", f"{token}.", f".{token}"):
        assert refused(verifier, other) == "not three segments of base64url"
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 64 bytes leave four unused bits in the last character.
    stray = alphabet[alphabet.index(token[-1]) + 1]
    assert refused(verifier, token[:-1] + stray) == "base64url with stray bits"


def test_signed_by_another_key(verifier: Verifier, clock: FakeClock) -> None:
    forged = jwt.encode(claims_at(clock.now), OTHER_KEY, "ES256", headers={"kid": "the-kid"})
    assert refused(verifier, forged) == "signature does not match"


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "system:admin"},
        {"groups": ["system:masters"]},
        {"groups": "viewers"},
        {"groups": [1]},
        {"sub": ""},
        {"sub": "Alice"},
        {"jti": ""},
        {"jti": "j" * 65},
        {"jti": 1},
    ],
)
def test_a21_names_that_nobody_may_have(
    verifier: Verifier, clock: FakeClock, changes: dict[str, Any]
) -> None:
    refused(verifier, signed(claims_at(clock.now, **changes)))


@given(st.text())
def test_any_text_is_refused_and_nothing_else(text: str) -> None:
    clock = FakeClock()
    with pytest.raises(TokenError):
        Verifier(ISSUER, ["leviathan"], VERIFICATION, clock).verify(text)


@given(st.binary(max_size=200), st.binary(max_size=400))
def test_any_signed_bytes_are_refused_and_nothing_else(header: bytes, payload: bytes) -> None:
    clock = FakeClock()
    with pytest.raises(TokenError):
        Verifier(ISSUER, ["leviathan"], VERIFICATION, clock).verify(signed_raw(header, payload))


async def test_a01_to_a17_one_uniform_answer_and_the_reason_in_the_audit_log(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    key = service.keyring.signing_key()
    good = claims_at(clock.now, aud="leviathan-auth")

    def by_server(**changes: Any) -> str:
        return jwt.encode(good | changes, key.key, "ES256", headers={"kid": key.kid})

    assert (await client.get("/me", headers=bearer(by_server()))).status_code == 200
    tokens = [
        "x",
        signed(good),
        by_server(exp=int(clock.now) - 100),
        by_server(exp=int(clock.now) + 10**6),
        by_server(aud="elsewhere"),
        by_server(iss=ISSUER + "/"),
        by_server(sub="nobody"),
        by_server(sid="ended"),
        by_server()[:-2],
    ]
    answers = [await client.get("/sessions", headers=bearer(token)) for token in tokens]
    answers.append(await client.get("/sessions"))
    answers.append(await client.get("/sessions", headers={"authorization": "Basic YTpi"}))
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (401, '{"error":"invalid_token","message":"The token is not accepted."}')
    }
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    reasons = [line["reason"] for line in audit_lines(service) if line["action"] == "sessions"]
    assert len(reasons) == len(answers)
    assert {"expired", "lives too long", "another audience", "session has ended"} < set(reasons)


def test_keys_from_a_key_set_leave_out_what_is_not_ours() -> None:
    ours = jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    private = jwt.algorithms.ECAlgorithm.to_jwk(KEY, as_dict=True)
    p384 = jwt.algorithms.ECAlgorithm.to_jwk(
        ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True
    )
    document = {
        "keys": [
            ours | {"kid": "good", "alg": "ES256"},
            ours | {"kid": "other-alg", "alg": "ES384"},
            ours | {"alg": "ES256"},
            private | {"kid": "private", "alg": "ES256"},
            p384 | {"kid": "curve", "alg": "ES384"},
            {"kid": "mac", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
            {"kid": "broken", "kty": "EC", "alg": "ES256"},
            7,
        ]
    }
    assert set(keys_from_jwks(json.dumps(document).encode())) == {"good"}
    for broken in (b"[]", b'{"keys": 1}', b"{", b'{"keys": [], "keys": []}'):
        with pytest.raises(ValueError, match=r"."):
            keys_from_jwks(broken)


async def test_a_service_verifies_with_the_published_keys_alone(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    token = (await session_of(client, password=PASSWORD))["access_token"]
    published = keys_from_jwks((await client.get("/jwks")).content)
    assert Verifier(ISSUER, ["leviathan"], published, clock).verify(token).sub == "alice"
