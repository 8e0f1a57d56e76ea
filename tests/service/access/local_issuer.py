"""An OIDC issuer of one's own: a real HTTP server with discovery document and keys, and tokens signed with them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "gardoon"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key of this name, made once a session: making one takes a while."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class LocalIssuer:
    """What the server answers now, and what it was asked."""

    url: str
    keys: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    named: str = ""
    jwks_uri: str = ""
    extra: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str) -> dict[str, Any] | None:
        """The document at the path."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.named or self.url, "jwks_uri": self.jwks_uri or f"{self.url}/jwks"}
        if path == "/jwks":
            return {"keys": [*(public_jwk(name, key) for name, key in self.keys.items()), *self.extra]}
        return None

    def token(self, key_id: str, algorithm: str = "RS256", **claims: Any) -> str:
        """A token that the issuer signs now, with these claims beside or instead of the usual ones; None leaves one out."""
        now = int(time.time())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "planner",
            "iat": now,
            "exp": now + 300,
            "scope": "decide",
        }
        given = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(given, self.keys[key_id], algorithm, headers={"kid": key_id})


def public_jwk(name: str, key: Any) -> dict[str, Any]:
    """The public half as the issuer publishes it."""
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    kind = next((made for type_, made in kinds.items() if isinstance(key, type_)), OKPAlgorithm)
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": name, "use": "sig"}


def elliptic_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def edwards_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@contextmanager
def local_issuer() -> Iterator[LocalIssuer]:
    """An issuer on a free port of this machine, with one RSA key called "first"."""
    found: list[LocalIssuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = found[0].answer(self.path)
            content = json.dumps(document).encode()
            self.send_response(200 if document is not None else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_told: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    found.append(LocalIssuer(f"http://127.0.0.1:{server.server_port}", {"first": rsa_key("first")}))
    try:
        yield found[0]
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
