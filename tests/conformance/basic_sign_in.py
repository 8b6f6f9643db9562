"""Modules of the code flow, for clients with a secret and for clients with a key."""

import time
from urllib.parse import urlencode, urlsplit

import proofs
from answers import (
    check_callback,
    check_error_page,
    check_refusal,
    check_refused_or_page,
    check_token_error,
    check_tokens,
    check_userinfo,
    is_json,
)
from discovery import check_discovery
from flows import finish, sign_in, whole
from id_tokens import check_same_person
from relying_party import register, registration, send_registration
from runs import Run, module

#: When a page would have to show and must not (OpenID Connect Core 3.1.2.6).
NEEDS_A_PAGE = {"login_required", "interaction_required", "consent_required", "account_selection_required"}


@module("basic/oidcc-server")
def server(run: Run) -> None:
    """Everything once, as it should be."""
    check_discovery(run)
    whole(run, register(run, "basic"))


@module("dynamic/oidcc-server")
def server_with_key(run: Run) -> None:
    """The same with a client that has a key; it registers itself as the provider lets it: with a token."""
    check_discovery(run)
    whole(run, register(run, "dynamic"))
    metadata = {**registration(run, "dynamic"), "jwks": proofs.key_set(proofs.make_key("RS256"))}
    for token in ("", "wrong"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = run.provider.metadata["registration_endpoint"]
        answer = run.provider.http.post(address, json=metadata, headers=headers)
        run.same("without the initial access token nobody is registered", answer.status_code, 401)
    for broken in ("", "[]", "{", '{"redirect_uris": "text"}'):
        answer = send_registration(run, broken)
        run.check("what is no metadata is refused, and told so in JSON",
                  answer.status_code == 400 and is_json(answer), answer.text[:100])  # fmt: skip


@module("basic/oidcc-server-client-secret-post")
def server_with_secret_in_form(run: Run) -> None:
    """The same with the secret in the form."""
    whole(run, register(run, "basic", token_endpoint_auth_method="client_secret_post"))


@module("basic/oidcc-response-type-missing")
def response_type_missing(run: Run) -> None:
    """A request that does not say what it wants."""
    rp = register(run, "basic")
    asked = rp.request(response_type=None)
    landing = rp.authorize(asked)
    check_refused_or_page(run, landing, asked, {"invalid_request", "unsupported_response_type"})


@module("basic/oidcc-idtoken-signature", "dynamic/oidcc-idtoken-rs256")
def signed_with_rsa(run: Run) -> None:
    """An ID token whose signature verifies with the key that its header names."""
    rp = register(run, "basic" if run.name.startswith("basic") else "dynamic", id_token_signed_response_alg="RS256")
    outcome = sign_in(run, rp)
    run.same("the algorithm is RS256", proofs.header_of(outcome.tokens.id_token).get("alg"), "RS256")


@module("basic/oidcc-idtoken-unsigned", "dynamic/oidcc-idtoken-unsigned")
def unsigned(run: Run) -> None:
    """A provider need not issue unsigned ID tokens; then it neither promises them nor registers who wants them."""
    kind = "basic" if run.name.startswith("basic") else "dynamic"
    promised = "none" in run.provider.metadata.get("id_token_signing_alg_values_supported", [])
    metadata = registration(run, kind, id_token_signed_response_alg="none")
    if kind == "dynamic":
        metadata["jwks"] = proofs.key_set(proofs.make_key("RS256"))
    answer = send_registration(run, metadata)
    if not promised:
        run.same("who wants unsigned ID tokens is not registered", answer.status_code, 400)
        run.same("the error is invalid_client_metadata", answer.json().get("error"), "invalid_client_metadata")
        return
    rp = register(run, kind, id_token_signed_response_alg="none")
    asked = rp.request()
    tokens = check_tokens(run, rp, rp.exchange(check_callback(run, rp.authorize(asked), asked)))
    run.same("the ID token is not signed", proofs.header_of(tokens.id_token).get("alg"), "none")


@module("basic/oidcc-ensure-request-without-nonce-succeeds-for-code-flow")
def without_nonce(run: Run) -> None:
    """The code flow needs no nonce."""
    whole(run, register(run, "basic"), nonce=None)


@module("basic/oidcc-ensure-request-with-unknown-parameter-succeeds")
def unknown_parameter(run: Run) -> None:
    """What a provider does not know it ignores; what comes twice it refuses (RFC 6749, 3.1)."""
    rp = register(run, "basic")
    whole(run, rp, extra="foobar")
    asked = rp.request()
    landing = rp.browser().sign_in(f"{rp.address(asked)}&scope=openid", run.provider.person)
    run.check("a parameter that comes twice gives no code", "code" not in landing.answer, landing)
    check_refused_or_page(run, landing, asked, {"invalid_request"})
    form, headers = rp.authenticated({"grant_type": "authorization_code", "code": "none"})
    twice = f"{urlencode(form)}&code=another"
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    answer = run.provider.http.post(rp.endpoint("token"), content=twice, headers=headers)
    check_token_error(run, answer, {"invalid_request"})


@module("basic/oidcc-ensure-request-with-acr-values-succeeds")
def acr_values(run: Run) -> None:
    """What strength is wished for does not stand in the way (OpenID Connect Core 3.1.2.1)."""
    supported = run.provider.metadata.get("acr_values_supported", [])
    outcome, _ = whole(run, register(run, "basic"), acr_values=" ".join(supported) or "1 2")
    if supported:
        run.check("the ID token says how strong the sign-in was", outcome.claims.get("acr"), outcome.claims)
    whole(run, register(run, "basic"), acr_values="unknown-strength")


@module("basic/oidcc-ensure-request-with-valid-pkce-succeeds")
def valid_pkce(run: Run) -> None:
    """A client that could do without uses PKCE (RFC 7636)."""
    rp = register(run, "basic")
    rp.verifier = "a-verifier-of-64-characters-which-is-long-enough-for-everybody-01"
    challenge = {"code_challenge": proofs.whole_hash(rp.verifier), "code_challenge_method": "S256"}
    whole(run, rp, **challenge)
    asked = rp.request(**challenge)
    code = check_callback(run, rp.authorize(asked), asked)
    refused = rp.exchange(code, code_verifier=rp.verifier[::-1])
    run.same(
        "another verifier gives no tokens", (refused.status_code, refused.json().get("error")), (400, "invalid_grant")
    )
    rp.verifier = ""
    asked = rp.request()
    code = check_callback(run, rp.authorize(asked), asked)
    check_token_error(run, rp.exchange(code, code_verifier="x" * 64), {"invalid_grant", "invalid_request"})


@module("basic/oidcc-ensure-post-request-succeeds")
def by_post(run: Run) -> None:
    """An authorization request as a form (OpenID Connect Core 3.1.2.1)."""
    rp = register(run, "basic")
    asked = rp.request()
    browser = rp.browser()
    landing = browser.go_on(browser.post(rp.endpoint("authorization"), asked), run.provider.person)
    outcome = finish(run, rp, landing, asked)
    check_userinfo(run, rp.userinfo(outcome.tokens.access_token), outcome.claims["sub"])


@module("basic/oidcc-ensure-registered-redirect-uri")
def unregistered_redirect(run: Run) -> None:
    """Nobody is sent to an address that is not registered."""
    rp = register(run, "basic")
    for name, address in {
        "another path": f"{rp.redirect_uri}/more", "another host": "https://attacker.example/callback",
        "another port": rp.redirect_uri.replace(f":{urlsplit(rp.redirect_uri).port}", ":1"),
        "another case": rp.redirect_uri.replace("callback", "Callback"),
    }.items():  # fmt: skip
        landing = rp.authorize(rp.request(redirect_uri=address))
        run.check(f"{name}: the browser stays at the provider", landing.url.startswith(run.provider.issuer), landing)
        check_error_page(run, landing)


@module("basic/oidcc-display-page", "basic/oidcc-display-popup")
def display(run: Run) -> None:
    """How the page shall show is a wish."""
    whole(run, register(run, "basic"), display=run.name.rpartition("-")[2])


@module("basic/oidcc-prompt-login")
def prompt_login(run: Run) -> None:
    """Who is signed in signs in again when asked to."""
    rp = register(run, "basic")
    browser = rp.browser()
    first = sign_in(run, rp, browser)
    time.sleep(1.1)
    asked = rp.request(prompt="login")
    landing = browser.open(rp.address(asked))
    run.must("the person is asked to sign in again", landing.asked_to_sign_in, landing)
    second = finish(run, rp, browser.go_on(landing, run.provider.person), asked)
    check_same_person(run, first.claims, second.claims, same_sign_in=False)
    run.must("both ID tokens say when the person signed in", {"auth_time"} <= set(first.claims) & set(second.claims))
    run.check("auth_time is later the second time", second.claims["auth_time"] > first.claims["auth_time"])


@module("basic/oidcc-prompt-none-not-logged-in")
def prompt_none_signed_out(run: Run) -> None:
    """Nobody is signed in, and no page may show."""
    rp = register(run, "basic")
    asked = rp.request(prompt="none")
    landing = rp.browser().open(rp.address(asked))
    check_refusal(run, landing, asked, NEEDS_A_PAGE)
    both = rp.request(prompt="none login")
    check_refused_or_page(run, rp.browser().open(rp.address(both)), both, {"invalid_request"})


@module("basic/oidcc-prompt-none-logged-in")
def prompt_none_signed_in(run: Run) -> None:
    """Somebody is signed in, and no page shows."""
    rp = register(run, "basic")
    browser = rp.browser()
    first = sign_in(run, rp, browser)
    asked = rp.request(prompt="none")
    landing = browser.open(rp.address(asked))
    run.check("no page shows", landing.at_relying_party and not landing.pages, landing)
    second = finish(run, rp, landing, asked)
    check_same_person(run, first.claims, second.claims)


@module("basic/oidcc-max-age-1")
def max_age_passed(run: Run) -> None:
    """Who signed in longer ago than the client allows signs in again."""
    rp = register(run, "basic")
    browser = rp.browser()
    first = sign_in(run, rp, browser)
    time.sleep(2.1)
    asked = rp.request(max_age="1")
    landing = browser.open(rp.address(asked))
    run.must("the person is asked to sign in again", landing.asked_to_sign_in, landing)
    second = finish(run, rp, browser.go_on(landing, run.provider.person), asked, max_age=1)
    check_same_person(run, first.claims, second.claims, same_sign_in=False)
    run.check("auth_time is later the second time", second.claims["auth_time"] > first.claims.get("auth_time", 0))


@module("basic/oidcc-max-age-10000")
def max_age_not_passed(run: Run) -> None:
    """Who signed in lately enough does not sign in again."""
    rp = register(run, "basic")
    browser = rp.browser()
    first = sign_in(run, rp, browser)
    asked = rp.request(max_age="10000")
    landing = browser.open(rp.address(asked))
    run.check("nobody is asked to sign in", landing.at_relying_party, landing)
    second = finish(run, rp, landing, asked, max_age=10_000)
    check_same_person(run, first.claims, second.claims)


@module("basic/oidcc-id-token-hint")
def id_token_hint(run: Run) -> None:
    """The client says whom it means, and no page may show."""
    rp = register(run, "basic")
    browser = rp.browser()
    first = sign_in(run, rp, browser)
    asked = rp.request(prompt="none", id_token_hint=first.tokens.id_token)
    second = finish(run, rp, browser.open(rp.address(asked)), asked)
    check_same_person(run, first.claims, second.claims)
    spoilt = rp.request(prompt="none", id_token_hint=proofs.spoilt(first.tokens.id_token))
    landing = browser.open(rp.address(spoilt))
    check_refused_or_page(run, landing, spoilt, NEEDS_A_PAGE | {"invalid_request"})
    of_another = rp.browser()
    of_another.sign_in(rp.address(rp.request()), run.provider.other)
    wrong = rp.request(prompt="none", id_token_hint=first.tokens.id_token)
    landing = of_another.open(rp.address(wrong))
    check_refusal(run, landing, wrong, NEEDS_A_PAGE)


@module("basic/oidcc-login-hint")
def login_hint(run: Run) -> None:
    """The client says who may want to sign in."""
    rp = register(run, "basic")
    asked = rp.request(login_hint=run.provider.person.identifier)
    browser = rp.browser()
    landing = browser.open(rp.address(asked))
    run.must("the person is asked to sign in", landing.asked_to_sign_in, landing)
    form = landing.page.sign_in
    shown = form.identifier.value if form is not None and form.identifier is not None else ""
    run.same("the form has the hint already", shown, run.provider.person.identifier)
    finish(run, rp, browser.go_on(landing, run.provider.person), asked)
    odd = rp.request(login_hint='"><script>alert(1)</script>')
    page = rp.browser().open(rp.address(odd))
    run.check("what is no name does no harm to the page", "<script>alert(1)" not in page.response.text, page)


@module("basic/oidcc-ui-locales")
def ui_locales(run: Run) -> None:
    """The client says which languages the person reads."""
    rp = register(run, "basic")
    whole(run, rp, ui_locales="se")
    for language in run.provider.metadata.get("ui_locales_supported", []):
        page = rp.browser().open(rp.address(rp.request(ui_locales=f"se {language}"))).page
        run.same(
            f"the sign-in page is in the language asked for ({language})", page.language.partition("-")[0], language
        )


@module("basic/oidcc-claims-locales")
def claims_locales(run: Run) -> None:
    """The client says in which languages it wants names."""
    whole(run, register(run, "basic"), claims_locales="se")
