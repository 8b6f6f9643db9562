"""Identity's own addresses: each is for everybody or asks for a proof; one for a firm is none for another."""

import re
from unittest.mock import MagicMock

import pytest
from browsing import csrf_of
from people import ADMINISTRATOR, FIRM, OTHER_FIRM

from parvis.tenancy.v1 import tenancy_pb2
from parvis_identity.http.app import make_app
from parvis_identity.http.scim import BASE
from parvis_local.demo.story import PASSWORD

#: What a page may be asked for by anyone.
OPEN = {
    "GET /login": "the form",
    "GET /login/{slug}": "the form with the face of a firm",
    "GET /reset": "the form",
    "GET /signed-out": "says that it is done",
    "GET /activate/{token}": "the secret is in the address",
    "GET /reset/{token}": "the secret is in the address",
    "GET /.well-known/openid-configuration": "OpenID Connect Discovery 1.0",
    "GET /.well-known/oauth-authorization-server": "RFC 8414",
    "GET /oauth2/jwks": "public keys",
    "POST /oauth2/authorize": "goes on as GET, which has the cookies",
    "GET /renew/{token}": "the secret is in the address",
    "GET /address/new/{token}": "the secret is in the address",
    "GET /address/old/{token}": "the secret is in the address",
    "GET /activate": "leads to a step, whoever asks for whatever account",
    "GET /sso/{provider:uuid}/start": "leads to a firm's provider",
    "GET /sso/{provider:uuid}/callback": "the secret is in the address, and in the browser that asked",
    "POST /sso/{provider:uuid}/acs": "what a provider signed, for whoever asked",
    "GET /sso/{provider:uuid}/metadata": "our public keys and addresses for a SAML provider",
    "GET /sso/{provider:uuid}/slo": "what a provider signed: somebody signed out there",
    "POST /sso/{provider:uuid}/slo": "the same, as a form",
    "GET /sso/finish/{state}": "the secret is in the address, and in the browser that asked",
    "GET /sso/{provider:uuid}/logout": "back from a provider; the secret is in the address",
    "POST /sso/{provider:uuid}/logout": "what a provider signed",
    "GET /sso/link/{state}": "the secret is in the address, and in the browser that asked",
    "GET /sso/choose": "whose provider the addresses of a domain lead to: of domains, never of people",
    "GET /sso/domains/{token}": "the secret is in the address",
    "GET /door/{organisation:uuid}": "leads to the step that is missing, or to the sign-in page",
    "GET /factor": "the form, for the browser that gave a password; for others there is none",
    "GET /factors/stop/{token}": "the secret is in the address",
    "GET /join/{slug}": "the form with which strangers ask for an account",
    "GET /join/{slug}/{token}": "the secret is in the address",
    **{f"{method} /oauth2/par": "says 405" for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")},
}
#: Forms: taken from our own pages only.
FORMS = {
    "POST /login": {"identifier": ADMINISTRATOR, "password": "not-this-one"},
    "POST /login/{slug}": {"identifier": "C0404", "password": "not-this-one"},
    "POST /reset": {"identifier": "nobody@isolation.example"},
    "POST /password": {"current": "not-this-one", "password": PASSWORD},
    "POST /address": {"mail": "iso@isolation.example", "password": "not-this-one"},
    "POST /renew/{token}": {"password": PASSWORD},
    "POST /address/new/{token}": {},
    "POST /address/old/{token}": {},
    "POST /activate/{token}": {"password": PASSWORD},
    "POST /activate/{token}/again": {},
    "POST /reset/{token}": {"password": PASSWORD},
    "POST /reset/{token}/again": {},
    "POST /join/{slug}": {"given_name": "Iso", "family_name": "Lation", "mail": "not-an-address"},
    "POST /join/{slug}/{token}": {},
    "POST /sso/domains/{token}": {"answer": "yes"},
    "POST /links": {"firm": FIRM, "identifier": "C0404", "password": "not-this-one"},
    "POST /links/{id}/unlink": {},
    "POST /sso/link/{state}": {"password": "not-this-one"},
    "POST /factor": {"code": "000000"},
    "POST /step-up": {"password": "not-this-one"},
    "POST /passkey/sign-in": {"credential": "{}"},
    "POST /factors/application": {"code": "000000"},
    "POST /factors/passkey": {"credential": "{}"},
    "POST /factors/codes": {},
    "POST /factors/trust": {},
    "POST /factors/always": {"always": "0"},
    "POST /factors/stop/{token}": {},
    "POST /factors/{id}": {"act": "remove"},
    "POST /device": {"user_code": "BBBB-BBBB"},
    "POST /oauth2/decline": {"next": "/oauth2/authorize"},
    "POST /oauth2/consent": {"next": "/oauth2/authorize", "answer": "yes"},
}
#: What asks for a proof; each has a test below.
PROVEN = {
    "GET /step-up",
    "GET /factors",
    "GET /factors/enrol",
    "GET /factors/application",
    "GET /factors/passkey",
    "GET /factors/codes",
    "GET /factors/{id}",
    "GET /password",
    "GET /sso/step-up",
    "GET /links",
    "GET /links/{id}/unlink",
    "GET /address",
    "GET /oauth2/authorize",
    "POST /oauth2/token",
    "POST /oauth2/par",
    "GET /oauth2/userinfo",
    "POST /oauth2/userinfo",
    "GET /device",
    "POST /oauth2/device_authorization",
    "POST /oauth2/introspect",
    "POST /oauth2/revoke",
    "GET /oauth2/logout",
    "POST /oauth2/logout",
    "POST /oauth2/register",
    "GET /oauth2/register/{client_id}",
    "PUT /oauth2/register/{client_id}",
    "DELETE /oauth2/register/{client_id}",
}
#: No link between accounts has this id.
NOBODYS = "00000000-0000-7000-8000-000000000000"
ELSEWHERE = {
    "without-csrf": ({}, ""),
    "with-the-csrf-of-another": ({}, "A" * 43),
    "foreign-origin": ({"Origin": "http://elsewhere.example"}, None),
    "of-another-site": ({"Sec-Fetch-Site": "cross-site"}, None),
}


def test_every_address_of_identity_is_known():
    app = make_app(MagicMock(guarded=lambda endpoint: endpoint))
    routes = [route for route in app.routes if not route.path.startswith(BASE)]  # test_scim knows those
    found = {f"{method} {route.path}" for route in routes for method in route.methods - {"HEAD"}}
    assert found == OPEN.keys() | FORMS.keys() | PROVEN


@pytest.fixture(scope="session")
def url(cast):
    return cast.portal.url


@pytest.fixture
def nobody(http):
    http.cookies.clear()
    return http


async def fill(http, url, name, *, csrf=None, slug=FIRM, headers=None, **values):
    """Sends a form of identity, with the token of its page unless another is given."""
    if csrf is None:
        csrf = csrf_of((await http.get(f"{url}/login?next=%2Foauth2%2Fauthorize")).text)
    path = name.split(" ")[1].format(slug=slug, token=values.pop("token", "A" * 43), id=NOBODYS, state="A" * 43)
    told = {"Origin": url} | (headers or {})
    return await http.post(f"{url}{path}", data=values | {"csrf": csrf}, headers=told, follow_redirects=False)


@pytest.mark.parametrize("how", ELSEWHERE)
@pytest.mark.parametrize("name", FORMS)
async def test_a_form_from_elsewhere_is_not_taken(nobody, url, cast, ledger, name, how):
    headers, csrf = ELSEWHERE[how]
    await nobody.get(f"{url}/login")

    answer, changed = await ledger.changed_by(
        lambda: fill(nobody, url, name, csrf=csrf, headers=headers, **FORMS[name]), cast.firm, "identity"
    )

    assert answer.status_code == 403
    assert changed == set()


@pytest.mark.parametrize("name", FORMS)
async def test_the_same_form_from_its_page_is_heard(nobody, url, name):
    answer = await fill(nobody, url, name, **FORMS[name])
    assert answer.status_code in {200, 303, 400, 404, 410, 422}


@pytest.mark.parametrize(
    ("slug", "identifier", "lets_in"),
    [(FIRM, "C0002", True), (OTHER_FIRM, "C0001", True), (OTHER_FIRM, "C0002", False), (None, "C0002", False)],
    ids=["at-its-firm", "the-same-code-at-another-firm", "at-another-firm", "at-the-portal"],
)
async def test_a_client_code_opens_its_own_firm_only(nobody, url, cast, slug, identifier, lets_in):
    name = "POST /login/{slug}" if slug else "POST /login"

    answer = await fill(nobody, url, name, slug=slug, identifier=identifier, password=PASSWORD)

    assert answer.status_code == (303 if lets_in else 422)
    page = await nobody.get(f"{url}/auth/start", params={"next": f"/o/{FIRM}/"}, follow_redirects=True)
    assert (page.status_code == 200 and "Kervella" in page.text) == (slug == FIRM)


@pytest.mark.parametrize(
    "path",
    [
        *("/password", "/address", "/links", f"/links/{NOBODYS}/unlink", "/step-up", f"/factors/{NOBODYS}"),
        *("/factors", "/factors/enrol", "/factors/application", "/factors/passkey", "/factors/codes"),
    ],
)
async def test_ones_own_is_changed_by_who_is_signed_in(nobody, url, path):
    answer = await nobody.get(f"{url}{path}", follow_redirects=False)
    # A page of the portal sends to the sign-in itself.
    assert answer.headers["location"].startswith("/account" if path == "/step-up" else "/login")


@pytest.fixture(scope="session")
async def bearers(cast, stage):
    """Bearer tokens by what is wrong with each."""
    tokens = await cast.product_tokens("administrator")
    internal = (await cast.caller("administrator")).token
    wrong = stage.forger.variants(internal)
    return tokens | {"internal-token": internal, "no-token": ""} | {
        name: wrong[name] for name in ("forged-token", "unsigned-token", "clients-key-token")
    }  # fmt: skip


async def test_a_product_is_told_about_its_user(nobody, url, bearers):
    headers = {"Authorization": f"Bearer {bearers['product-access-token']}"}
    answer = await nobody.get(f"{url}/oauth2/userinfo", headers=headers)
    assert answer.json()["email"] == ADMINISTRATOR


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "name",
    ["product-id-token", "internal-token", "no-token", "forged-token", "unsigned-token", "clients-key-token"],
)
async def test_nobody_else_is_told(nobody, url, bearers, method, name):
    headers = {"Authorization": f"Bearer {bearers[name]}"} if bearers[name] else {}
    answer = await nobody.request(method, f"{url}/oauth2/userinfo", headers=headers)
    assert answer.status_code == 401
    assert ADMINISTRATOR not in answer.text


WRONG_PROOFS = {
    "with-another-secret": {"by": ("{client_id}", "another")},
    "of-an-unknown-client": {"by": ("another", "another")},
    "by-the-gateway": {"by": ("web", "{web_secret}")},
    "without-verifier": {"code_verifier": ""},
    "with-another-verifier": {"code_verifier": "another-verifier-that-is-as-long-as-the-rules-of-pkce-ask"},
    "for-another-address": {"redirect_uri": "http://elsewhere.example/callback"},
}


@pytest.mark.parametrize("how", WRONG_PROOFS)
async def test_a_code_is_redeemed_by_who_asked_for_it(cast, suite, how):
    wrong = dict(WRONG_PROOFS[how])
    if "by" in wrong:
        secret = suite.environment("web")["PARVIS_WEB_CLIENT_SECRET"]
        wrong["by"] = tuple(part.format(**cast.product, web_secret=secret) for part in wrong["by"])

    answer = await cast.redeem(await cast.product_code("administrator"), **wrong)

    assert answer.status_code in {400, 401}
    assert "access_token" not in answer.text


async def test_a_code_is_redeemed_once(cast):
    code = await cast.product_code("administrator")
    assert (await cast.redeem(code)).status_code == 200
    assert (await cast.redeem(code)).status_code == 400


async def test_a_product_cannot_use_the_gateway_s_refresh_token(cast, url, nobody):
    held = (await cast.sign_in_again("administrator")).person._refresh_token
    told = {"grant_type": "refresh_token", "refresh_token": held}
    proof = (cast.product["client_id"], cast.product["client_secret"])

    answer = await nobody.post(f"{url}/oauth2/token", data=told, auth=proof)

    assert answer.status_code == 400
    assert "access_token" not in answer.text


@pytest.mark.parametrize("name", ["no-right", "client", "other-firm-client"])
async def test_a_product_that_is_not_assigned_gets_no_code(cast, name):
    answer = await cast.authorize((await cast.member(name)).person._http)
    assert answer.status_code == 403


async def test_a_product_gets_no_code_for_a_firm_that_its_user_is_not_part_of(cast):
    answer = await cast.authorize((await cast.member("other-firm")).person._http, organisation=FIRM)
    assert answer.status_code == 403


async def test_who_was_cut_gets_no_code_for_the_firm(cast):
    answer = await cast.authorize((await cast.member("cut-member")).person._http)
    assert answer.status_code == 403


async def test_who_is_signed_out_signs_in_first(cast, nobody):
    answer = await cast.authorize(nobody)
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize(
    "changed",
    [{"redirect_uri": "http://elsewhere.example/callback"}, {"client_id": "another"}],
    ids=["address", "client"],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(cast, changed):
    answer = await cast.authorize((await cast.member("administrator")).person._http, **changed)
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_site_signs_nobody_out(cast, url, method):
    member = await cast.sign_in_again("administrator")

    answer = await member.person._http.request(
        method, f"{url}/oauth2/logout", **({"data": {"client_id": "web"}} if method == "POST" else {})
    )

    assert answer.status_code == 200
    assert (await member.person._http.get(f"{url}/password", follow_redirects=False)).status_code == 200


# Links of mails


async def mailed_link(cast, mail):
    return re.sub(r"^.*/activate/", "", await cast.portal._link_mailed_to(mail))


async def test_a_link_opens_once(nobody, url, cast, world):
    invited = await cast.invite(world.member.profile_id)
    token = await mailed_link(cast, invited.mail)

    first = await fill(nobody, url, "POST /activate/{token}", token=token, password=PASSWORD)
    nobody.cookies.clear()
    again = await fill(nobody, url, "POST /activate/{token}", token=token, password="Another!2026")

    assert (first.status_code, again.status_code) == (303, 410)


@pytest.mark.parametrize("how", ["altered", "for-a-reset", "withdrawn", "sent-again"])
async def test_a_link_that_is_not_right_opens_nothing(nobody, url, cast, world, how):
    invited = await cast.invite(world.member.profile_id)
    token = await mailed_link(cast, invited.mail)
    name = "POST /reset/{token}" if how == "for-a-reset" else "POST /activate/{token}"
    if how == "altered":
        token = token[:-1] + ("A" if token[-1] != "A" else "B")
    if how == "withdrawn":
        request = tenancy_pb2.WithdrawInvitationRequest(id=invited.id)
        await world.call("MemberService.WithdrawInvitation", request)
    if how == "sent-again":
        await world.call("MemberService.ResendInvitation", tenancy_pb2.ResendInvitationRequest(id=invited.id))

    answer = await fill(nobody, url, name, token=token, password=PASSWORD)

    assert answer.status_code in {404, 410}


async def test_clients_are_registered_and_managed_with_a_token_only(nobody, url, cast):
    at, said = f"{url}/oauth2/register", {"redirect_uris": ["https://elsewhere.example/"]}
    one = f"{at}/{cast.product['client_id']}"
    for headers in ({}, {"Authorization": "Bearer not-this-one"}):
        answers = [
            await nobody.post(at, json=said, headers=headers),
            await nobody.get(one, headers=headers),
            await nobody.put(one, json=said, headers=headers),
            await nobody.delete(one, headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [401] * 4


@pytest.mark.parametrize("path", ["token", "par", "introspect", "revoke", "device_authorization"])
@pytest.mark.parametrize("how", ["no-proof", "wrong-secret", "nobody"])
async def test_what_clients_call_asks_who_they_are(nobody, url, cast, path, how):
    name = cast.product["client_id"]
    proof = {"no-proof": None, "wrong-secret": (name, "not-this-one"), "nobody": ("another", "secret")}[how]
    told = {"client_id": "another" if how == "nobody" else name, "token": "x", "grant_type": "client_credentials"}

    answer = await nobody.post(f"{url}/oauth2/{path}", data=told, auth=proof)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
