"""What the sandbox makes of tokens that no auth server of ours would sign."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from leviathan_sandbox import Issuer, ManualClock, Sandbox
from tests.sandbox.conftest import client_for

NOW = 1_800_000_000
MAX_AGE = 300


class TinyIssuer:
    """An issuer with the keys that a test gives it; it counts how often they are fetched."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"one": ec.generate_private_key(ec.SECP256R1())}
        self.fetched = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", f"public, max-age={MAX_AGE}")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.named = self.url

    def document(self, path: str) -> object:
        if path.startswith("/.well-known"):
            return {"issuer": self.named, "jwks_uri": f"{self.url}/jwks"}
        self.fetched += 1
        return {"keys": [self._jwk(name, key) for name, key in self.keys.items()]}

    @staticmethod
    def _jwk(name: str, key: Any) -> dict[str, Any]:
        algorithm: Any = (
            ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
        )
        jwk: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
        return {**jwk, "kid": name, "use": "sig", "alg": algorithm_of(key)}

    def sign(self, key: str = "one", **changes: Any) -> str:
        claims = {
            "iss": self.url,
            "sub": "alice",
            "aud": "leviathan",
            "groups": ["viewers"],
            "iat": NOW,
            "nbf": NOW,
            "exp": NOW + 600,
            "jti": "j",
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.keys[key], algorithm_of(self.keys[key]), headers={"kid": key})


def algorithm_of(key: Any) -> str:
    return "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    tiny = TinyIssuer()
    thread = threading.Thread(target=tiny.server.serve_forever)
    thread.start()
    yield tiny
    tiny.server.shutdown()
    thread.join()
    tiny.server.server_close()


@pytest.fixture
def sandbox(issuer: TinyIssuer) -> Iterator[Sandbox]:
    clock = ManualClock(NOW)
    with Sandbox(apps=0, clock=clock, issuer=Issuer(issuer.url, "leviathan")) as sandbox:
        yield sandbox


def code(sandbox: Sandbox, token: str) -> int:
    with client_for(sandbox) as client:
        return client.get(
            "/apis", headers={b"Authorization": f"Bearer {token}".encode()}
        ).status_code


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["other", "leviathan"]},
        {"groups": None},
        {"groups": "viewers"},
        {"jti": None},
        {"exp": NOW + 900},
        {"nbf": NOW + 299, "exp": NOW + 600},
    ],
    ids=str,
)
def test_good_tokens(sandbox: Sandbox, issuer: TinyIssuer, changes: dict[str, Any]) -> None:
    assert code(sandbox, issuer.sign(**changes)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"exp": NOW - 1, "nbf": NOW - 500},
        {"exp": None},
        {"exp": NOW + 901},
        {"nbf": None},
        {"nbf": NOW + 301, "exp": NOW + 600},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"groups": [7]},
    ],
    ids=str,
)
def test_bad_claims(sandbox: Sandbox, issuer: TinyIssuer, changes: dict[str, Any]) -> None:
    assert code(sandbox, issuer.sign(**changes)) == 401


def test_names_of_the_system_stay_behind_the_prefix(sandbox: Sandbox, issuer: TinyIssuer) -> None:
    token = issuer.sign(sub="system:admin", groups=["system:masters"])
    with client_for(sandbox) as client:
        headers = {"Authorization": f"Bearer {token}"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        info = client.post(path, json={}, headers=headers).json()["status"]["userInfo"]
        assert info["username"] == "leviathan:system:admin"
        assert "system:masters" not in info["groups"]
        assert client.get("/api/v1/secrets", headers=headers).status_code == 403


def test_rsa_is_taken_and_nothing_but_the_two(sandbox: Sandbox, issuer: TinyIssuer) -> None:
    issuer.keys["two"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert code(sandbox, issuer.sign("two")) == 200
    claims = jwt.decode(issuer.sign(), options={"verify_signature": False})
    for algorithm, key in (("none", None), ("HS256", "s" * 32), ("RS512", issuer.keys["two"])):
        token = jwt.encode(claims, key, algorithm, headers={"kid": "two"})  # type: ignore[arg-type]
        assert code(sandbox, token) == 401
    for nonsense in ("a.b.c", "..", "e30.e30.e30", "\u00e9"):
        assert code(sandbox, nonsense) == 401


def test_a_key_of_somebody_else_under_a_known_name(sandbox: Sandbox, issuer: TinyIssuer) -> None:
    assert code(sandbox, issuer.sign()) == 200
    issuer.keys["one"] = ec.generate_private_key(ec.SECP256R1())
    assert code(sandbox, issuer.sign()) == 401


def test_keys_are_fetched_anew_when_their_time_is_over_and_not_for_unknown_names(
    sandbox: Sandbox, issuer: TinyIssuer
) -> None:
    assert code(sandbox, issuer.sign()) == 200
    issuer.keys["new"] = ec.generate_private_key(ec.SECP256R1())
    assert [code(sandbox, issuer.sign("new")) for _ in range(3)] == [401] * 3
    assert issuer.fetched == 1
    sandbox.advance(MAX_AGE)
    assert code(sandbox, issuer.sign("new")) == 200
    assert issuer.fetched == 2


def test_keys_stay_good_while_the_issuer_is_away(sandbox: Sandbox, issuer: TinyIssuer) -> None:
    assert code(sandbox, issuer.sign()) == 200
    issuer.named = "https://elsewhere.example"
    sandbox.advance(MAX_AGE)
    assert code(sandbox, issuer.sign()) == 200
    assert issuer.fetched == 1


def test_a_discovery_document_of_another_issuer(sandbox: Sandbox, issuer: TinyIssuer) -> None:
    issuer.named = f"{issuer.url}/"
    assert code(sandbox, issuer.sign()) == 401
    issuer.named = issuer.url
    assert code(sandbox, issuer.sign()) == 401
    sandbox.advance(10)
    assert code(sandbox, issuer.sign()) == 200
