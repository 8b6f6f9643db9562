"""The pages of organisations, people, profiles, the record, the account, customers, products and the first start."""

from datetime import UTC, datetime

import pytest

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, conflict, forbidden, invalid, precondition
from parvis_web.pages import AREAS
from parvis_web.pages.applications import launch_address
from parvis_web.testing import ORIGIN, Suite, text_of

ID = "0192f000-0000-7000-8000-000000000003"
MEMBER = tenancy_pb2.Member(
    id=ID, given_name="Hugo", family_name="Petit", mail="hugo@durand.example", function="Comptable", profile_id="p1",
    profile_name="Conseiller", state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, version=3,
)  # fmt: skip
PROFILE = tenancy_pb2.Profile(
    id=ID,
    name="Conseiller",
    rights=[tenancy_pb2.GrantedRight(code="contacts.read", scope=tenancy_pb2.SCOPE_MINE)],
    members=2,
)
COLLEAGUE = {"given_name": "Léa", "family_name": "Roy", "mail": "hugo@durand.example", "profile_id": "p1"}
FIRST = {"organisation_name": "Éditeur", "given_name": "Ada", "family_name": "Roy", "mail": "a@b.fr"}
MINE = {"home", "applications", "people", "profiles", "cabinet", "customers", "products", "account"}
PAGES = [
    path
    for area in AREAS
    if area.name in MINE
    for route in area.routes
    if "GET" in route.methods and route.rule.inside
    for path in [route.path.replace("{slug}", "durand").replace("{id}", ID)]
]


RIGHTS = [
    tenancy_pb2.Right(code="contacts.read", group="clients", scoped=True),
    tenancy_pb2.Right(code="members.read", group="people"),
]
STRUCTURES = [
    tenancy_pb2.Structure(id="s1", name="Lyon"),
    tenancy_pb2.Structure(id="s2", parent_id="s1", name="Lyon 3"),
]
ASSIGNED, NOT_ASSIGNED = tenancy_pb2.PRODUCT_STATE_ASSIGNED, tenancy_pb2.PRODUCT_STATE_NOT_ASSIGNED
PRODUCTS = [
    tenancy_pb2.MyProduct(id="a", name="Paie", state=ASSIGNED, launch_url="http://127.0.0.1:8602/start"),
    tenancy_pb2.MyProduct(id="b", name="Compta", state=NOT_ASSIGNED, assigners=["Claire Martin", "Hugo Petit"]),
    tenancy_pb2.MyProduct(id="c", name="Audit", state=NOT_ASSIGNED, may_assign=True),
    tenancy_pb2.MyProduct(id="d", name="Bilan", state=tenancy_pb2.PRODUCT_STATE_NOT_SUBSCRIBED),
]
PAIE = tenancy_pb2.ProductAssignments(product_id="x", product_name="Paie", membership_ids=[ID])
CUSTOMER = tenancy_pb2.Organisation(id=ID, name="Lenoir Conseil", slug="lenoir")
SESSIONS = [
    identity_pb2.Session(id="s1", device="Firefox on Linux", current=True),
    identity_pb2.Session(id="s2"),
]


@pytest.fixture(autouse=True)
def answers(suite: Suite):
    suite.services.answers |= {
        "ListMembers": tenancy_pb2.ListMembersResponse(members=[MEMBER], total=1, next_page_token="more"),
        "GetMember": MEMBER,
        "ListProfiles": tenancy_pb2.ListProfilesResponse(profiles=[PROFILE]),
        "ListRights": tenancy_pb2.ListRightsResponse(rights=RIGHTS),
        "ListStructures": tenancy_pb2.ListStructuresResponse(structures=STRUCTURES),
        "ListAssignments": tenancy_pb2.ListAssignmentsResponse(products=[PAIE]),
        "ListMyProducts": tenancy_pb2.ListMyProductsResponse(products=PRODUCTS),
        "ListCustomers": tenancy_pb2.ListCustomersResponse(organisations=[CUSTOMER], total=1),
        "ListMySessions": identity_pb2.ListMySessionsResponse(sessions=SESSIONS),
    }


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_page_renders_and_costs_five_calls_at_most(suite: Suite, path: str, language: str):
    await suite.get("/organisations")
    suite.client.cookies.set("parvis_lang", language)
    await suite.get("/o/durand/")
    suite.services.calls.clear()
    answer = await suite.get(path)
    assert answer.status_code == 200, text_of(answer)
    assert len(suite.services.calls) <= 5
    assert "Content-Security-Policy" in answer.headers
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'action="/auth/sign-out"' in answer.text


async def test_the_provider_sees_which_customer_closes_and_when(suite: Suite):
    assert "Closes on" not in text_of(await suite.get("/o/durand/customers"))
    answer = suite.services.answers["ListCustomers"]
    answer.closes_at[ID].FromDatetime(datetime(2026, 12, 24, 9, tzinfo=UTC))
    assert "Closes on 24 December 2026" in text_of(await suite.get("/o/durand/customers"))


async def test_the_account_of_a_directory_offers_no_password(suite: Suite):
    assert 'href="/password"' in (await suite.get("/o/durand/account")).text
    suite.services.answers["GetMyAccount"] = identity_pb2.Account(identifier="h", directory=True)
    page = await suite.get("/o/durand/account")
    assert 'href="/password"' not in page.text
    assert "Only you know it" not in page.text
    assert "says who you are. This account has no password here." in text_of(page)


async def test_several_organisations_are_offered_and_one_is_entered_at_once(suite: Suite):
    answer = await suite.get("/organisations")
    assert 'href="/o/durand/"' in answer.text
    assert 'href="/o/lenoir/"' in answer.text
    del suite.organisations[1]
    assert (await suite.get("/organisations")).headers["location"] == "/o/durand/"


async def test_two_tabs_act_for_two_organisations(suite: Suite):
    await suite.get("/o/durand/applications")
    await suite.get("/o/lenoir/applications")
    assert set(suite.session.tokens) >= {each.face.id for each in suite.organisations}


async def test_a_product_is_launched_for_the_organisation_of_the_page(suite: Suite):
    answer = await suite.get("/o/durand/applications")
    assert 'href="http://127.0.0.1:8602/start?organisation=durand"' in answer.text
    assert (
        launch_address("https://p.example/?a=1&organisation=x", "durand")
        == "https://p.example/?a=1&organisation=durand"
    )


async def test_a_product_that_is_not_assigned_says_who_can(suite: Suite):
    answer = await suite.get("/o/durand/applications")
    assert "Ask Claire Martin or Hugo Petit." in text_of(answer)
    assert "Assign to me" in answer.text
    await suite.post("/o/durand/applications/c/assign-to-me")
    request = suite.services.last("SetAssignment")
    assert (request.product_id, request.membership_id, request.assigned) == ("c", suite.frame.membership.id, True)


async def test_a_closed_product_says_so_where_it_would_be_opened(suite: Suite):
    closed = tenancy_pb2.MyProduct(id="e", name="Actes", state=ASSIGNED, closed=True)
    suite.services.answers["ListMyProducts"] = tenancy_pb2.ListMyProductsResponse(products=[closed, PRODUCTS[0]])
    answer = await suite.get("/o/durand/applications")
    assert "Your provider has closed it for now." in text_of(answer)
    assert answer.text.index("Paie") < answer.text.index("Actes")
    assert answer.text.count("/start?organisation=") == 1


async def test_inviting_keeps_what_was_typed_and_says_what_is_wrong_at_the_field(suite: Suite):
    suite.services.answers["InviteMember"] = invalid("fields_invalid", [Violation("mail", "mail_invalid")])
    answer = await suite.post("/o/durand/settings/people/invite", COLLEAGUE | {"mail": "lea@"})
    assert answer.status_code == 422
    assert 'value="Léa"' in answer.text
    assert 'href="#f-mail"' in answer.text
    assert "A mail address looks like name@example.com." in text_of(answer)


async def test_what_was_left_empty_is_named_and_nothing_is_sent(suite: Suite):
    answer = await suite.post("/o/durand/settings/people/invite", {"given_name": "Léa"})
    assert answer.status_code == 422
    assert '<a href="#f-mail">This is needed.</a>' in answer.text
    assert "InviteMember" not in suite.services.calls


async def test_inviting_somebody_twice_says_where_they_are(suite: Suite):
    suite.services.answers["InviteMember"] = conflict("already_member")
    answer = await suite.post("/o/durand/settings/people/invite", COLLEAGUE)
    assert answer.status_code == 422
    assert "look for them in the list of people" in text_of(answer)


async def test_inviting_sends_what_was_typed_and_says_so(suite: Suite):
    suite.services.answers["InviteMember"] = MEMBER
    answer = await suite.post("/o/durand/settings/people/invite", COLLEAGUE | {"mail": " hugo@durand.example "})
    assert answer.headers["location"] == "/o/durand/settings/people"
    assert suite.services.last("InviteMember").mail == "hugo@durand.example"
    assert "on its way to Hugo Petit" in text_of(await suite.get("/o/durand/settings/people"))


@pytest.mark.parametrize(
    ("act", "rpc"),
    [
        ("resend", "ResendInvitation"),
        ("withdraw", "WithdrawInvitation"),
        ("cut", "CutMember"),
        ("reopen", "ReopenMember"),
    ],
)
async def test_accesses_are_managed_from_the_page_of_the_member(suite: Suite, act: str, rpc: str):
    answer = await suite.post(f"/o/durand/settings/people/{ID}/{act}")
    assert answer.status_code == 303
    assert suite.services.last(rpc).id == ID


async def test_the_last_administrator_stays(suite: Suite):
    suite.services.answers["CutMember"] = precondition("last_administrator")
    answer = await suite.post(f"/o/durand/settings/people/{ID}/cut")
    assert answer.status_code == 409
    assert "Make somebody else an administrator first." in text_of(answer)


async def test_a_stale_change_keeps_what_was_typed_with_the_newest_version(suite: Suite):
    suite.services.answers["UpdateMember"] = conflict("stale_version")
    answer = await suite.post(
        f"/o/durand/settings/people/{ID}", {"function": "Associée", "profile_id": "p1", "version": "2"}
    )
    assert answer.status_code == 422
    assert 'value="Associée"' in answer.text
    assert 'name="version" value="3"' in answer.text


async def test_a_profile_above_ones_own_rights_cannot_be_given(suite: Suite):
    suite.services.answers["UpdateMember"] = forbidden(
        "above_ceiling", right="profiles.manage", helpers="Claire Martin"
    )
    answer = await suite.post(f"/o/durand/settings/people/{ID}", {"profile_id": "p2"})
    assert answer.status_code == 422
    assert "rights that they do not hold themselves" in text_of(answer)


async def test_the_record_is_saved_whole(suite: Suite):
    suite.services.answers["GetOrganisation"] = tenancy_pb2.Organisation(version=7)
    await suite.post(
        "/o/durand/settings/organisation",
        {"name": "Durand", "lines": "1 rue X\r\n\r\nBât. B", "country": "fr", "accent": "#112233", "version": "7"},
    )
    saved = suite.services.last("UpdateOrganisation").organisation
    assert list(saved.address.lines) == ["1 rue X", "Bât. B"]
    assert (saved.address.country, saved.accent, saved.version) == ("FR", "#112233", 7)


async def test_ending_a_session_names_it(suite: Suite):
    await suite.post("/o/durand/account/sessions/s2/end")
    assert suite.services.last("EndMySession").session_id == "s2"


async def test_the_secret_of_a_product_is_shown_once(suite: Suite):
    suite.services.answers["RegisterProduct"] = tenancy_pb2.RegisteredProduct(client_id="cid", client_secret="s3cret")
    answer = await suite.post(
        "/o/durand/settings/products/new",
        {
            "name": "Paie",
            "launch_url": "https://a.example/",
            "redirect_uris": "https://a.example/cb\r\nhttps://b.example/cb",
        },
    )
    assert "s3cret" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert len(suite.services.last("RegisterProduct").client.redirect_uris) == 2


async def test_the_first_start_leads_to_the_activation_page(suite: Suite):
    suite.sign_out()
    suite.services.answers["SetUp"] = tenancy_pb2.SetUpResponse(activation_url=f"{ORIGIN}/activate/abc", slug="editeur")
    answer = await suite.client.post("/setup", data={"setup_token": "t", **FIRST}, headers={"Origin": ORIGIN})
    assert answer.headers["location"] == "/activate/abc"


async def test_the_first_start_with_a_wrong_token_says_so(suite: Suite):
    suite.sign_out()
    suite.services.answers["SetUp"] = forbidden("setup_token_wrong")
    answer = await suite.client.post("/setup", data={"setup_token": "t", **FIRST}, headers={"Origin": ORIGIN})
    assert answer.status_code == 422
    assert "not the link that the installation printed" in text_of(answer)


async def test_the_legal_page_needs_no_session(suite: Suite):
    suite.sign_out()
    answer = await suite.get("/legal")
    assert answer.status_code == 200
    assert "What is kept, and for how long" in answer.text


async def test_signing_out_ends_the_session_here_and_at_identity(suite: Suite):
    answer = await suite.post("/auth/sign-out")
    assert answer.headers["location"].startswith(f"{ORIGIN}/oauth2/logout?id_token_hint=id")
    assert suite.sessions.kept == {}


async def test_a_name_that_mails_would_show_as_a_link_is_explained_at_its_field(suite):
    suite.services.answers["UpdateMyAccount"] = invalid("account_invalid", [Violation("given_name", "link_in_name")])

    answer = await suite.post("/o/durand/account", {"given_name": "www.evil.example", "family_name": "Martin"})

    assert answer.status_code == 422
    assert "mail programs would make a link of it" in text_of(answer)
