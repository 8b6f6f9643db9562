"""Modules about codes and refresh tokens that come twice, late, or from somebody else."""

import time

from answers import check_token_error, check_userinfo
from flows import Outcome, refresh, sign_in
from relying_party import RelyingParty, register
from runs import Run, module


@module("basic/oidcc-codereuse")
def code_at_once_again(run: Run) -> None:
    """A code is exchanged once (RFC 6749, 4.1.2)."""
    rp = register(run, "basic")
    outcome = sign_in(run, rp)
    check_token_error(run, rp.exchange(outcome.code), {"invalid_grant"})
    _check_code_is_bound(run, rp)


@module("basic/oidcc-codereuse-30seconds", waits=True)
def code_again_later(run: Run) -> None:
    """Thirty seconds later it is still used up, and what was issued for it ends."""
    rp = register(run, "basic")
    outcome = sign_in(run, rp)
    check_userinfo(run, rp.userinfo(outcome.tokens.access_token), outcome.claims["sub"])
    time.sleep(30)
    check_token_error(run, rp.exchange(outcome.code), {"invalid_grant"})
    check_revoked(run, rp, outcome)


@module("basic/oidcc-refresh-token", "dynamic/oidcc-refresh-token")
def refresh_token(run: Run) -> None:
    """A refresh token gives new tokens, to the client that it was issued to (RFC 6749, 6; OpenID Connect Core 12). One
    that was replaced and comes again ends them all (RFC 9700, 4.14.2).
    """
    kind = run.name.partition("/")[0]
    grants = run.provider.metadata.get("grant_types_supported", [])
    run.check("grant_types_supported has refresh_token", "refresh_token" in grants, grants)
    first, second = register(run, kind), register(run, kind)
    for rp in (first, second):
        rp.scope = "openid offline_access" if _has_offline(run) else "openid"
    refresh(run, first, sign_in(run, first, prompt="consent" if _has_offline(run) else None))
    outcome = sign_in(run, second, prompt="consent" if _has_offline(run) else None)
    tokens = refresh(run, second, outcome)
    latest = tokens.refresh_token or outcome.tokens.refresh_token
    check_token_error(run, first.refresh(latest), {"invalid_grant"})
    check_token_error(run, second.refresh("no-refresh-token"), {"invalid_grant"})
    wider = second.refresh(latest, scope=f"{second.scope} profile email")
    check_token_error(run, wider, {"invalid_scope"})
    still = second.refresh(latest)
    run.same("the client itself goes on with it", still.status_code, 200)
    if latest != outcome.tokens.refresh_token:
        check_token_error(run, second.refresh(outcome.tokens.refresh_token), {"invalid_grant"})
        ended = second.refresh(still.json().get("refresh_token", latest))
        check_token_error(run, ended, {"invalid_grant"})


def check_revoked(run: Run, rp: RelyingParty, outcome: Outcome) -> None:
    """What was issued for a code that came twice is worth nothing any more."""
    answer = rp.userinfo(outcome.tokens.access_token)
    run.check("the access token is revoked", 400 <= answer.status_code < 500, answer.status_code)
    if outcome.tokens.refresh_token:
        refused = rp.refresh(outcome.tokens.refresh_token)
        run.same(
            "the refresh token is revoked", (refused.status_code, refused.json().get("error")), (400, "invalid_grant")
        )


def _check_code_is_bound(run: Run, rp: RelyingParty) -> None:
    """A code is for one client and one redirect_uri, and the client proves itself (RFC 6749, 4.1.3)."""
    other = register(run, "basic")
    asked = rp.request()
    code = rp.authorize(asked).value("code")
    taken = other.exchange(code, redirect_uri=rp.redirect_uri)
    check_token_error(run, taken, {"invalid_grant"})
    asked = rp.request()
    code = rp.authorize(asked).value("code")
    check_token_error(
        run, rp.exchange(code, redirect_uri=f"{rp.redirect_uri}/other"), {"invalid_grant", "invalid_request"}
    )
    secret, rp.registered["client_secret"] = rp.registered.get("client_secret"), "wrong"
    check_token_error(run, rp.exchange(code), {"invalid_client"})
    rp.registered["client_secret"] = secret
    nobody = run.provider.http.post(rp.endpoint("token"), data={"grant_type": "authorization_code", "code": code})
    check_token_error(run, nobody, {"invalid_client", "invalid_request"})
    check_token_error(run, rp.token({"grant_type": "no_such_grant"}), {"unsupported_grant_type"})
    check_token_error(run, rp.token({}), {"invalid_request"})


def _has_offline(run: Run) -> bool:
    return "offline_access" in run.provider.metadata.get("scopes_supported", [])
