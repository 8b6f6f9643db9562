"""Conditions on ID tokens (OpenID Connect Core 2 and 3.1.3.7), checked as a relying party must, and a little more."""

import time
from typing import Any

import proofs
from answers import check_claims
from joserfc.errors import JoseError
from relying_party import RelyingParty, Tokens
from runs import Run

#: Seconds that two clocks may differ.
SKEW = 5
#: Claims that the specifications of the plans know, beside the standard ones.
_KNOWN = {
    "iss", "sub", "aud", "exp", "iat", "nbf", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash",
    "sid", "jti",
}  # fmt: skip


def check_id_token(
    run: Run, rp: RelyingParty, tokens: Tokens, *, nonce: str | None, max_age: int | None = None
) -> dict[str, Any]:
    """The claims of an ID token that is all right. `nonce`: what was sent, None for nothing."""
    token = tokens.id_token
    algorithm = str(rp.metadata["id_token_signed_response_alg"])
    claims = check_signature(run, token, algorithm, "the ID token")
    now = time.time()
    run.same("iss of the ID token is the issuer", claims.get("iss"), run.provider.issuer)
    check_audience(run, claims, rp.client_id)
    subject = claims.get("sub")
    run.check("sub is a text of 255 ASCII characters at most",
              isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isascii(), subject)  # fmt: skip
    _check_times(run, claims, now)
    if nonce is None:
        run.check("there is no nonce when none was sent", "nonce" not in claims, claims.get("nonce"))
    else:
        run.same("nonce is the one of the request", claims.get("nonce"), nonce)
    if "at_hash" in claims or tokens.access_token:
        run.same("at_hash is half the hash of the access token", claims.get("at_hash"),
                 proofs.half_hash(tokens.access_token, algorithm))  # fmt: skip
    if max_age is not None:
        run.check("auth_time is there when max_age was sent", "auth_time" in claims)
        age = now - claims.get("auth_time", 0)
        run.check("the sign-in is no older than max_age", age <= max_age + SKEW, f"{age:.0f} s")
    run.check("acr is a text when there is one", isinstance(claims.get("acr", ""), str), claims.get("acr"))
    methods = claims.get("amr", [])
    run.check("amr is a list of texts when there is one",
              isinstance(methods, list) and all(isinstance(each, str) for each in methods), methods)  # fmt: skip
    check_claims(run, claims, "the ID token")
    known = _KNOWN | set(run.provider.metadata.get("claims_supported", ()))
    run.check("the ID token has no claim that discovery does not name", set(claims) <= known, set(claims) - known)
    return claims


def check_signature(run: Run, token: str, algorithm: str, what: str) -> dict[str, Any]:
    """The claims of a JWT that is signed with the expected algorithm by a published key. Raises Stop otherwise."""
    run.must(f"{what} is a JWT of three parts", token.count(".") == 2, token[:80])
    header = _read(run, token, what)
    run.same(f"{what} is signed with the algorithm that was registered", header.get("alg"), algorithm)
    keys = run.provider.keys()
    chosen = [key for key in keys["keys"] if key.get("kid") == header.get("kid")]
    run.check(f"{what} names a published key in its header", header.get("kid") and len(chosen) == 1, header.get("kid"))
    extra = set(header) - {"alg", "kid", "typ"}
    run.check(f"the header of {what} brings no key and no address of one", not extra, extra)
    fits = all(key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm for key in chosen)
    run.check(f"the key of {what} is for signatures with this algorithm", fits, chosen)
    try:
        claims = proofs.verified(token, {"keys": chosen or keys["keys"]}, algorithms=[algorithm])
    except (JoseError, ValueError) as error:
        run.must(f"the signature of {what} verifies with the published key", held=False, found=error)
    run.check(f"the signature of {what} verifies with the published key", held=True)
    return claims


def check_audience(run: Run, claims: dict[str, Any], client_id: str) -> None:
    """`aud` and `azp` name this client and nobody else."""
    audience = claims.get("aud")
    members = audience if isinstance(audience, list) else [audience]
    run.check("aud names the client", client_id in members, audience)
    run.check("aud names nobody that the client does not know", members == [client_id], audience)
    if "azp" in claims:
        run.same("azp is the client when it is there", claims["azp"], client_id)


def check_same_person(run: Run, first: dict[str, Any], second: dict[str, Any], *, same_sign_in: bool = True) -> None:
    """Two ID tokens are about one person, and about one sign-in."""
    run.same("sub is the same in both ID tokens", second.get("sub"), first.get("sub"))
    run.same("iss is the same in both ID tokens", second.get("iss"), first.get("iss"))
    if same_sign_in and "auth_time" in first:
        run.same("auth_time is the same: nobody signed in again", second.get("auth_time"), first["auth_time"])


def check_refreshed(run: Run, first: dict[str, Any], second: dict[str, Any]) -> None:
    """An ID token of a refresh against the one before it (OpenID Connect Core 12.2)."""
    check_same_person(run, first, second)
    run.same("aud is the same after a refresh", second.get("aud"), first.get("aud"))
    run.check("iat is not before the first one", second.get("iat", 0) >= first.get("iat", 0), second.get("iat"))
    run.same("azp is the same after a refresh", second.get("azp"), first.get("azp"))
    run.check(
        "nonce is absent after a refresh, or the same", second.get("nonce", first.get("nonce")) == first.get("nonce")
    )


def _check_times(run: Run, claims: dict[str, Any], now: float) -> None:
    expires, issued = claims.get("exp"), claims.get("iat")
    run.check("exp is a whole number in the future", type(expires) is int and expires > now - SKEW, expires)
    run.check("iat is a whole number, of now", type(issued) is int and abs(now - issued) < 60, issued)
    if type(expires) is int and type(issued) is int:
        run.check("exp is after iat, and within a day", issued < expires <= issued + 86_400, f"{issued} {expires}")
    if "auth_time" in claims:
        signed_in = claims["auth_time"]
        run.check("auth_time is a whole number, not in the future", type(signed_in) is int and signed_in <= now + SKEW)
    if "nbf" in claims:
        run.check("nbf is not in the future", claims["nbf"] <= now + SKEW, claims["nbf"])


def _read(run: Run, token: str, what: str) -> dict[str, Any]:
    try:
        return proofs.header_of(token)
    except ValueError as error:
        run.must(f"the header of {what} can be read", held=False, found=error)
        raise
