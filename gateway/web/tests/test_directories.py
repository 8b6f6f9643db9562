"""A firm's directories: set up step by step, tested, put in service, changed, taken back, deleted."""

import re
from datetime import UTC, datetime

import pytest

from parvis.identity.v1 import providers_pb2 as pb
from parvis_kit.errors import Violation, conflict, invalid, limit, not_found, precondition
from parvis_web.directory_checks import ADVICE, SAML_STEPS, STEPS
from parvis_web.directory_guides import GUIDES
from parvis_web.testing import text_of

LIST = "/o/durand/settings/sign-in/directories"
HERE = f"{LIST}/p1"
BASE = "https://portail.example/sso/p1"
STATES = {"draft": pb.PROVIDER_STATE_DRAFT, "live": pb.PROVIDER_STATE_LIVE, "off": pb.PROVIDER_STATE_OFF}
TYPED = {"name": "Microsoft", "issuer": "8c0f4a1e", "client_id": "app", "client_secret": "s3cret", "version": "4"}


def provider(template="entra", state="draft", **changes):
    saml = template == "saml"
    found = pb.SsoProvider(
        id="p1", version=4, template=template, name="Microsoft", state=STATES[state],
        kind=pb.PROVIDER_KIND_SAML if saml else pb.PROVIDER_KIND_OIDC, start_url=f"{BASE}/start", scope="profile email",
    )  # fmt: skip
    if saml:
        found.entity_id, found.acs_url, found.slo_url = f"{BASE}/metadata", f"{BASE}/acs", f"{BASE}/slo"
        found.own_metadata_url = f"{BASE}/metadata"
    else:
        found.redirect_uri, found.logout_uri = f"{BASE}/callback", f"{BASE}/slo"
    found.MergeFrom(pb.SsoProvider(**changes))
    return found


def tried(found):
    found.tried_at.FromDatetime(datetime.now(UTC))
    return found


def in_service(**changes):
    found = tried(provider(state="live", **changes))
    found.live_since.FromDatetime(datetime.now(UTC))
    return found


@pytest.fixture
def firm(suite):
    suite.services.answers |= {"GetProvider": provider(), "CreateProvider": provider(), "UpdateProvider": provider()}
    return suite


def check(name, result, detail="", reason=""):
    return pb.ProviderCheck(name=name, result=result, detail=detail, reason=reason)


async def test_a_firm_without_directory_is_told_what_one_is_for(suite):
    answer = await suite.get(LIST)
    assert "No directory yet" in text_of(answer)
    assert f'href="{LIST}/new"' in answer.text


async def test_each_kind_has_a_guide_with_the_values_that_it_needs(firm):
    for template, guide in GUIDES.items():
        firm.services.answers["GetProvider"] = provider(template)
        page = text_of(await firm.get(f"{HERE}/there"))
        wanted = (f"{BASE}/metadata", f"{BASE}/acs") if guide.kind == "saml" else (f"{BASE}/callback",)
        assert all(value in page for value in wanted), template


async def test_a_new_one_is_a_draft_that_leads_to_what_is_pasted_there(firm):
    answer = await firm.post(f"{LIST}/new", {"template": "entra"})
    sent = firm.services.last("CreateProvider")
    assert (sent.kind, sent.template, sent.name) == (pb.PROVIDER_KIND_OIDC, "entra", "Microsoft")
    assert answer.headers["location"] == f"{HERE}/there"


async def test_nothing_chosen_is_said_and_nothing_made(firm):
    answer = await firm.post(f"{LIST}/new", {"name": "Annuaire"})
    assert answer.status_code == 422
    assert 'value="Annuaire"' in answer.text
    assert "CreateProvider" not in firm.services.calls


async def test_too_many_are_refused_in_words(firm):
    firm.services.answers["CreateProvider"] = limit("too_many_providers")
    assert "twenty directories at most" in text_of(await firm.post(f"{LIST}/new", {"template": "okta"}))


@pytest.mark.parametrize(
    ("template", "typed", "issuer"),
    [
        ("entra", "8c0f4a1e", "https://login.microsoftonline.com/8c0f4a1e/v2.0"),
        ("entra", "https://login.microsoftonline.com/8c0f4a1e/v2.0", "https://login.microsoftonline.com/8c0f4a1e/v2.0"),
        ("google", "", "https://accounts.google.com"),
        ("okta", "cabinet.okta.com", "https://cabinet.okta.com"),
        ("okta", "https://cabinet.okta.com/", "https://cabinet.okta.com"),
        ("okta", "https://cabinet.okta.com/oauth2/default", "https://cabinet.okta.com/oauth2/default"),
        ("keycloak", "https://k.example/realms/cabinet/", "https://k.example/realms/cabinet"),
        ("oidc", "https://i.example/.well-known/openid-configuration", "https://i.example"),
        ("oidc", "https://i.example/", "https://i.example/"),
        ("okta", "https://[", "https://["),
    ],
)
async def test_the_issuer_is_made_of_what_the_console_shows(firm, template, typed, issuer):
    firm.services.answers["GetProvider"] = provider(template)
    await firm.post(f"{HERE}/here", TYPED | {"issuer": typed})
    sent = firm.services.last("UpdateProvider")
    assert (sent.issuer, sent.client_id, sent.client_secret, sent.version) == (issuer, "app", "s3cret", 4)
    shown = GUIDES[template].typed_of(issuer)
    assert GUIDES[template].issuer_of(shown) == issuer


async def test_a_draft_goes_on_to_its_test_and_a_live_one_back_to_its_page(firm):
    assert (await firm.post(f"{HERE}/here", TYPED)).headers["location"] == f"{HERE}/try"
    firm.services.answers["GetProvider"] = provider(state="live")
    assert (await firm.post(f"{HERE}/here", TYPED)).headers["location"] == HERE


async def test_a_secret_is_never_shown_and_stays_when_nothing_is_typed(firm):
    firm.services.answers["GetProvider"] = provider(has_secret=True, client_id="app")
    assert "s3cret" not in (await firm.post(f"{HERE}/here", TYPED | {"client_id": ""})).text
    await firm.post(f"{HERE}/here", TYPED | {"client_secret": ""})
    assert not firm.services.last("UpdateProvider").HasField("client_secret")


async def test_what_is_left_empty_is_said_at_its_field(firm):
    answer = await firm.post(f"{HERE}/here", {"name": "Microsoft"})
    assert answer.status_code == 422
    assert all(f'href="#f-{name}"' in answer.text for name in ("issuer", "client_id", "client_secret"))
    assert "UpdateProvider" not in firm.services.calls


async def test_a_directory_that_does_not_answer_is_said_where_its_address_was_typed(firm):
    firm.services.answers["UpdateProvider"] = invalid("provider_invalid", [Violation("issuer", "provider_not_reached")])
    answer = await firm.post(f"{HERE}/here", TYPED)
    assert answer.status_code == 422
    assert 'href="#f-issuer"' in answer.text
    assert "Nothing answers at this address." in text_of(answer)
    assert 'value="8c0f4a1e"' in answer.text


@pytest.mark.parametrize(("template", "field"), [("entra", "issuer"), ("saml", "metadata_url")])
async def test_a_directory_that_knows_people_moves_by_a_new_one_beside_it(firm, template, field):
    firm.services.answers["GetProvider"] = provider(template, issuer="https://i.example")
    firm.services.answers["UpdateProvider"] = invalid("provider_invalid", [Violation(field, "issuer_fixed")])
    answer = await firm.post(f"{HERE}/here", TYPED | {"metadata_url": "https://other.example/metadata"})
    assert f'href="#f-{field}"' in answer.text
    assert "Add a new directory beside it" in text_of(answer)


async def test_two_administrators_do_not_overwrite_each_other(firm):
    firm.services.answers["UpdateProvider"] = conflict("version_outdated")
    answer = await firm.post(f"{HERE}/here", TYPED)
    assert "Somebody else changed this meanwhile." in text_of(answer)
    assert 'value="app"' in answer.text


async def test_metadata_come_as_a_file_or_from_an_address_not_both(firm):
    firm.services.answers["GetProvider"] = provider("saml")
    file = {"metadata_document": ("idp.xml", b"<EntityDescriptor/>", "text/xml")}
    typed = {"name": "Intranet", "version": "4"}
    both = await firm.post(f"{HERE}/here", typed | {"metadata_url": "https://i.example/m"}, files=file)
    assert "Give the address or the file, not both." in text_of(both)
    await firm.post(f"{HERE}/here", typed, files=file)
    assert firm.services.last("UpdateProvider").metadata_document == b"<EntityDescriptor/>"
    neither = await firm.post(f"{HERE}/here", typed)
    assert "We need its metadata" in text_of(neither)
    await firm.post(f"{HERE}/here", typed | {"metadata_url": "https://i.example/m"})
    assert firm.services.last("UpdateProvider").metadata_url == "https://i.example/m"


async def test_other_keys_for_a_directory_in_service_are_compared_before_they_are_taken(firm):
    firm.services.answers["GetProvider"] = in_service(template="saml", issuer="https://idp.example", people=12)
    firm.services.answers["UpdateProvider"] = precondition(
        "keys_unconfirmed", added="AB:CD 2028-01-31 CN=idp two", kept="", gone="12:34 - CN=idp"
    )
    file = {"metadata_document": ("idp.xml", b"<EntityDescriptor/>", "text/xml")}

    asked = await firm.post(f"{HERE}/here", {"name": "Intranet", "version": "4", "forwards_logout": "1"}, files=file)

    assert asked.status_code == 409
    assert all(each in text_of(asked) for each in ("AB:CD", "CN=idp two", "31 January 2028", "12:34"))
    firm.services.answers["UpdateProvider"] = in_service(template="saml")
    again = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', asked.text))
    again.pop("csrf", None)
    saved = await firm.post(f"{HERE}/here", again)
    sent = firm.services.last("UpdateProvider")
    assert saved.status_code == 303
    assert (sent.metadata_document, list(sent.confirmed_keys)) == (b"<EntityDescriptor/>", ["AB:CD"])
    assert (sent.name, sent.version, sent.forwards_logout, sent.accepts_amr) == ("Intranet", 4, True, False)


async def test_a_test_leaves_by_a_page_because_a_form_may_not_end_elsewhere(firm):
    firm.services.answers["StartProviderTrial"] = pb.ProviderTrial(id="t1", url="https://portail.example/sso/p1/start")
    answer = await firm.post(f"{HERE}/try")
    assert '<meta http-equiv="refresh" content="0;url=https://portail.example/sso/p1/start">' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_test_that_failed_says_where_why_and_what_to_do(firm):
    checks = [
        check("configuration", pb.CHECK_RESULT_PASSED),
        check("token_answer", pb.CHECK_RESULT_FAILED, "The provider answers: invalid_client", "client_refused"),
        check("signature", pb.CHECK_RESULT_NOT_REACHED),
    ]
    firm.services.answers["GetProviderTrial"] = pb.ProviderTrial(id="t1", finished=True, checks=checks)
    said = text_of(await firm.get(f"{HERE}?trial=t1"))
    assert "It stopped here: The exchange of the code for tokens" in said
    assert "does not accept the client ID with this secret" in said
    assert "The provider answers: invalid_client" in said
    assert said.count("Not reached") == 1
    assert "Put it in service" not in said


async def test_a_test_that_went_through_shows_what_was_received_and_leads_on(firm):
    claims = [
        pb.ReceivedClaim(name="given_name", values=["Léa"], used_as="given_name"),
        pb.ReceivedClaim(name="roles", values=["Paie", "Juridique"]),
    ]
    firm.services.answers["GetProviderTrial"] = pb.ProviderTrial(
        id="t1", finished=True, passed=True, claims=claims, checks=[check("configuration", pb.CHECK_RESULT_PASSED)]
    )
    answer = await firm.get(f"{HERE}?trial=t1")
    assert "Paie\nJuridique" in answer.text
    assert "What is empty did not arrive under the usual name." in text_of(answer)
    assert f'href="{HERE}/live"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("told", [True, False])
async def test_a_test_says_when_nobody_is_told_when_somebody_signed_in(firm, told):
    claims = [pb.ReceivedClaim(name="auth_time", values=["1"])] if told else []
    firm.services.answers["GetProviderTrial"] = pb.ProviderTrial(id="t1", finished=True, passed=True, claims=claims)
    said = text_of(await firm.get(f"{HERE}?trial=t1"))
    assert ("does not say when somebody signed in" in said) is not told


async def test_steps_of_saml_have_words_of_their_own(firm):
    firm.services.answers["GetProvider"] = provider("saml")
    results = {"message": pb.CHECK_RESULT_PASSED, "audience": pb.CHECK_RESULT_FAILED}
    checks = [
        check(name, results.get(name, pb.CHECK_RESULT_NOT_REACHED), "For another.", "audience_wrong")
        if name == "audience"
        else check(name, results.get(name, pb.CHECK_RESULT_NOT_REACHED))
        for name in SAML_STEPS
    ]
    firm.services.answers["GetProviderTrial"] = pb.ProviderTrial(id="t1", finished=True, checks=checks)
    said = text_of(await firm.get(f"{HERE}?trial=t1"))
    assert said.count("The form of the message") == 1
    assert "Which application it is meant for For another. Failed" in said
    assert "Compare the entity ID there" in said
    assert said.count("Not reached") == len(SAML_STEPS) - 2


async def test_a_test_without_answer_says_where_to_look(firm):
    firm.services.answers["GetProviderTrial"] = pb.ProviderTrial(id="t1")
    assert "No answer came back" in text_of(await firm.get(f"{HERE}?trial=t1"))


async def test_a_test_that_is_gone_begins_anew(firm):
    firm.services.answers["GetProviderTrial"] = not_found("trial_not_found")
    assert (await firm.get(f"{HERE}?trial=old")).headers["location"] == f"{HERE}/try"


async def test_it_goes_live_after_a_test_only_and_says_what_changes_and_the_way_back(firm):
    assert "Put it in service" not in text_of(await firm.get(f"{HERE}/live"))
    firm.services.answers["GetProvider"] = tried(provider(issuer="https://i.example"))
    said = text_of(await firm.get(f"{HERE}/live"))
    assert "Put it in service" in said
    assert "The way back" in said
    firm.services.answers["SetProviderState"] = precondition("provider_untried")
    answer = await firm.post(f"{HERE}/state", {"state": "live"}, follow_redirects=True)
    assert "Test it first" in text_of(answer)


async def test_it_is_taken_out_of_service_and_the_last_one_of_a_demand_is_not(firm):
    await firm.post(f"{HERE}/state", {"state": "off"})
    assert firm.services.last("SetProviderState").state == pb.PROVIDER_STATE_OFF
    firm.services.answers["SetProviderState"] = precondition("last_provider")
    answer = await firm.post(f"{HERE}/state", {"state": "off"}, follow_redirects=True)
    assert "Lift the demand first." in text_of(answer)


async def test_taking_it_out_of_service_says_before_who_is_signed_out(firm):
    firm.services.answers["GetProvider"] = in_service()
    assert "Nobody is signed in with it at present." in text_of(await firm.get(HERE))
    firm.services.answers["GetProvider"] = in_service(sessions_ending=12, sessions_kept=1)
    said = text_of(await firm.get(HERE))
    assert "12 open sessions end at once. Yours goes on." in said
    assert "One colleague with an account of their own stays signed in" in said


async def test_deleting_says_whom_it_concerns(firm):
    firm.services.answers["GetProvider"] = provider(state="off", people=3)
    assert "3 people. If you set it up again, they arrive like somebody new." in text_of(await firm.get(HERE))
    answer = await firm.post(f"{HERE}/delete")
    assert answer.headers["location"] == LIST


async def test_one_in_service_is_not_offered_to_be_deleted(firm):
    firm.services.answers["GetProvider"] = in_service()
    answer = await firm.get(HERE)
    assert answer.status_code == 200
    assert f"{HERE}/delete" not in answer.text


async def test_keys_of_ours_change_in_two_steps(firm):
    found = provider("saml", own_certificates=[pb.ProviderCertificate(fingerprint="a", current=True)])
    firm.services.answers["GetProvider"] = found
    assert "Prepare the next key" in text_of(await firm.get(HERE))
    await firm.post(f"{HERE}/keys")
    assert firm.services.last("RotateProviderKey").use is False
    found.own_certificates.append(pb.ProviderCertificate(fingerprint="b", pem="-----BEGIN CERTIFICATE-----"))
    assert "Let the next key sign" in text_of(await firm.get(HERE))
    await firm.post(f"{HERE}/keys", {"use": "1"})
    assert firm.services.last("RotateProviderKey").use is True


async def test_claims_with_other_names_are_named_and_the_rest_is_usual(firm):
    await firm.post(f"{HERE}/claims", {"groups": "roles", "mail": "", "version": "4"})
    sent = firm.services.last("UpdateProvider")
    assert dict(sent.claim_names) == {"groups": "roles"}
    assert sent.set_claim_names


def test_what_is_advised_is_of_a_check_that_there_is():
    assert SAML_STEPS.keys() & STEPS.keys() == {
        "configuration", "algorithm", "signature", "issuer", "audience", "times", "sign_in_time", "subject"
    }  # fmt: skip
    assert {"client_refused", "signature_missing", "provider_not_reached"} <= set(ADVICE)
