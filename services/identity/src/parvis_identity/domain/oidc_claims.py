"""What an ID token of a firm's provider must say (OpenID Connect Core 1.0, 3.1.3.7 and 3.1.3.8), and what it says of
the person. Signatures are looked at elsewhere (service.sso.id_tokens).
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

#: How far a provider's clock may be off.
SKEW = timedelta(minutes=2)
#: Characters of a subject (OpenID Connect Core 1.0, 2) and of other values that are kept.
LONGEST_SUBJECT = 255
LONGEST_VALUE = 400
#: Values of one claim, and claims, that are kept.
MOST_VALUES = 2000
MOST_CLAIMS = 200
#: Kinds of authentication methods (RFC 8176): what one knows, has, is. Two of them are two factors.
_KINDS = (
    frozenset({"pwd", "pin", "kba"}),
    frozenset({"otp", "hwk", "swk", "sms", "tel", "sc", "pop"}),
    frozenset({"face", "fpt", "iris", "retina", "vbm"}),
)
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token is held against. `began`: when the person left for the provider; `fresh`: that they had to sign
    in there anew; `tells`: that the provider says it tells when somebody signed in (Google never does).
    """

    issuer: str
    client_id: str
    nonce: str
    now: datetime
    began: datetime
    fresh: bool = False
    tells: bool = True


@dataclass(frozen=True, slots=True)
class Wrong:
    """A check that failed, and what was found (English, for the firm's administrator)."""

    check: str
    detail: str


#: What is looked at, in this order.
STEPS = ("issuer", "audience", "nonce", "times", "sign_in_time", "subject")


def wrong(claims: Mapping[str, Any], expected: Expected) -> Iterator[tuple[str, Wrong | None]]:
    """Each step with what is wrong there; None: nothing. Whoever asks stops at the first that is wrong."""
    yield "issuer", _issuer(claims, expected)
    yield "audience", _audience(claims, expected)
    yield "nonce", _nonce(claims, expected)
    yield "times", _times(claims, expected)
    yield "sign_in_time", _sign_in_time(claims, expected)
    yield "subject", _subject(claims)


def _issuer(claims: Mapping[str, Any], expected: Expected) -> Wrong | None:
    if claims.get("iss") == expected.issuer:
        return None
    return Wrong("issuer_wrong", f"The token is of {_shown(claims.get('iss'))}, expected was {expected.issuer}.")


def _audience(claims: Mapping[str, Any], expected: Expected) -> Wrong | None:
    said = claims.get("aud")
    audiences = [said] if isinstance(said, str) else said
    if not isinstance(audiences, list) or expected.client_id not in audiences:
        return Wrong("audience_wrong", f"The token is for {_shown(said)}, not for {expected.client_id}.")
    party = claims.get("azp")
    if len(audiences) > 1 and party is None:
        return Wrong("authorized_party_missing", "The token is for several, and does not say who asked (azp).")
    if party is not None and party != expected.client_id:
        return Wrong("authorized_party_wrong", f"The token was made for {_shown(party)} (azp).")
    return None


def _nonce(claims: Mapping[str, Any], expected: Expected) -> Wrong | None:
    said = claims.get("nonce")
    if said is None:
        return Wrong("nonce_missing", "The token does not carry the nonce of the request.")
    return None if said == expected.nonce else Wrong("nonce_wrong", "The token answers another request (nonce).")


def _times(claims: Mapping[str, Any], expected: Expected) -> Wrong | None:
    now = expected.now.timestamp()
    skew = SKEW.total_seconds()
    for name in ("exp", "iat"):
        if not _is_moment(claims.get(name)):
            return Wrong(f"{name}_missing", f"The token does not say {name}.")
    if claims["exp"] + skew <= now:
        return Wrong("token_expired", f"The token expired {now - claims['exp']:.0f} seconds ago.")
    if claims["iat"] - skew > now:
        return Wrong("issued_in_future", f"The token was issued {claims['iat'] - now:.0f} seconds from now.")
    if claims["iat"] + skew < expected.began.timestamp():
        return Wrong("issued_before_request", "The token is older than the request that it answers.")
    if "nbf" in claims and not (_is_moment(claims["nbf"]) and claims["nbf"] - skew <= now):
        return Wrong("not_yet_valid", "The token does not count yet (nbf).")
    return None


def _sign_in_time(claims: Mapping[str, Any], expected: Expected) -> Wrong | None:
    said = claims.get("auth_time")
    if said is None:
        if not expected.fresh or not expected.tells:
            return None
        return Wrong("auth_time_missing", "The token does not say when the person signed in.")
    if not _is_moment(said) or said - SKEW.total_seconds() > expected.now.timestamp():
        return Wrong("auth_time_wrong", f"The time of sign-in is {_shown(said)}.")
    if expected.fresh and said + SKEW.total_seconds() < expected.began.timestamp():
        age = expected.now.timestamp() - said
        return Wrong("sign_in_not_fresh", f"A new sign-in was asked for; the last one is {age:.0f} seconds old.")
    return None


def _subject(claims: Mapping[str, Any]) -> Wrong | None:
    said = claims.get("sub")
    if isinstance(said, str) and 0 < len(said) <= LONGEST_SUBJECT and said.isprintable() and said == said.strip():
        return None
    return Wrong("subject_missing", "The token names nobody (sub), or in a way that cannot be kept.")


def access_token_hash(access_token: str, algorithm: str) -> str:
    """`at_hash` of an access token, by the algorithm that signed the ID token (OpenID Connect Core 1.0, 3.1.3.6).
    EdDSA: SHA-512, as everybody does.
    """
    make = _HASHES.get(algorithm[-3:], hashlib.sha512)
    digest = make(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def members_of(document: bytes) -> dict[str, Any]:
    """A JSON object, no member of which is there twice: of two, readers take different ones. Raises ValueError."""
    found = json.loads(document, object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise ValueError("It is not a JSON object.")  # noqa: TRY004 - what was read is wrong, not what was given
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A member is there twice.")
    return found


def flat(claims: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Claims as lists of text, members of objects by their path (`realm_access.roles`); what is too much is left
    out.
    """
    found: dict[str, tuple[str, ...]] = {}
    _flatten(claims, "", found)
    return found


def _flatten(members: Mapping[str, Any], path: str, found: dict[str, tuple[str, ...]]) -> None:
    for name, value in members.items():
        if len(found) >= MOST_CLAIMS:
            return
        if isinstance(value, dict):
            if path.count(".") < 3:  # noqa: PLR2004 - levels that anybody uses
                _flatten(value, f"{path}{name}.", found)
        elif values := tuple(_text(each) for each in (value if isinstance(value, list) else [value]) if _keeps(each)):
            found[f"{path}{name}"] = values[:MOST_VALUES]


def _keeps(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE and value.isprintable() and bool(value.strip())
    return isinstance(value, bool | int | float)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_multi_factor(amr: tuple[str, ...]) -> bool:
    """Whether authentication methods (RFC 8176) are two factors: it says so, or they are of two kinds."""
    said = set(amr)
    return "mfa" in said or sum(bool(said & kind) for kind in _KINDS) > 1


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11  # noqa: PLR2004 - s


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True) if not isinstance(value, str) else value
    return text if len(text) <= 100 else f"{text[:100]}…"  # noqa: PLR2004 - characters
