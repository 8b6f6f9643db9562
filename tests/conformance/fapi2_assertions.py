"""Modules of FAPI 2.0 about how clients prove themselves (RFC 7523; security profile 5.3.2.1 and 5.3.3)."""

import time

import proofs
from answers import check_callback, check_token_error, check_tokens
from fapi2_flows import PREFIX, check_pushed, finish_pushed, signed_in
from relying_party import RelyingParty, register, registration, send_registration
from runs import Run, module

_WRONG_CLIENT = {"invalid_client"}


@module(f"{PREFIX}ensure-client-id-in-token-endpoint")
def of_another_client(run: Run) -> None:
    """One client cannot say that it is another."""
    first, second = register(run, "fapi2"), register(run, "fapi2")
    code, _ = signed_in(run, first)
    answer = first.exchange(code, client_id=second.client_id)
    check_token_error(run, answer, {"invalid_client", "invalid_request", "invalid_grant"})
    code, _ = signed_in(run, first)
    forged = first.assertion(iss=second.client_id, sub=second.client_id)
    check_token_error(run, first.exchange(code, assertion=forged, client_id=second.client_id), _WRONG_CLIENT)


@module(f"{PREFIX}ensure-authorization-code-is-bound-to-client")
def code_of_another_client(run: Run) -> None:
    """A code is for the client that asked for it."""
    first, second = register(run, "fapi2"), register(run, "fapi2")
    code, _ = signed_in(run, first)
    second.verifier = first.verifier
    answer = second.exchange(code, redirect_uri=first.redirect_uri)
    check_token_error(run, answer, {"invalid_grant", "invalid_client"})


@module(f"{PREFIX}ensure-signed-client-assertion-with-RS256-fails")
def with_rs256(run: Run) -> None:
    """RS256 is not for FAPI 2.0, neither for one who registered a key for it nor for one who changes his mind."""
    rp = register(run, "fapi2", token_endpoint_auth_signing_alg="PS256", id_token_signed_response_alg="PS256")
    code, _ = signed_in(run, rp)
    check_token_error(run, rp.exchange(code, assertion=rp.assertion(algorithm="RS256")), _WRONG_CLIENT)
    check_tokens(run, rp, rp.exchange(code))
    check_token_error(run, rp.push(rp.request(), assertion=rp.assertion(algorithm="RS256")), _WRONG_CLIENT)
    key = proofs.make_key("RS256")
    wanted = registration(run, "fapi2", token_endpoint_auth_signing_alg="RS256", jwks=proofs.key_set(key))
    answer = send_registration(run, wanted)
    run.check(
        "nobody registers with RS256 for FAPI 2.0",
        answer.status_code == 400,
        f"{answer.status_code} {answer.text[:200]}",
    )


@module(f"{PREFIX}ensure-client-assertion-in-token-endpoint")
def without_assertion(run: Run) -> None:
    """Without an assertion nobody is proved."""
    rp = register(run, "fapi2")
    code, _ = signed_in(run, rp)
    check_token_error(run, rp.exchange(code, assertion=""), {"invalid_client", "invalid_request"})
    check_token_error(run, rp.push(rp.request(), assertion=""), {"invalid_client", "invalid_request"})


@module(f"{PREFIX}ensure-client-assertion-with-exp-is-5-minutes-in-past-fails")
def expired(run: Run) -> None:
    """An assertion has an end, and it is not over."""
    past = int(time.time()) - 300
    _refused(run, exp=past)
    _refused(run, exp=past, iat=past - 60)
    _refused(run, exp=None)


@module(f"{PREFIX}ensure-client-assertion-with-wrong-aud-fails")
def wrong_audience(run: Run) -> None:
    """An assertion is for this provider."""
    _refused(run, aud="https://other.example/token")
    _refused(run, aud=None)


@module(f"{PREFIX}ensure-client-assertion-with-no-sub-fails")
def without_subject(run: Run) -> None:
    """An assertion says who it is about, and who made it, and comes once, with a signature that fits."""
    _refused(run, sub=None)
    _refused(run, iss=None)
    _refused(run, sub="somebody-else")
    rp = register(run, "fapi2")
    asked = rp.request()
    good = rp.assertion()
    check_token_error(run, rp.push(asked, assertion=proofs.spoilt(good)), _WRONG_CLIENT)
    claims = proofs.assertion_claims(rp.client_id, run.provider.issuer)
    check_token_error(run, rp.push(asked, assertion=proofs.unsigned(claims)), _WRONG_CLIENT)
    check_token_error(run, rp.push(asked, assertion=rp.assertion(key=proofs.make_key("ES256"))), _WRONG_CLIENT)
    check_token_error(run, rp.push(asked, assertion=rp.assertion(jti=None)), _WRONG_CLIENT)
    check_pushed(run, rp.push(asked, assertion=good))
    check_token_error(run, rp.push(asked, assertion=good), _WRONG_CLIENT)
    check_token_error(run, rp.push({**asked, "client_assertion_type": "other"}, client_assertion_type="x",
                                   assertion="") , {"invalid_client", "invalid_request"})  # fmt: skip


@module(f"{PREFIX}par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted")
def from_a_clock_ahead(run: Run) -> None:
    """A clock that is eight seconds ahead does no harm (security profile 5.3.2.1)."""
    rp = register(run, "fapi2")
    soon = int(time.time()) + 8
    assertion = rp.assertion(nbf=soon, iat=soon)
    finish_pushed(run, rp, rp.request(), assertion=assertion)


@module(f"{PREFIX}par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails")
def from_the_future(run: Run) -> None:
    """One that is more than a minute ahead does."""
    rp = register(run, "fapi2")
    later = int(time.time()) + 75
    for changes in ({"nbf": later}, {"iat": later}):
        assertion = rp.assertion(exp=later + 60, **changes)
        check_token_error(run, rp.push(rp.request(), assertion=assertion), _WRONG_CLIENT)


@module(f"{PREFIX}par-test-array-as-audience-fails")
def audience_as_a_list(run: Run) -> None:
    """The audience is the issuer as a text, not a list with it (security profile 5.3.2.1)."""
    _refused(run, aud=[run.provider.issuer])
    _refused(run, aud=[run.provider.issuer, "https://other.example"])


@module(f"{PREFIX}par-test-par-endpoint-url-as-audience-fails")
def for_the_pushed_endpoint(run: Run) -> None:
    """Nor the address that requests are pushed to."""
    _refused(run, aud=str(run.provider.metadata.get("pushed_authorization_request_endpoint")))


@module(f"{PREFIX}par-test-token-endpoint-url-as-audience-fails")
def for_the_token_endpoint(run: Run) -> None:
    """Nor the token endpoint."""
    _refused(run, aud=str(run.provider.metadata.get("token_endpoint")))


@module(f"{PREFIX}ensure-pkce-code-verifier-required")
def without_verifier(run: Run) -> None:
    """A code whose request had a challenge needs the verifier."""
    rp = register(run, "fapi2")
    code, _ = signed_in(run, rp)
    check_token_error(run, rp.exchange(code, code_verifier=None), {"invalid_grant", "invalid_request"})


@module(f"{PREFIX}incorrect-pkce-code-verifier-rejected")
def wrong_verifier(run: Run) -> None:
    """And the right one."""
    rp = register(run, "fapi2")
    code, _ = signed_in(run, rp)
    check_token_error(run, rp.exchange(code, code_verifier=rp.verifier[::-1]), {"invalid_grant"})
    asked = rp.request()
    landing = rp.authorize(asked)
    code = check_callback(run, landing, asked)
    challenge = proofs.whole_hash(rp.verifier)
    check_token_error(run, rp.exchange(code, code_verifier=challenge), {"invalid_grant"})


def _refused(run: Run, **changes: object) -> None:
    """An assertion with other claims proves nothing, neither for a pushed request nor at the token endpoint."""
    rp = register(run, "fapi2")
    check_token_error(run, rp.push(rp.request(), assertion=_with(rp, changes)), _WRONG_CLIENT)
    code, _ = signed_in(run, rp)
    check_token_error(run, rp.exchange(code, assertion=_with(rp, changes)), _WRONG_CLIENT)


def _with(rp: RelyingParty, changes: dict[str, object]) -> str:
    return rp.assertion(**changes)
