"""Bearer tokens, against a real issuer on this machine."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.access.caller import Caller
from service.access.issuer import (
    FRESH_SECONDS,
    PAUSE_SECONDS,
    USABLE_SECONDS,
    IssuerDocumentError,
    IssuerKeys,
    check_address,
    fetch,
)
from service.access.scope import Scope
from service.access.token import TokenVerifier
from service.errors import AccessUnavailableError, UnauthenticatedError
from tests.service.access.local_issuer import (
    AUDIENCE,
    LocalIssuer,
    edwards_key,
    elliptic_key,
    local_issuer,
    public_jwk,
    rsa_key,
)


@dataclass
class Monotonic:
    """The tests' clock, in seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer that answers."""
    with local_issuer() as running:
        yield running


@pytest.fixture
def monotonic() -> Monotonic:
    """The time that the verifier's cache goes by."""
    return Monotonic()


@pytest.fixture
def verifier(issuer: LocalIssuer, monotonic: Monotonic) -> TokenVerifier:
    """A verifier of its tokens."""
    return make_verifier(issuer, monotonic)


def make_verifier(issuer: LocalIssuer, monotonic: Monotonic, **settings: str) -> TokenVerifier:
    keys = IssuerKeys(issuer=issuer.url, fetch=fetch, monotonic=monotonic)
    return TokenVerifier(keys=keys, audience=AUDIENCE, **settings)


def verify(verifier: TokenVerifier, token: str) -> Caller:
    return asyncio.run(verifier.verify(token))


def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(UnauthenticatedError) as refused:
        verify(verifier, token)
    return refused.value.detail


def unsigned(token: str, **header: str) -> str:
    """The token with another header and no signature."""
    part = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{part}.{token.split('.')[1]}."


def test_a_token_of_the_issuer_makes_a_caller(issuer: LocalIssuer, verifier: TokenVerifier) -> None:
    caller = verify(verifier, issuer.token("first", scope="openid decide read"))

    assert caller.identity == "oidc:planner"
    assert caller.scopes == {Scope.DECIDE, Scope.READ}


@pytest.mark.parametrize(
    ("algorithm", "made"),
    [("ES256", elliptic_key), ("EdDSA", edwards_key), ("PS384", lambda: rsa_key("first"))],
)
def test_elliptic_edwards_and_pss_signatures_are_accepted(
    issuer: LocalIssuer, verifier: TokenVerifier, algorithm: str, made: type
) -> None:
    issuer.keys["other"] = made()

    assert verify(verifier, issuer.token("other", algorithm)).identity == "oidc:planner"


WRONG_CLAIMS = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "another audience": {"aud": "another-service"},
    "no audience": {"aud": None},
    "expired": {"exp": int(time.time()) - 60},
    "no expiry": {"exp": None},
    "not yet valid": {"nbf": int(time.time()) + 3600},
    "no subject": {"sub": None},
    "a subject that is no text": {"sub": 7},
    "an expiry that is no time": {"exp": "soon"},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_token_with_a_wrong_claim_is_refused(
    issuer: LocalIssuer, verifier: TokenVerifier, claims: dict[str, object]
) -> None:
    if claims.get("sub") == 7:
        header = {"kid": "first", "alg": "RS256", "typ": "JWT"}
        payload = {"iss": issuer.url, "aud": AUDIENCE, "exp": int(time.time()) + 60, "sub": 7}
        token = jwt.api_jws.encode(
            json.dumps(payload).encode(), issuer.keys["first"], "RS256", headers=header
        )
    elif claims.get("exp") == "soon":
        payload = {"iss": issuer.url, "aud": AUDIENCE, "exp": "soon", "sub": "planner"}
        token = jwt.api_jws.encode(
            json.dumps(payload).encode(), issuer.keys["first"], "RS256", headers={"kid": "first"}
        )
    else:
        token = issuer.token("first", **claims)

    assert refusal(verifier, token).startswith("the token is not accepted")


def test_an_altered_token_is_refused(issuer: LocalIssuer, verifier: TokenVerifier) -> None:
    head, payload, signature = issuer.token("first").split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    altered = base64.urlsafe_b64encode(json.dumps({**claims, "scope": "admin"}).encode()).decode().rstrip("=")

    assert "Signature verification failed" in refusal(verifier, f"{head}.{altered}.{signature}")


def test_a_token_signed_by_somebody_else_under_the_issuers_key_id_is_refused(
    issuer: LocalIssuer, verifier: TokenVerifier
) -> None:
    stranger = LocalIssuer(issuer.url, {"first": rsa_key("stranger")})

    assert "Signature verification failed" in refusal(verifier, stranger.token("first"))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "ES256K", ""])
def test_unsigned_and_symmetric_algorithms_are_refused(
    issuer: LocalIssuer, verifier: TokenVerifier, algorithm: str
) -> None:
    token = unsigned(issuer.token("first"), alg=algorithm, kid="first")

    assert "found a token signed with" in refusal(verifier, token)


def test_the_public_key_is_no_hmac_secret(issuer: LocalIssuer, verifier: TokenVerifier) -> None:
    import hashlib
    import hmac

    public = issuer.keys["first"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = unsigned(issuer.token("first"), alg="HS256", kid="first").rstrip(".")
    mac = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    token = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    assert "HS256" in refusal(verifier, token)


def test_a_symmetric_key_among_the_issuers_is_ignored(issuer: LocalIssuer, verifier: TokenVerifier) -> None:
    issuer.extra.append(
        {"kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
    )
    token = unsigned(issuer.token("first"), alg="RS256", kid="shared")

    assert refusal(verifier, token) == "the token is signed with a key that the issuer does not publish"


def test_a_key_serves_only_the_algorithm_that_it_is_published_for(
    issuer: LocalIssuer, verifier: TokenVerifier
) -> None:
    issuer.extra.append({**public_jwk("bound", rsa_key("bound")), "alg": "RS256"})
    own = LocalIssuer(issuer.url, {"bound": rsa_key("bound")})

    assert verify(verifier, own.token("bound", "RS256"))
    assert refusal(verifier, own.token("bound", "RS512"))


@pytest.mark.parametrize("token", ["", "a.b.c", "a.b", ".." * 50, "é.é.é"])
def test_what_is_no_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    assert refusal(verifier, token)


def test_scopes_come_from_scope_scp_or_a_claim_of_ones_own(issuer: LocalIssuer, monotonic: Monotonic) -> None:
    plain = make_verifier(issuer, monotonic)
    roles = make_verifier(issuer, monotonic, scope_claim="roles", scope_prefix="gardoon:")

    listed = verify(plain, issuer.token("first", scope=None, scp=["read", "email"]))
    own = verify(
        roles, issuer.token("first", scope="admin", roles=["gardoon:outcomes", "admin", "other:read"])
    )
    nothing = verify(plain, issuer.token("first", scope=7))

    assert [caller.scopes for caller in (listed, own, nothing)] == [{Scope.READ}, {Scope.OUTCOMES}, set()]


def test_a_long_subject_is_named_by_its_hash(issuer: LocalIssuer, verifier: TokenVerifier) -> None:
    identities = {verify(verifier, issuer.token("first", sub=letter * 300)).identity for letter in "ab"}

    assert len(identities) == 2
    assert all(len(identity) <= 64 for identity in identities)


def test_an_expiry_written_as_text_is_read_as_a_number_each_time(
    issuer: LocalIssuer, verifier: TokenVerifier
) -> None:
    payload = {"iss": issuer.url, "aud": AUDIENCE, "exp": str(int(time.time()) + 60), "sub": "planner"}
    content = json.dumps(payload).encode()
    token = jwt.api_jws.encode(content, issuer.keys["first"], "RS256", headers={"kid": "first"})

    assert verify(verifier, token) == verify(verifier, token)


def test_keys_are_fetched_once_for_many_tokens(issuer: LocalIssuer, verifier: TokenVerifier) -> None:
    for _ in range(5):
        verify(verifier, issuer.token("first"))

    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]


def test_an_unknown_key_id_fetches_again_but_not_oftener_than_the_pause(
    issuer: LocalIssuer, verifier: TokenVerifier, monotonic: Monotonic
) -> None:
    verify(verifier, issuer.token("first"))
    issuer.keys["second"] = rsa_key("second")
    for _ in range(20):
        assert refusal(verifier, issuer.token("second"))
    assert issuer.asked.count("/jwks") == 1

    monotonic.now += PAUSE_SECONDS

    assert verify(verifier, issuer.token("second"))
    assert issuer.asked.count("/jwks") == 2


def test_a_key_that_the_issuer_withdrew_is_honoured_no_longer_than_keys_stay_fresh(
    issuer: LocalIssuer, verifier: TokenVerifier, monotonic: Monotonic
) -> None:
    old = issuer.token("first")
    verify(verifier, old)
    issuer.keys = {"second": rsa_key("second")}
    assert verify(verifier, old)

    monotonic.now += FRESH_SECONDS + 1

    assert refusal(verifier, old)


def test_while_the_issuer_is_away_its_keys_are_used_for_an_hour(monotonic: Monotonic) -> None:
    with local_issuer() as issuer:
        verifier = make_verifier(issuer, monotonic)
        token = issuer.token("first")
        verify(verifier, token)
    monotonic.now += USABLE_SECONDS
    assert verify(verifier, token)

    monotonic.now += PAUSE_SECONDS

    with pytest.raises(AccessUnavailableError):
        verify(verifier, token)


def test_an_issuer_that_names_itself_otherwise_is_not_believed(
    issuer: LocalIssuer, verifier: TokenVerifier
) -> None:
    issuer.named = "https://elsewhere.example"

    with pytest.raises(AccessUnavailableError):
        verify(verifier, issuer.token("first"))


def test_keys_are_only_fetched_over_https_or_on_this_machine(
    issuer: LocalIssuer, verifier: TokenVerifier
) -> None:
    issuer.jwks_uri = "file:///etc/passwd"

    with pytest.raises(AccessUnavailableError):
        verify(verifier, issuer.token("first"))
    for wrong in ("http://192.0.2.1/", "ftp://127.0.0.1/", "file:///x", "nonsense"):
        with pytest.raises(IssuerDocumentError, match="wanted https"):
            check_address(wrong)
    check_address("https://login.example.com/realms/shop")
