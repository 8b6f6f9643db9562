"""Modules about registrations (OpenID Connect Registration 1.0) and redirect addresses."""

import secrets
import time
from urllib.parse import urlsplit

import proofs
from answers import check_error_page, check_tokens, check_userinfo, is_json
from discovery import check_keys
from flows import refresh, sign_in, whole
from relying_party import register, registration, send_registration
from runs import Run, module

#: Seconds that a provider may keep a client's key set.
_KEYS_KEPT = 60


@module("dynamic/oidcc-ensure-redirect-uri-in-authorization-request")
def redirect_uri_missing(run: Run) -> None:
    """A request says where it ends, even if only one address is registered (OpenID Connect Core 3.1.2.1)."""
    rp = register(run, "dynamic")
    check_error_page(run, rp.authorize(rp.request(redirect_uri=None)))


@module("dynamic/oidcc-redirect-uri-query-OK")
def redirect_uri_with_query(run: Run) -> None:
    """A registered address keeps its query."""
    address = f"{run.receiver.address(f'/callback/{secrets.token_hex(6)}')}?foo=bar"
    rp = register(run, "dynamic", redirect_uris=[address])
    outcome = sign_in(run, rp)
    run.same("the query of the address is still there", outcome.landing.answer.get("foo"), ["bar"])


@module("dynamic/oidcc-redirect-uri-query-mismatch")
def redirect_uri_with_other_query(run: Run) -> None:
    """Another query is another address."""
    address = run.receiver.address(f"/callback/{secrets.token_hex(6)}")
    rp = register(run, "dynamic", redirect_uris=[f"{address}?foo=bar"])
    check_error_page(run, rp.authorize(rp.request(redirect_uri=f"{address}?bar=foo")))
    check_error_page(run, rp.authorize(rp.request(redirect_uri=address)))


@module("dynamic/oidcc-redirect-uri-query-added")
def redirect_uri_with_added_query(run: Run) -> None:
    """So is one where there was none."""
    rp = register(run, "dynamic")
    check_error_page(run, rp.authorize(rp.request(redirect_uri=f"{rp.redirect_uri}?foo=bar")))


@module("dynamic/oidcc-redirect-uri-regfrag")
def redirect_uri_with_fragment(run: Run) -> None:
    """An address with a fragment cannot be registered."""
    address = f"{run.receiver.address('/callback')}#foobar"
    _check_refused(run, {"redirect_uris": [address]}, {"invalid_redirect_uri", "invalid_client_metadata"})
    _check_refused(run, {"redirect_uris": []}, {"invalid_redirect_uri", "invalid_client_metadata"})


@module("dynamic/oidcc-registration-logo-uri")
def logo_uri(run: Run) -> None:
    """People see the logo of who asks."""
    address = run.receiver.publish("/logo.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml")
    _check_shown(run, "logo_uri", address)


@module("dynamic/oidcc-registration-policy-uri")
def policy_uri(run: Run) -> None:
    """People find how who asks treats what it is told."""
    _check_shown(run, "policy_uri", run.receiver.publish("/policy.html", "<!doctype html><p>Policy</p>", "text/html"))


@module("dynamic/oidcc-registration-tos-uri")
def tos_uri(run: Run) -> None:
    """People find the terms of who asks."""
    _check_shown(run, "tos_uri", run.receiver.publish("/terms.html", "<!doctype html><p>Terms</p>", "text/html"))


@module("dynamic/oidcc-registration-jwks-uri")
def jwks_uri(run: Run) -> None:
    """A client's keys may stand at an address."""
    key = proofs.make_key("RS256")
    address = run.receiver.publish(f"/jwks/{secrets.token_hex(6)}", proofs.key_set(key))
    rp = register(run, "dynamic", key=key, jwks_uri=address)
    whole(run, rp)
    run.check("the provider fetched the keys", run.receiver.wait_for(urlsplit(address).path, patience=0))
    asked = rp.request()
    code = rp.authorize(asked).value("code")
    other = proofs.make_key("RS256")
    refused = rp.exchange(code, assertion=rp.assertion(key=other))
    run.same("a key that does not stand there proves nothing", refused.json().get("error"), "invalid_client")
    both = {"jwks_uri": address, "jwks": proofs.key_set(key)}
    _check_refused(run, both, {"invalid_client_metadata"})


@module("dynamic/oidcc-registration-sector-uri")
def sector_uri(run: Run) -> None:
    """Two clients of one sector know a person by the same name, others by another (OpenID Connect Core 8.1)."""
    supported = run.provider.metadata.get("subject_types_supported", [])
    run.must("subject_types_supported has pairwise", "pairwise" in supported, supported)
    callbacks = [run.receiver.address(f"/callback/{secrets.token_hex(6)}") for _ in range(2)]
    sector = run.receiver.publish(f"/sector/{secrets.token_hex(6)}.json", callbacks)
    pairwise = {"subject_type": "pairwise", "sector_identifier_uri": sector}
    known = [
        whole(run, register(run, "dynamic", redirect_uris=[each], **pairwise))[0].claims["sub"] for each in callbacks
    ]
    run.check("the provider fetched the list", run.receiver.wait_for(urlsplit(sector).path, patience=0))
    run.same("two clients of one sector know the person by the same name", known[0], known[1])
    public = whole(run, register(run, "dynamic", subject_type="public"))[0].claims["sub"]
    run.check("another client knows the person by another name", public != known[0], known[0])


@module("dynamic/oidcc-registration-sector-bad")
def sector_bad(run: Run) -> None:
    """A list that does not name the client's addresses vouches for nothing."""
    wrong = [run.receiver.address("/callback/of-somebody-else")]
    for what, content in {"another address": wrong, "nothing": [], "no list": {"redirect_uris": wrong}}.items():
        sector = run.receiver.publish(f"/sector/{secrets.token_hex(6)}.json", content)
        changes = {"subject_type": "pairwise", "sector_identifier_uri": sector}
        run.check(f"the list names {what}", sector)
        _check_refused(run, changes, {"invalid_client_metadata"})
    nowhere = {"subject_type": "pairwise", "sector_identifier_uri": "http://127.0.0.1:1/sector.json"}
    _check_refused(run, nowhere, {"invalid_client_metadata"})


@module("dynamic/oidcc-server-rotate-keys", waits=True)
def rotate_keys(run: Run) -> None:
    """The operator makes new keys; the old ones are still published, and verify (OpenID Connect Core 10.1.1)."""
    rp = register(run, "dynamic")
    outcome = sign_in(run, rp)
    address = run.provider.metadata["jwks_uri"]
    before = {key["kid"] for key in check_keys(run, run.provider.http.get(address))["keys"]}
    run.provider.rotate_keys()
    after = _changed_keys(run, before)
    run.check("there is a new key", after - before, after)
    run.check("the old keys are still there", before <= after, before - after)
    second = sign_in(run, rp)
    run.check("tokens of before the change are still good",
              rp.userinfo(outcome.tokens.access_token).status_code == 200)  # fmt: skip
    run.check("the ID token is signed by a published key",
              proofs.header_of(second.tokens.id_token)["kid"] in _changed_keys(run, set()))  # fmt: skip


@module("dynamic/oidcc-refresh-token-rp-key-rotation", waits=True)
def client_rotates_keys(run: Run) -> None:
    """A client changes the key at its jwks_uri and goes on with its refresh token (10.1.1)."""
    key, path = proofs.make_key("RS256"), f"/jwks/{secrets.token_hex(6)}"
    address = run.receiver.publish(path, proofs.key_set(key))
    rp = register(run, "dynamic", key=key, jwks_uri=address)
    if "offline_access" in run.provider.metadata.get("scopes_supported", []):
        rp.scope = "openid offline_access"
    outcome = sign_in(run, rp, prompt="consent")
    rp.key = proofs.make_key("RS256")
    run.receiver.publish(path, proofs.key_set(rp.key))
    time.sleep(_KEYS_KEPT)
    refresh(run, rp, outcome)
    old = rp.refresh(outcome.tokens.refresh_token, assertion=rp.assertion(key=key))
    run.same("the key that was taken away proves nothing", old.json().get("error"), "invalid_client")


@module("dynamic/oidcc-ensure-client-assertion-with-iss-aud-succeeds")
def assertion_for_the_issuer(run: Run) -> None:
    """An assertion whose audience is the issuer is taken as well as one for the token endpoint (RFC 7523, 3)."""
    rp = register(run, "dynamic")
    for audience in (run.provider.issuer, rp.endpoint("token")):
        asked = rp.request()
        code = rp.authorize(asked).value("code")
        tokens = check_tokens(run, rp, rp.exchange(code, assertion=rp.assertion(aud=audience)))
        answer = rp.userinfo(tokens.access_token)
        check_userinfo(run, answer, proofs.claims_of(tokens.id_token)["sub"])
    used = rp.assertion()
    first = rp.exchange(rp.authorize(rp.request()).value("code"), assertion=used)
    run.same("an assertion proves the client", first.status_code, 200)
    second = rp.exchange(rp.authorize(rp.request()).value("code"), assertion=used)
    run.same("it does so once", second.json().get("error"), "invalid_client")


def _check_shown(run: Run, name: str, address: str) -> None:
    """What a person sees while signing in to a client has this address of the client."""
    rp = register(run, "dynamic", **{name: address, "client_name": "Atelier Conformité"})
    run.same(f"the registration repeats {name}", rp.registered.get(name), address)
    asked, browser = rp.request(), rp.browser()
    landing = browser.go_on(browser.open(rp.address(asked)), run.provider.person)
    run.check("the sign-in comes to its end", landing.value("code"), landing)
    if name == "logo_uri":
        showing = [page for page in landing.pages if any(image.get("src") == address for image in page.images)]
        shown = bool(showing)
        allowed = [run.receiver.origin in _sources(page.policy, "img-src") for page in showing if page.policy]
        run.check("the policy of the page lets the picture load", all(allowed), [page.policy for page in showing])
    else:
        shown = any(target == address for page in landing.pages for target, _ in page.links)
    run.check(f"a page of the sign-in shows {name}", shown, [page.words[:200] for page in landing.pages])
    run.check("a page of the sign-in names the client",
              any("Atelier Conformité" in page.words for page in landing.pages))  # fmt: skip
    odd = {name: "javascript:alert(1)"}
    _check_refused(run, odd, {"invalid_client_metadata"})


def _sources(policy: str, name: str) -> list[str]:
    """Where a policy lets something come from."""
    directives = [each.split() for each in policy.split(";")]
    return next((words[1:] for words in directives if words[:1] == [name]), [])


def _check_refused(run: Run, changes: dict[str, object], errors: set[str]) -> None:
    metadata = registration(run, "dynamic", **changes)
    if "jwks_uri" not in metadata:
        metadata.setdefault("jwks", proofs.key_set(proofs.make_key("RS256")))
    answer = send_registration(run, metadata)
    told = f"{answer.status_code} {answer.text[:200]}"
    run.check("the registration is refused with 400", answer.status_code == 400, told)
    run.check("the refusal is JSON", is_json(answer), answer.headers.get("content-type"))
    error = answer.json().get("error") if is_json(answer) else None
    run.one_of(f"the error is {' or '.join(sorted(errors))}", error, errors)


def _changed_keys(run: Run, before: set[str], patience: float = 75.0) -> set[str]:
    """Names of the published keys, once they differ from `before` or patience (s) ends."""
    give_up = time.monotonic() + patience
    while True:
        now = {key["kid"] for key in run.provider.keys()["keys"]}
        if now != before or time.monotonic() > give_up:
            return now
        time.sleep(0.5)
