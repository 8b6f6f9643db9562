"""Modules of FAPI 2.0 about authorization requests that must not come through (RFC 9126, RFC 7636)."""

import secrets
import time

import proofs
from answers import (
    check_error_page,
    check_refused_or_page,
    check_token_error,
)
from fapi2_flows import (
    LONGEST_REQUEST_URI,
    PREFIX,
    check_pushed,
    finish_pushed,
    opened,
    pushed,
    refused_somewhere,
    seconds_left,
)
from flows import finish
from relying_party import register
from runs import Run, module

_BAD_URI = {"invalid_request_uri", "invalid_request", "access_denied"}


@module(f"{PREFIX}ensure-request-object-without-redirect-uri-fails")
def without_redirect_uri(run: Run) -> None:
    """A pushed request says where it ends, and nothing beside it can."""
    rp = register(run, "fapi2")
    asked = rp.request(redirect_uri=None)
    answer = rp.push(asked)
    if answer.status_code != 201:
        check_token_error(run, answer, {"invalid_request", "invalid_request_object"})
        return
    address = opened(rp, answer.json()["request_uri"], redirect_uri=rp.redirect_uri)
    check_error_page(run, rp.browser().sign_in(address, run.provider.person))


@module(f"{PREFIX}ensure-redirect-uri-in-authorization-request")
def redirect_uri_missing(run: Run) -> None:
    """The same with nothing beside it."""
    rp = register(run, "fapi2")
    refused_somewhere(run, rp, rp.request(redirect_uri=None), {"invalid_request"})


@module(f"{PREFIX}plain-fapi-tolerate-unregistered-redirect-uri")
def unregistered_redirect_uri(run: Run) -> None:
    """A client that proves itself may bring its address (RFC 9126, 2.4), or is refused; nobody is led astray."""
    rp = register(run, "fapi2")
    registered, rp.redirect_uri = rp.redirect_uri, run.receiver.address(f"/unregistered/{secrets.token_hex(6)}")
    asked = rp.request()
    answer = rp.push(asked)
    if answer.status_code != 201:
        check_token_error(run, answer, {"invalid_request", "invalid_redirect_uri"})
    else:
        landing = rp.browser().sign_in(opened(rp, check_pushed(run, answer)), run.provider.person)
        if landing.at_relying_party:
            finish(run, rp, landing, asked)
        else:
            check_error_page(run, landing)
    rp.redirect_uri = registered
    finish_pushed(run, rp, rp.request())


@module(f"{PREFIX}ensure-unsigned-authorization-request-without-using-par-fails")
def not_pushed(run: Run) -> None:
    """A request that was not pushed is none."""
    rp = register(run, "fapi2")
    asked = rp.request()
    landing = rp.browser().sign_in(rp.address(asked), run.provider.person)
    run.check("a request that was not pushed gives no code", "code" not in landing.answer, landing)
    check_refused_or_page(run, landing, asked, {"invalid_request"})


@module(f"{PREFIX}ensure-response-type-code-idtoken-fails")
def code_and_id_token(run: Run) -> None:
    """Tokens do not come through the browser (FAPI 2.0 security profile 5.3.2.2)."""
    rp = register(run, "fapi2")
    errors = {"unsupported_response_type", "invalid_request", "unauthorized_client"}
    refused_somewhere(run, rp, rp.request(response_type="code id_token"), errors)


@module(f"{PREFIX}ensure-response-type-token-fails")
def token_only(run: Run) -> None:
    """The same with an access token."""
    rp = register(run, "fapi2")
    errors = {"unsupported_response_type", "invalid_request", "unauthorized_client"}
    refused_somewhere(run, rp, rp.request(response_type="token"), errors)


@module(f"{PREFIX}par-ensure-reused-request-uri-prior-to-auth-completion-succeeds")
def opened_twice_before(run: Run) -> None:
    """Who opens the page again before signing in still signs in."""
    rp = register(run, "fapi2")
    asked = rp.request()
    address = opened(rp, pushed(run, rp, asked))
    browser = rp.browser()
    first = browser.open(address)
    run.check("the person is asked to sign in", first.asked_to_sign_in, first)
    landing = browser.go_on(browser.open(address), run.provider.person)
    finish(run, rp, landing, asked)


@module(f"{PREFIX}par-attempt-reuse-request_uri")
def opened_twice_after(run: Run) -> None:
    """Once it gave a code, a request_uri is used up."""
    rp = register(run, "fapi2")
    asked, browser = rp.request(), rp.browser()
    address = opened(rp, pushed(run, rp, asked))
    finish(run, rp, browser.sign_in(address, run.provider.person), asked)
    for again in (browser, rp.browser()):
        landing = again.sign_in(address, run.provider.person)
        run.check("a request_uri gives one code", "code" not in landing.answer, landing)
        check_refused_or_page(run, landing, asked, _BAD_URI)


@module(f"{PREFIX}par-attempt-to-use-expired-request_uri", waits=True)
def opened_too_late(run: Run) -> None:
    """After its time a request_uri is worth nothing."""
    rp = register(run, "fapi2")
    asked = rp.request()
    answer, began = rp.push(asked), time.monotonic()
    request_uri = check_pushed(run, answer)
    expires = answer.json()["expires_in"]
    run.must("its time is one that can be waited for", expires < LONGEST_REQUEST_URI, expires)
    time.sleep(seconds_left(began, expires + 2))
    landing = rp.browser().sign_in(opened(rp, request_uri), run.provider.person)
    run.check("a request_uri whose time is over gives no code", "code" not in landing.answer, landing)
    check_refused_or_page(run, landing, asked, _BAD_URI)


@module(f"{PREFIX}par-attempt-to-use-request_uri-for-different-client")
def of_another_client(run: Run) -> None:
    """A request_uri is for the client that pushed it."""
    first, second = register(run, "fapi2"), register(run, "fapi2")
    asked = first.request()
    request_uri = pushed(run, first, asked)
    stolen = second.address({"client_id": second.client_id, "request_uri": request_uri})
    landing = second.browser().sign_in(stolen, run.provider.person)
    run.check("another client's request_uri gives no code", "code" not in landing.answer, landing)
    check_refused_or_page(run, landing, {}, _BAD_URI | {"invalid_client", "unauthorized_client"})
    finish(run, first, first.browser().sign_in(opened(first, request_uri), run.provider.person), asked)
    unknown = second.address(
        {"client_id": second.client_id, "request_uri": "urn:ietf:params:oauth:request_uri:unknown"}
    )
    check_refused_or_page(run, second.browser().open(unknown), {}, _BAD_URI)


@module(f"{PREFIX}par-authorization-request-containing-request_uri-form-param")
def pushed_reference(run: Run) -> None:
    """A pushed request cannot be a reference to another (RFC 9126, 2.1)."""
    rp = register(run, "fapi2")
    earlier = pushed(run, rp, rp.request())
    answer = rp.push({**rp.request(), "request_uri": earlier})
    check_token_error(run, answer, {"invalid_request"})
    check_token_error(run, rp.push({"client_id": rp.client_id, "request_uri": earlier}), {"invalid_request"})


@module(f"{PREFIX}par-attempt-invalid-http-method")
def not_by_post(run: Run) -> None:
    """Requests are pushed by POST, and nothing else is understood (RFC 9126, 2.3)."""
    rp = register(run, "fapi2")
    form, headers = rp.authenticated(rp.request())
    address = rp.endpoint("pushed_authorization_request")
    for method in ("PUT", "DELETE", "PATCH"):
        answer = run.provider.http.request(method, address, data=form, headers=headers)
        run.one_of(f"{method} is refused", answer.status_code, {400, 404, 405})
        run.check(f"{method} gives no request_uri", "request_uri:" not in answer.text, answer.text[:200])
    by_get = run.provider.http.get(address, params=form)
    run.one_of("GET is refused", by_get.status_code, {400, 404, 405})


@module(f"{PREFIX}par-ensure-pkce-required")
def without_pkce(run: Run) -> None:
    """There is no flow without PKCE."""
    rp = register(run, "fapi2")
    refused_somewhere(run, rp, rp.request(code_challenge=None, code_challenge_method=None), {"invalid_request"})


@module(f"{PREFIX}par-plain-pkce-rejected")
def plain_pkce(run: Run) -> None:
    """A challenge that is the verifier itself protects nothing."""
    rp = register(run, "fapi2")
    plain = secrets.token_urlsafe(48)
    refused_somewhere(run, rp, rp.request(code_challenge=plain, code_challenge_method="plain"), {"invalid_request"})
    refused_somewhere(run, rp, rp.request(code_challenge=plain, code_challenge_method=None), {"invalid_request"})


@module(f"{PREFIX}ensure-mismatched-dpop-jkt-fails")
def other_key_named(run: Run) -> None:
    """A request that names another key than its proof has (RFC 9449, 10.1)."""
    rp = register(run, "fapi2")
    other = proofs.thumbprint(proofs.make_key("ES256"))
    proof = rp.proof("POST", rp.endpoint("pushed_authorization_request"))
    answer = rp.push(rp.request(dpop_jkt=other), dpop=proof)
    check_token_error(run, answer, {"invalid_request", "invalid_dpop_proof"})
    for_another = rp.proof("POST", rp.endpoint("token"))
    for wrong in (for_another, proofs.spoilt(proof), proof):
        check_token_error(run, rp.push(rp.request(), dpop=wrong), {"invalid_request", "invalid_dpop_proof"})


@module(f"{PREFIX}ensure-dpopproof-at-par-endpoint-binding-success")
def proof_with_request(run: Run) -> None:
    """A proof that comes with the request binds its code to the key; the same key exchanges it."""
    rp = register(run, "fapi2")
    finish_pushed(run, rp, rp.request(), dpop=rp.proof("POST", rp.endpoint("pushed_authorization_request")))


@module(f"{PREFIX}ensure-dpop-auth-code-binding-success")
def key_named_in_request(run: Run) -> None:
    """So does a key that the request names, with the proof and without."""
    rp = register(run, "fapi2")
    if rp.dpop_key is None:
        raise RuntimeError("The client has no key for proofs.")
    thumbprint = proofs.thumbprint(rp.dpop_key)
    finish_pushed(run, rp, rp.request(dpop_jkt=thumbprint))
    proof = rp.proof("POST", rp.endpoint("pushed_authorization_request"))
    finish_pushed(run, rp, rp.request(dpop_jkt=thumbprint), dpop=proof)
