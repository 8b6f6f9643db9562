"""What the modules of FAPI 2.0 share, and those whose flow comes to its end."""

import secrets
import time
from collections.abc import Collection
from typing import Any

import httpx
import proofs
from answers import (
    check_callback,
    check_refusal,
    check_refused_or_page,
    check_token_error,
    check_tokens,
    check_userinfo,
    entropy,
    is_json,
    unique_members,
)
from discovery import FAPI2_ALGORITHMS, check_discovery
from flows import Outcome, finish, refresh, whole
from relying_party import RelyingParty, register
from runs import Run, module
from user_agent import Landing, UserAgent

PREFIX = "fapi2-security-profile/fapi2-security-profile-final-"
#: Seconds; FAPI 2.0 security profile 5.3.2.2.
LONGEST_REQUEST_URI = 600
LONGEST_CODE = 60


def check_pushed(run: Run, answer: httpx.Response) -> str:
    """The answer to a pushed request (RFC 9126, 2.2); returns its `request_uri`. Raises Stop."""
    told = f"{answer.status_code} {answer.text[:300]}"
    run.must("the request is taken at the pushed authorization request endpoint", answer.status_code == 201, told)
    run.must("the answer to a pushed request is JSON", is_json(answer), answer.headers.get("content-type"))
    run.check("the answer to a pushed request is not to be stored",
              "no-store" in answer.headers.get("cache-control", ""), answer.headers.get("cache-control"))  # fmt: skip
    body = unique_members(run, answer)
    uri, expires = body.get("request_uri"), body.get("expires_in")
    run.must("there is a request_uri", isinstance(uri, str) and uri, body)
    run.check("request_uri is a URN of its kind", str(uri).startswith("urn:ietf:params:oauth:request_uri:"), uri)
    run.check("request_uri cannot be guessed", entropy(str(uri).rpartition(":")[2]) >= 96, uri)
    run.check("expires_in is between 5 s and 10 minutes",
              type(expires) is int and 5 <= expires < LONGEST_REQUEST_URI, expires)  # fmt: skip
    run.check(
        "the answer to a pushed request has nothing else", set(body) == {"request_uri", "expires_in"}, sorted(body)
    )
    return str(uri)


def opened(rp: RelyingParty, request_uri: str, **beside: str) -> str:
    """The address that a browser is sent to with a pushed request."""
    return rp.address({"client_id": rp.client_id, "request_uri": request_uri, **beside})


def pushed(run: Run, rp: RelyingParty, asked: dict[str, str], **changes: Any) -> str:
    """Pushes a request and returns its `request_uri`."""
    return check_pushed(run, rp.push(asked, **changes))


def refused_somewhere(
    run: Run, rp: RelyingParty, asked: dict[str, str], errors: Collection[str], **changes: Any
) -> None:
    """A request that is refused when it is pushed, or when it is opened."""
    answer = rp.push(asked, **changes)
    if answer.status_code != 201:
        check_token_error(run, answer, errors)
        return
    landing = rp.browser().sign_in(opened(rp, answer.json()["request_uri"]), run.provider.person)
    run.check("the request is refused at the latest when it is opened", "code" not in landing.answer, landing)
    check_refused_or_page(run, landing, asked, errors)


def signed_in(run: Run, rp: RelyingParty, **changes: Any) -> tuple[str, dict[str, str]]:
    """A code of a flow that is all right, and what was asked."""
    asked = rp.request(**changes)
    landing = rp.browser().sign_in(opened(rp, pushed(run, rp, asked)), run.provider.person)
    return check_callback(run, landing, asked), asked


def finish_pushed(
    run: Run, rp: RelyingParty, asked: dict[str, str], *, browser: UserAgent | None = None, **changes: Any
) -> Outcome:
    """A whole flow, whose request was changed when it was pushed."""
    address = opened(rp, pushed(run, rp, asked, **changes))
    return finish(run, rp, (browser or rp.browser()).sign_in(address, run.provider.person), asked)


def check_profile(run: Run, outcome: Outcome) -> None:
    """What FAPI 2.0 asks of tokens."""
    algorithm = proofs.header_of(outcome.tokens.id_token).get("alg")
    run.one_of("the ID token is signed as FAPI 2.0 allows", algorithm, FAPI2_ALGORITHMS)
    run.same("the access token is bound to a key", str(outcome.tokens.body.get("token_type")).lower(), "dpop")


@module(f"{PREFIX}happy-flow")
def happy_flow(run: Run) -> None:
    """Two clients, one after the other; what one got the other cannot use."""
    check_discovery(run)
    first, second = register(run, "fapi2"), register(run, "fapi2")
    outcome = finish_pushed(run, first, first.request())
    check_profile(run, outcome)
    check_userinfo(run, first.userinfo(outcome.tokens.access_token), outcome.claims["sub"])
    other = finish_pushed(run, second, second.request())
    check_profile(run, other)
    check_userinfo(run, second.userinfo(other.tokens.access_token), other.claims["sub"])
    stolen = first.userinfo(other.tokens.access_token)
    run.check("a token with a proof of another client's key is worth nothing", stolen.status_code in {400, 401},
              stolen.status_code)  # fmt: skip
    listed = run.provider.metadata.get("id_token_signing_alg_values_supported", ())
    for algorithm in ("PS256", *({"EdDSA"} & set(listed))):
        rp = register(run, "fapi2", token_endpoint_auth_signing_alg=algorithm, id_token_signed_response_alg=algorithm)
        check_profile(run, finish_pushed(run, rp, rp.request()))


@module(f"{PREFIX}user-rejects-authentication")
def person_refuses(run: Run) -> None:
    """The person does not want to, and the client is told so; then they do."""
    for _ in range(2):
        rp = register(run, "fapi2")
        asked, browser = rp.request(), rp.browser()
        landing = browser.open(opened(rp, pushed(run, rp, asked)))
        refused = browser.refuse(landing)
        run.must("the page lets a person refuse", refused is not None, landing)
        if isinstance(refused, Landing):
            check_refusal(run, refused, asked, {"access_denied"})


@module(f"{PREFIX}ensure-authorization-request-without-state-success")
def without_state(run: Run) -> None:
    """No state is sent and none comes back."""
    whole(run, register(run, "fapi2"), state=None)


@module(f"{PREFIX}ensure-authorization-request-without-nonce-success")
def without_nonce(run: Run) -> None:
    """No nonce is sent and none comes back."""
    whole(run, register(run, "fapi2"), nonce=None)


@module(f"{PREFIX}ensure-authorization-request-with-64-char-nonce-success")
def with_nonce_of_64(run: Run) -> None:
    """A nonce of 64 characters comes back whole (FAPI 2.0 security profile 5.3.2.2)."""
    whole(run, register(run, "fapi2"), nonce=secrets.token_hex(32))


@module(f"{PREFIX}ensure-other-scope-order-succeeds")
def other_scope_order(run: Run) -> None:
    """openid need not stand first."""
    whole(run, register(run, "fapi2"), scope="profile email openid")
    whole(run, register(run, "fapi2"), scope="openid email profile")


@module(f"{PREFIX}access-token-type-header-case-sensitivity")
def scheme_in_another_case(run: Run) -> None:
    """Schemes of Authorization know no case (RFC 9110, 11.1)."""
    rp = register(run, "fapi2")
    outcome, _ = whole(run, rp)
    for scheme in ("dPoP", "dpop", "DPOP"):
        answer = rp.userinfo(outcome.tokens.access_token, scheme=scheme)
        check_userinfo(run, answer, outcome.claims["sub"])


@module(f"{PREFIX}ensure-authorization-request-with-long-nonce")
def long_nonce(run: Run) -> None:
    """A nonce of 384 characters comes back whole, or is refused."""
    _whole_or_refused(run, nonce=secrets.token_hex(192))


@module(f"{PREFIX}ensure-authorization-request-with-long-state")
def long_state(run: Run) -> None:
    """A state of 1,000 characters comes back whole, or is refused."""
    _whole_or_refused(run, state=secrets.token_hex(500))


@module(f"{PREFIX}ensure-different-nonce-inside-and-outside-request-object")
def other_nonce_beside(run: Run) -> None:
    """What stands beside a pushed request is ignored, or makes it fail; it never wins."""
    _beside(run, nonce="beside-the-request")


@module(f"{PREFIX}ensure-different-state-inside-and-outside-request-object")
def other_state_beside(run: Run) -> None:
    """The same with a state."""
    _beside(run, state="beside-the-request")


@module(f"{PREFIX}state-only-outside-request-object-not-used")
def state_beside_only(run: Run) -> None:
    """A state that was not pushed is none."""
    rp = register(run, "fapi2")
    asked = rp.request(state=None)
    address = opened(rp, pushed(run, rp, asked), state="beside-the-request")
    landing = rp.browser().sign_in(address, run.provider.person)
    if landing.at_relying_party and "error" not in landing.answer:
        outcome = finish(run, rp, landing, asked)
        run.check("the ID token has no hash of a state", "s_hash" not in outcome.claims)
        return
    check_refused_or_page(run, landing, {}, {"invalid_request", "access_denied"})


@module(f"{PREFIX}par-without-duplicate-parameters")
def nothing_beside(run: Run) -> None:
    """client_id and request_uri are enough (RFC 9126, 4); what repeats the pushed ones does no harm."""
    rp = register(run, "fapi2")
    finish_pushed(run, rp, rp.request())
    asked = rp.request()
    beside = {name: asked[name] for name in ("response_type", "scope", "redirect_uri", "state")}
    landing = rp.browser().sign_in(opened(rp, pushed(run, rp, asked), **beside), run.provider.person)
    finish(run, rp, landing, asked)


@module(f"{PREFIX}refresh-token")
def refresh_token(run: Run) -> None:
    """Refresh tokens are not rotated, or the old one is good for a while; each is bound to its client."""
    first, second = register(run, "fapi2"), register(run, "fapi2")
    tokens = [_refreshed(run, rp) for rp in (first, second)]
    refused = first.refresh(tokens[1])
    check_token_error(run, refused, {"invalid_grant"})
    check_token_error(run, second.refresh(tokens[1], assertion=""), {"invalid_client", "invalid_request"})
    bare = second.refresh(tokens[1], dpop=False)
    check_token_error(run, bare, {"invalid_dpop_proof", "invalid_request", "invalid_grant"})
    run.same("after all that the client itself goes on with it", second.refresh(tokens[1]).status_code, 200)


def _refreshed(run: Run, rp: RelyingParty) -> str:
    """Refreshes twice with one token; returns the one that is good."""
    offline = "offline_access" in run.provider.metadata.get("scopes_supported", [])
    rp.scope = "openid offline_access" if offline else "openid"
    outcome = finish_pushed(run, rp, rp.request(prompt="consent" if offline else None))
    before = outcome.tokens.refresh_token
    after = refresh(run, rp, outcome).refresh_token or before
    again = rp.refresh(before)
    check_tokens(run, rp, again, id_token=False)
    return str(again.json().get("refresh_token") or after)


def _whole_or_refused(run: Run, **changes: str) -> None:
    rp = register(run, "fapi2")
    asked = rp.request(**changes)
    answer = rp.push(asked)
    if answer.status_code != 201:
        check_token_error(run, answer, {"invalid_request"})
        return
    landing = rp.browser().sign_in(opened(rp, check_pushed(run, answer)), run.provider.person)
    if "error" in landing.answer:
        check_refusal(run, landing, asked, {"invalid_request"})
        return
    outcome = finish(run, rp, landing, asked)
    check_userinfo(run, rp.userinfo(outcome.tokens.access_token), outcome.claims["sub"])


def _beside(run: Run, **beside: str) -> None:
    rp = register(run, "fapi2")
    signed_in_already = rp.browser()
    finish_pushed(run, rp, rp.request(), browser=signed_in_already)
    for browser in (rp.browser(), signed_in_already):
        asked = rp.request()
        landing = browser.sign_in(opened(rp, pushed(run, rp, asked), **beside), run.provider.person)
        if landing.at_relying_party and "error" not in landing.answer:
            finish(run, rp, landing, asked)
        else:
            check_refused_or_page(run, landing, asked, {"invalid_request"})


def seconds_left(began: float, whole_time: float) -> float:
    """How long is to be waited until `whole_time` (s) are over."""
    return max(0.0, began + whole_time - time.monotonic())
