"""What most modules do: an authorization, its tokens, userinfo; each step with its conditions."""

from dataclasses import dataclass
from typing import Any

import proofs
from answers import check_callback, check_refreshed_tokens, check_tokens, check_userinfo
from id_tokens import check_id_token, check_refreshed
from relying_party import RelyingParty, Tokens
from runs import Run
from user_agent import Landing, UserAgent


@dataclass
class Outcome:
    """A sign-in that came to its end."""

    asked: dict[str, str]
    landing: Landing
    code: str
    tokens: Tokens
    #: Of the ID token.
    claims: dict[str, Any]


def sign_in(
    run: Run, rp: RelyingParty, browser: UserAgent | None = None, *, max_age: int | None = None, **changes: Any
) -> Outcome:
    """The code flow, checked at each step up to the ID token. `changes`: of the authorization request."""
    asked = rp.request(**changes)
    return finish(run, rp, rp.authorize(asked, browser), asked, max_age=max_age)


def finish(
    run: Run, rp: RelyingParty, landing: Landing, asked: dict[str, str], *, max_age: int | None = None
) -> Outcome:
    """From the callback on."""
    code = check_callback(run, landing, asked)
    tokens = check_tokens(run, rp, rp.exchange(code))
    claims = check_id_token(run, rp, tokens, nonce=asked.get("nonce"), max_age=max_age)
    return Outcome(asked, landing, code, tokens, claims)


def whole(
    run: Run, rp: RelyingParty, browser: UserAgent | None = None, **changes: Any
) -> tuple[Outcome, dict[str, Any]]:
    """The code flow and userinfo."""
    outcome = sign_in(run, rp, browser, **changes)
    told = check_userinfo(run, rp.userinfo(outcome.tokens.access_token), str(outcome.claims["sub"]))
    return outcome, told


def refresh(run: Run, rp: RelyingParty, outcome: Outcome) -> Tokens:
    """A refresh, its ID token when there is one, and userinfo with the new access token."""
    run.must("there is a refresh token", outcome.tokens.refresh_token, sorted(outcome.tokens.body))
    tokens = check_tokens(run, rp, rp.refresh(outcome.tokens.refresh_token), id_token=False)
    check_refreshed_tokens(run, outcome.tokens, tokens)
    if tokens.id_token:
        second = check_id_token(run, rp, tokens, nonce=_nonce_of(outcome, tokens))
        check_refreshed(run, outcome.claims, second)
    check_userinfo(run, rp.userinfo(tokens.access_token), str(outcome.claims["sub"]))
    return tokens


def _nonce_of(outcome: Outcome, tokens: Tokens) -> str | None:
    """An ID token of a refresh has no nonce, or the first one (OpenID Connect Core 12.2)."""
    return outcome.asked.get("nonce") if "nonce" in proofs.claims_of(tokens.id_token) else None
