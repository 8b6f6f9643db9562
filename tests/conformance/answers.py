"""Conditions on what the provider answers: callbacks, tokens, errors, userinfo."""

import json
import math
import re
import string
from collections import Counter
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import proofs
from relying_party import RelyingParty, Tokens
from runs import Run
from user_agent import Landing

_VISIBLE = re.compile(r"[\x20-\x7e]+")
#: RFC 6749, 5.2: no quote, no backslash.
_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
_TOKEN_MEMBERS = {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}
_ERROR_MEMBERS = {"error", "error_description", "error_uri"}
#: The standard claims and their types (OpenID Connect Core 5.1).
STANDARD_CLAIMS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(
        ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
         "website", "email", "gender", "birthdate", "zoneinfo", "locale", "phone_number"), str),
    "email_verified": bool, "phone_number_verified": bool, "address": dict, "updated_at": (int, float), "sub": str,
}  # fmt: skip
BY_SCOPE = {
    "profile": {
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    },
    "email": {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"},
}  # fmt: skip
_URLS = ("profile", "picture", "website")


def check_callback(run: Run, landing: Landing, asked: dict[str, str], *, state: str | None = "") -> str:
    """An authorization that succeeded; returns the code. `state`: another than asked, None for none. Raises Stop."""
    run.must("the browser comes back to the relying party", landing.at_relying_party, landing)
    run.check("it comes back to the redirect_uri of the request", _base(landing.url) == _base(asked["redirect_uri"]),
              landing.url)  # fmt: skip
    run.must("it comes back without an error", "error" not in landing.answer, landing.url)
    expected = asked.get("state") if state == "" else state
    _check_state(run, landing, expected)
    run.same("iss of the response is the issuer (RFC 9207)", landing.answer.get("iss"), [run.provider.issuer])
    own = set(parse_qs(urlsplit(asked["redirect_uri"]).query, keep_blank_values=True))
    unknown = set(landing.answer) - {"code", "state", "iss", "session_state"} - own
    run.check("the response has no parameter that nobody expects", not unknown, unknown)
    run.check("nothing stands in the fragment", "#" not in landing.url, landing.url)
    codes = landing.answer.get("code", [])
    run.must("the response has one code", len(codes) == 1 and codes[0], landing.url)
    run.check("the code cannot be guessed", entropy(codes[0]) >= 96, f"{entropy(codes[0]):.0f} bits")
    return codes[0]


def check_refusal(run: Run, landing: Landing, asked: dict[str, str], errors: Collection[str]) -> None:
    """An authorization that was refused, at the relying party (RFC 6749, 4.1.2.1; OpenID Connect Core 3.1.2.6)."""
    run.must("the browser comes back to the relying party", landing.at_relying_party, landing)
    run.one_of(f"the error is {' or '.join(sorted(errors))}", landing.value("error"), errors)
    run.check("a refused request gives no code", "code" not in landing.answer, landing.url)
    _check_state(run, landing, asked.get("state"))
    run.same("iss of the error is the issuer (RFC 9207)", landing.answer.get("iss"), [run.provider.issuer])
    described = landing.value("error_description")
    run.check("error_description has allowed characters only", _DESCRIPTION.fullmatch(described), described)
    unknown = set(landing.answer) - _ERROR_MEMBERS - {"state", "iss", "session_state"}
    run.check("the error has no parameter that nobody expects", not unknown, unknown)


def check_error_page(run: Run, landing: Landing) -> None:
    """A request whose error cannot be sent anywhere is told to the person (RFC 6749, 4.1.2.1)."""
    run.check("the browser is not sent to the relying party", not landing.at_relying_party, landing)
    if landing.at_relying_party:
        return
    run.check("the page's status tells an error", 400 <= landing.response.status_code < 500, landing)
    run.check("the page is for a person", "text/html" in landing.response.headers.get("content-type", ""), landing)
    run.check("the page asks for no password", landing.page.sign_in is None, landing)


def check_refused_or_page(run: Run, landing: Landing, asked: dict[str, str], errors: Collection[str]) -> None:
    """Either of the two above, where both are right."""
    if landing.at_relying_party:
        check_refusal(run, landing, asked, errors)
    else:
        check_error_page(run, landing)


def check_tokens(run: Run, rp: RelyingParty, answer: httpx.Response, *, id_token: bool = True) -> Tokens:
    """A token response (RFC 6749, 5.1; OpenID Connect Core 3.1.3.3). Raises Stop when there are no tokens."""
    run.must("the token endpoint answers 200", answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}")
    run.must("the token endpoint answers JSON", is_json(answer), answer.headers.get("content-type"))
    body = unique_members(run, answer)
    run.check("the token response is not to be stored", "no-store" in answer.headers.get("cache-control", ""),
              answer.headers.get("cache-control"))  # fmt: skip
    token = body.get("access_token")
    run.must("there is an access token", isinstance(token, str) and _VISIBLE.fullmatch(token), token)
    run.check("the access token cannot be guessed", entropy(str(token)) >= 96, token)
    kind = "dpop" if rp.dpop_key is not None else "bearer"
    run.same("token_type says how the token is used", str(body.get("token_type")).lower(), kind)
    expires = body.get("expires_in")
    run.check("expires_in is a number of seconds above zero", type(expires) is int and expires > 0, expires)
    if "refresh_token" in body:
        refresh = body["refresh_token"]
        run.check("the refresh token has allowed characters only",
                  isinstance(refresh, str) and _VISIBLE.fullmatch(refresh), refresh)  # fmt: skip
    if id_token:
        run.must("there is an ID token", isinstance(body.get("id_token"), str), sorted(body))
    unknown = set(body) - _TOKEN_MEMBERS
    run.check("the token response has no member that nobody expects", not unknown, unknown)
    return Tokens(body)


def check_token_error(
    run: Run, answer: httpx.Response, errors: Collection[str], statuses: Collection[int] = (400,)
) -> None:
    """An error of the token endpoint, or of another one that answers like it (RFC 6749, 5.2)."""
    allowed = {*statuses, 401} if "invalid_client" in errors else set(statuses)
    run.one_of(f"the status is {' or '.join(map(str, sorted(allowed)))}", answer.status_code, allowed)
    if not run.check("the error is JSON", is_json(answer), answer.headers.get("content-type")):
        return
    body = unique_members(run, answer)
    run.one_of(f"the error is {' or '.join(sorted(errors))}", body.get("error"), errors)
    described = body.get("error_description", "")
    run.check("error_description has allowed characters only",
              isinstance(described, str) and _DESCRIPTION.fullmatch(described), described)  # fmt: skip
    run.check("error_uri is an address when there is one", re.match(r"https?://", body.get("error_uri", "https://")))
    unknown = set(body) - _ERROR_MEMBERS
    run.check("the error has no member that nobody expects, and no token", not unknown, unknown)
    if answer.status_code == 401:
        run.check("401 comes with WWW-Authenticate", "www-authenticate" in answer.headers)


def check_refreshed_tokens(run: Run, before: Tokens, after: Tokens) -> None:
    """What a refresh changes (RFC 6749, 6)."""
    run.check("a refresh gives another access token", after.access_token != before.access_token)
    wider = set(str(after.body.get("scope", "")).split()) - set(str(before.body.get("scope", "")).split())
    run.check("a refresh gives no wider scope", not wider, wider)


def check_userinfo(run: Run, answer: httpx.Response, subject: str) -> dict[str, Any]:
    """What userinfo says (OpenID Connect Core 5.3.2): about the same person, with claims of the right types."""
    told = f"{answer.status_code} {answer.headers.get('www-authenticate', '')} {answer.text[:200]}"
    run.must("userinfo answers 200", answer.status_code == 200, told)
    run.check("userinfo answers JSON", is_json(answer), answer.headers.get("content-type"))
    claims = unique_members(run, answer)
    run.same("sub of userinfo is sub of the ID token", claims.get("sub"), subject)
    check_claims(run, claims, "userinfo")
    return claims


def check_claims(run: Run, claims: dict[str, Any], where: str) -> None:
    """Standard claims have their types, and none is empty."""
    wrong = {
        name: value for name, value in claims.items()
        if name in STANDARD_CLAIMS and (not isinstance(value, STANDARD_CLAIMS[name]) or _bool_as_number(name, value))
    }  # fmt: skip
    run.check(f"standard claims of {where} have their types", not wrong, wrong)
    empty = [name for name, value in claims.items() if value in (None, "", [], {})]
    run.check(f"no claim of {where} is empty or null", not empty, empty)
    addresses = {name: claims[name] for name in _URLS if name in claims and not str(claims[name]).startswith("http")}
    run.check(f"claims of {where} that are addresses are addresses", not addresses, addresses)
    if "email" in claims:
        run.check(f"email of {where} is a mail address", re.fullmatch(r"[^@\s]+@[^@\s]+", str(claims["email"])))


def unique_members(run: Run, answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer, whose members all have different names. Raises Stop when it is none."""
    twice: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = Counter(name for name, _ in pairs)
        twice.extend(name for name, count in names.items() if count > 1)
        return dict(pairs)

    try:
        found = json.loads(answer.text, object_pairs_hook=collect)
    except ValueError:
        found = None
    run.must("the answer is a JSON object", isinstance(found, dict), answer.text[:200])
    run.check("no member of the answer stands there twice", not twice, twice)
    return dict(found)


def is_json(answer: httpx.Response) -> bool:
    """Whether an answer says that it is JSON."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def entropy(text: str) -> float:
    """Bits that a random text of these characters can hold: its length times those of its alphabet, as far as seen."""
    signature = text.rpartition(".")[2] if text.count(".") == 2 else text
    alphabet = 16 if set(signature) <= set(string.hexdigits) else 64
    return len(signature) * math.log2(min(alphabet, max(2, len(set(signature)))))


def subject_of(tokens: Tokens) -> str:
    """`sub` of an ID token, unverified."""
    return str(proofs.claims_of(tokens.id_token).get("sub", ""))


def _check_state(run: Run, landing: Landing, expected: str | None) -> None:
    if expected is None:
        run.check("no state comes back for none", "state" not in landing.answer, landing.url)
    else:
        run.same("state comes back as it was", landing.answer.get("state"), [expected])


def _bool_as_number(name: str, value: Any) -> bool:
    return name == "updated_at" and isinstance(value, bool)


def _base(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]
