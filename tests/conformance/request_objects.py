"""Modules about request objects, by value and by reference (OpenID Connect Core 6, RFC 9101)."""

import secrets
import time
from typing import Any

import proofs
from answers import check_refused_or_page
from flows import finish
from relying_party import RelyingParty, register
from runs import Run, module


@module("basic/oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported")
def unsigned_by_reference(run: Run) -> None:
    """Either the provider fetches it and does what it says, or it says that it does not do that."""
    rp, published = _with_published(run, "basic", "none")
    asked = rp.request()
    run.receiver.publish(published, proofs.unsigned(_object(run, rp, asked)), "application/oauth-authz-req+jwt")
    _supported_or_refused(run, rp, asked, {"request_uri": run.receiver.address(published)}, "request_uri")


@module("basic/oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported")
def unsigned_by_value(run: Run) -> None:
    """The same with the object in the request."""
    rp = register(run, "basic", request_object_signing_alg="none")
    asked = rp.request()
    _supported_or_refused(run, rp, asked, {"request": proofs.unsigned(_object(run, rp, asked))}, "request")


@module("basic/oidcc-ensure-request-object-with-redirect-uri", "dynamic/oidcc-ensure-request-object-with-redirect-uri")
def the_object_wins(run: Run) -> None:
    """What the object says wins over what stands beside it."""
    kind = run.name.partition("/")[0]
    rp = register(run, kind, request_object_signing_alg="none")
    asked = rp.request()
    beside = {"request": proofs.unsigned(_object(run, rp, asked)), "redirect_uri": f"{rp.redirect_uri}/elsewhere"}
    _supported_or_refused(run, rp, asked, beside, "request")


@module("dynamic/oidcc-request-uri-unsigned")
def unsigned_reference_is_fetched(run: Run) -> None:
    """A provider that registers clients fetches request objects (OpenID Connect Core 15.2)."""
    rp, published = _with_published(run, "dynamic", "none")
    asked = rp.request()
    address = run.receiver.publish(
        published, proofs.unsigned(_object(run, rp, asked)), "application/oauth-authz-req+jwt"
    )
    _succeeds(run, rp, asked, {"request_uri": address})
    run.check("the provider fetched the object", run.receiver.wait_for(published, patience=0))
    elsewhere = rp.request()
    strange = run.receiver.publish(f"/request/{secrets.token_hex(6)}", proofs.unsigned(_object(run, rp, elsewhere)))
    landing = rp.authorize({**_little(rp, elsewhere), "request_uri": strange})
    check_refused_or_page(run, landing, elsewhere, {"invalid_request_uri", "invalid_request"})


@module("dynamic/oidcc-request-uri-signed-rs256")
def signed_reference_is_fetched(run: Run) -> None:
    """A signed object is taken, and nothing else of a client that registered to sign (6.1)."""
    rp, published = _with_published(run, "dynamic", "RS256")
    if rp.key is None:
        raise RuntimeError("The client has no key.")
    asked = rp.request()
    good = proofs.sign(rp.key, {"kid": rp.key.kid, "typ": "oauth-authz-req+jwt"}, _object(run, rp, asked))
    address = run.receiver.publish(published, good, "application/oauth-authz-req+jwt")
    _succeeds(run, rp, asked, {"request_uri": address})
    other = proofs.make_key("RS256")
    claims = _object(run, rp, asked)
    for what, text in {
        "a spoilt signature": proofs.spoilt(good),
        "a key of somebody else": proofs.sign(other, {"kid": rp.key.kid}, claims),
        "no signature": proofs.unsigned(claims),
        "another issuer": proofs.sign(rp.key, {"kid": rp.key.kid}, {**claims, "iss": "somebody-else"}),
        "another audience": proofs.sign(rp.key, {"kid": rp.key.kid}, {**claims, "aud": "https://elsewhere.example"}),
        "an end in the past": proofs.sign(rp.key, {"kid": rp.key.kid}, {**claims, "exp": int(time.time()) - 300}),
        "another client": proofs.sign(rp.key, {"kid": rp.key.kid}, {**claims, "client_id": "somebody-else"}),
    }.items():
        run.receiver.publish(published, text, "application/oauth-authz-req+jwt")
        landing = rp.authorize({**_little(rp, asked), "request_uri": address})
        run.check(f"{what}: the request is refused", "code" not in landing.answer, landing)
        check_refused_or_page(run, landing, asked, {"invalid_request_object", "invalid_request_uri", "invalid_request"})


def _with_published(run: Run, kind: str, algorithm: str) -> tuple[RelyingParty, str]:
    """A client whose request objects stand under a registered address; the path of it."""
    path = f"/request/{secrets.token_hex(6)}"
    address = run.receiver.publish(path, "", "application/oauth-authz-req+jwt")
    return register(run, kind, request_object_signing_alg=algorithm, request_uris=[address]), path


def _object(run: Run, rp: RelyingParty, asked: dict[str, str]) -> dict[str, Any]:
    """The claims of a request object."""
    now = int(time.time())
    return {**asked, "iss": rp.client_id, "aud": run.provider.issuer, "iat": now, "nbf": now, "exp": now + 300,
            "jti": secrets.token_urlsafe(16)}  # fmt: skip


def _little(rp: RelyingParty, asked: dict[str, str]) -> dict[str, str]:
    """What must stand beside an object all the same (6.1), and state, so that an error finds its way."""
    kept = {name: asked[name] for name in ("response_type", "scope", "redirect_uri", "state")}
    return {**kept, "client_id": rp.client_id}


def _succeeds(run: Run, rp: RelyingParty, asked: dict[str, str], passed: dict[str, str]) -> None:
    beside = {**_little(rp, asked), "state": "beside-the-object"} | passed
    finish(run, rp, rp.authorize(beside), asked)


def _supported_or_refused(run: Run, rp: RelyingParty, asked: dict[str, str], passed: dict[str, str], name: str) -> None:
    said = run.provider.metadata.get(f"{name}_parameter_supported", name == "request_uri")
    if said:
        _succeeds(run, rp, asked, passed)
        return
    beside = {**_little(rp, asked), **passed}
    landing = rp.authorize(beside)
    if "redirect_uri" in passed:
        run.check("nobody is sent to an address that is not registered", not landing.at_relying_party, landing)
        return
    check_refused_or_page(run, landing, beside, {f"{name}_not_supported", "invalid_request"})
