"""Modules about signing out (RP-Initiated Logout 1.0, Back-Channel Logout 1.0)."""

import secrets
import time
from urllib.parse import urlencode, urlsplit

import proofs
from answers import check_error_page, check_refusal
from basic_sign_in import NEEDS_A_PAGE
from flows import Outcome, sign_in
from id_tokens import check_audience, check_signature
from relying_party import RelyingParty, register
from runs import Run, module
from user_agent import Landing, UserAgent

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_PREFIX = "rp-initiated-logout/oidcc-rp-initiated-logout"


class SignedIn:
    """A client with addresses to come back to, and somebody who signed in to it."""

    def __init__(self, run: Run, **changes: object) -> None:
        self.run = run
        self.back = run.receiver.address(f"/signed-out/{secrets.token_hex(6)}")
        self.rp: RelyingParty = register(run, "basic", post_logout_redirect_uris=[self.back], **changes)
        run.same("the registration repeats post_logout_redirect_uris",
                 self.rp.registered.get("post_logout_redirect_uris"), [self.back])  # fmt: skip
        self.browser: UserAgent = self.rp.browser()
        self.outcome: Outcome = sign_in(run, self.rp, self.browser)
        self.before = self.browser.copy()
        self.state = secrets.token_urlsafe(96)

    def leave(self, **changes: str | None) -> Landing:
        """Sends the browser to sign out; a change to None leaves a parameter out."""
        asked = {"id_token_hint": self.outcome.tokens.id_token, "post_logout_redirect_uri": self.back,
                 "state": self.state} | changes  # fmt: skip
        query = urlencode(proofs.without_none(asked))
        return self.browser.open(f"{self.rp.endpoint('end_session')}?{query}")

    def check_back(self, landing: Landing, *, state: str | None) -> None:
        """The browser is at the address that was asked for, with the state and nothing else."""
        self.run.must("the browser comes back to the relying party", landing.at_relying_party, landing)
        self.run.same("it comes back to post_logout_redirect_uri", landing.url.partition("?")[0], self.back)
        self.run.same("state comes back as it was", landing.answer, {} if state is None else {"state": [state]})

    def check_signed_out(self) -> None:
        """Without a page nobody is signed in any more, not even with the cookies of before."""
        for browser in (self.browser, self.before):
            asked = self.rp.request(prompt="none")
            landing = browser.open(self.rp.address(asked))
            check_refusal(self.run, landing, asked, NEEDS_A_PAGE)

    def check_stays(self, landing: Landing) -> None:
        """The browser was not sent anywhere, and a page says something."""
        self.run.check("the browser is not sent to the relying party", not landing.at_relying_party, landing)
        kind = landing.response.headers.get("content-type", "")
        self.run.check(
            "a page for a person shows", "text/html" in kind and len(landing.page.words.strip()) > 20, landing
        )

    def check_still_signed_in(self) -> None:
        """Nobody was signed out by what anybody could have sent."""
        asked = self.rp.request(prompt="none")
        landing = self.browser.open(self.rp.address(asked))
        self.run.check("the person is still signed in", landing.value("code"), landing)


@module(_PREFIX)
def signs_out(run: Run) -> None:
    """Signed out, sent back with the state, and really signed out."""
    there = SignedIn(run)
    there.check_back(there.leave(), state=there.state)
    there.check_signed_out()


@module(f"{_PREFIX}-no-state")
def without_state(run: Run) -> None:
    """No state was sent and none comes back."""
    there = SignedIn(run)
    there.check_back(there.leave(state=None), state=None)
    there.check_signed_out()


@module(f"{_PREFIX}-bad-post-logout-redirect-uri")
def to_another_address(run: Run) -> None:
    """Nobody is sent to an address that is not registered."""
    there = SignedIn(run)
    landing = there.leave(post_logout_redirect_uri=f"{there.back}/other")
    there.check_stays(landing)
    outside = SignedIn(run).leave(post_logout_redirect_uri="https://attacker.example/")
    run.check("nor to another host", outside.url.startswith(run.provider.issuer), outside)


@module(f"{_PREFIX}-query-added-to-post-logout-redirect-uri")
def to_an_address_with_query(run: Run) -> None:
    """A query that was not registered makes another address."""
    there = SignedIn(run)
    there.check_stays(there.leave(post_logout_redirect_uri=f"{there.back}?foo=bar"))


@module(f"{_PREFIX}-modified-id-token-hint")
def with_modified_hint(run: Run) -> None:
    """A hint whose claims were changed under the old signature."""
    there = SignedIn(run)
    claims = {**there.outcome.claims, "sub": "somebody-else"}
    landing = there.leave(id_token_hint=proofs.replaced(there.outcome.tokens.id_token, claims=claims))
    check_error_page(run, landing)
    there.check_still_signed_in()
    check_error_page(run, there.leave(id_token_hint=proofs.spoilt(there.outcome.tokens.id_token)))


@module(f"{_PREFIX}-bad-id-token-hint")
def with_bad_hint(run: Run) -> None:
    """A hint that somebody else signed."""
    there = SignedIn(run)
    claims, kid = there.outcome.claims, proofs.header_of(there.outcome.tokens.id_token)["kid"]
    forged = proofs.sign(proofs.make_key("RS256"), {"kid": kid}, claims)
    check_error_page(run, there.leave(id_token_hint=forged))
    check_error_page(run, there.leave(id_token_hint=proofs.unsigned(claims)))
    check_error_page(run, there.leave(id_token_hint=there.outcome.tokens.access_token))
    check_error_page(run, there.leave(client_id="somebody-else"))
    there.check_still_signed_in()


@module(f"{_PREFIX}-no-id-token-hint")
def without_hint(run: Run) -> None:
    """Without a hint anybody could have sent it: the person is asked, or told that it does not work."""
    there = SignedIn(run)
    there.check_stays(there.leave(id_token_hint=None))
    there.check_still_signed_in()


@module(f"{_PREFIX}-no-params")
def without_parameters(run: Run) -> None:
    """The same with nothing at all."""
    there = SignedIn(run)
    there.check_stays(there.leave(id_token_hint=None, post_logout_redirect_uri=None, state=None))
    there.check_still_signed_in()


@module(f"{_PREFIX}-only-state")
def with_state_only(run: Run) -> None:
    """The same with a state."""
    there = SignedIn(run)
    there.check_stays(there.leave(id_token_hint=None, post_logout_redirect_uri=None))
    there.check_still_signed_in()


@module(f"{_PREFIX}-no-post-logout-redirect-uri")
def without_address(run: Run) -> None:
    """The provider says itself that the person is signed out."""
    there = SignedIn(run)
    landing = there.leave(post_logout_redirect_uri=None)
    there.check_stays(landing)
    there.check_signed_out()


@module("back-channel-logout/oidcc-backchannel-rp-initiated-logout")
def tells_the_client(run: Run) -> None:
    """The client is told over the back channel with a token (Back-Channel Logout 1.0, 2.4 and 2.5)."""
    address = run.receiver.address(f"/backchannel/{secrets.token_hex(6)}")
    there = SignedIn(run, backchannel_logout_uri=address, backchannel_logout_session_required=True)
    run.same("the registration repeats backchannel_logout_uri",
             there.rp.registered.get("backchannel_logout_uri"), address)  # fmt: skip
    run.check("the ID token names the session", there.outcome.claims.get("sid"), there.outcome.claims)
    there.check_back(there.leave(), state=there.state)
    arrived = run.receiver.wait_for(urlsplit(address).path, patience=15)
    run.must("a request comes to backchannel_logout_uri", arrived, "nothing")
    call = arrived[0]
    run.same("it is a POST", call.method, "POST")
    kind = call.headers.get("content-type", "").partition(";")[0]
    run.same("it is a form", kind, "application/x-www-form-urlencoded")
    run.same("the form has logout_token and nothing else", sorted(call.form), ["logout_token"])
    _check_logout_token(run, there, call.form["logout_token"][0])
    there.check_signed_out()
    time.sleep(1)
    run.same("it is told once", len(run.receiver.wait_for(urlsplit(address).path, patience=0)), 1)
    refused = there.rp.refresh(there.outcome.tokens.refresh_token) if there.outcome.tokens.refresh_token else None
    run.check(
        "refresh tokens end with the session, but for offline_access", refused is None or refused.status_code == 400
    )


def _check_logout_token(run: Run, there: SignedIn, token: str) -> None:
    claims = check_signature(run, token, "RS256", "the logout token")
    run.same("typ of the logout token is logout+jwt", proofs.header_of(token).get("typ", "").lower(), "logout+jwt")
    now = time.time()
    run.same("iss of the logout token is the issuer", claims.get("iss"), run.provider.issuer)
    check_audience(run, claims, there.rp.client_id)
    run.check("iat of the logout token is now", type(claims.get("iat")) is int and abs(now - claims["iat"]) < 60)
    expires = claims.get("exp")
    run.check(
        "exp of the logout token is soon (2 minutes)", type(expires) is int and now < expires <= now + 130, expires
    )
    run.check("the logout token has a jti", isinstance(claims.get("jti"), str) and claims["jti"], claims.get("jti"))
    run.same("events names the logout, with nothing in it", claims.get("events"), {_EVENT: {}})
    run.check("the logout token has no nonce", "nonce" not in claims, claims.get("nonce"))
    run.same("sid is the one of the ID token", claims.get("sid"), there.outcome.claims.get("sid"))
    if "sub" in claims:
        run.same("sub is the one of the ID token", claims["sub"], there.outcome.claims["sub"])
