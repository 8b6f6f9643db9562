"""The pages about how people of an organisation sign in: what is in force, and what comes next."""

import copy
from datetime import UTC, datetime, timedelta

import pytest

from parvis.identity.v1 import domains_pb2, policies_pb2
from parvis.identity.v1 import providers_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import unavailable
from parvis_web.testing import text_of

HERE = "/o/durand/settings/sign-in"
LIVE = pb.SsoProvider(id="p1", name="Microsoft", template="entra", state=pb.PROVIDER_STATE_LIVE, people=12)
DRAFT = pb.SsoProvider(id="p2", name="Intranet", template="saml", state=pb.PROVIDER_STATE_DRAFT)


def certificate(days):
    made = pb.ProviderCertificate(fingerprint="3fa19c", subject="CN=idp")
    made.expires_at.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return made


@pytest.fixture
def said_with(suite):
    async def said(*providers, **told):
        policy = policies_pb2.SignInPolicy(**told.pop("policy", {}))
        suite.services.answers["GetDirectoryMapping"] = tenancy_pb2.DirectoryMapping(**told.pop("mapping", {}))
        domains = domains_pb2.ListDomainsResponse(domains=told.pop("domains", []))
        suite.services.answers["ListDomains"] = domains
        suite.services.answers["ListProviders"] = pb.ListProvidersResponse(providers=providers)
        suite.services.answers["GetSignInPolicy"] = policies_pb2.SignInPolicies(policy=policy, **told)
        return text_of(await suite.get(HERE))

    return said


async def test_what_is_in_force_is_said_in_words(said_with):
    said = await said_with(LIVE)
    assert "12 people sign in with Microsoft." in said
    assert "Passwords remain possible beside it." in said


async def test_a_directory_that_the_demands_switch_off_is_not_said_to_be_in_use(said_with):
    said = await said_with(LIVE, policy={"version": 1, "sso": policies_pb2.SSO_MODE_OFF})
    assert "your demands say that nobody signs in with it" in said
    assert "12 people" not in said
    assert "Everybody signs in with a mail address and a password." in said


async def test_whom_the_directory_does_not_know_is_listed_with_the_way_to_their_page(suite, said_with):
    unknown = [policies_pb2.UnknownColleague(membership_id="m7", name="Lucie Tanguy", mail="lucie@durand.example")]
    said = await said_with(LIVE, unknown=unknown, unknown_total=3)
    assert "Colleagues whom your directory does not know" in said
    assert "Lucie Tanguy" in said
    assert "and 2 others" in said
    assert 'href="/o/durand/settings/people/m7"' in (await suite.get(HERE)).text
    assert "does not know" not in await said_with(LIVE)


async def test_who_enters_in_an_emergency_is_named(said_with):
    candidates = [
        policies_pb2.BreakGlassCandidate(account_id="a1", name="Claire Martin"),
        policies_pb2.BreakGlassCandidate(account_id="a2", name="Hugo Petit"),
    ]
    enforced = {"version": 1, "sso": policies_pb2.SSO_MODE_ENFORCED, "break_glass": ["a1"]}
    said = await said_with(LIVE, policy=enforced, candidates=candidates)
    assert "Nobody enters otherwise, but in an emergency: Claire Martin." in said
    assert "Hugo" not in said


async def test_a_factor_that_is_required_says_who_lacks_it(said_with):
    required = {"version": 1, "factors": policies_pb2.FACTOR_MODE_REQUIRED}
    said = await said_with(policy=required, affected=9, without_factor=3)
    assert "A second factor is required. 3 of 9 people have none yet." in said


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({}, "Nobody who arrives has an access yet"),
        ({"default_profile_id": "p", "default_profile_name": "Conseiller"}, "Whoever arrives receives the profile"),
        ({"rules": [tenancy_pb2.DirectoryRule(value="Paie")]}, "One rule gives profiles to the groups of your"),
    ],
)
async def test_what_whoever_arrives_receives_is_said(said_with, mapping, says):
    assert says in await said_with(LIVE, mapping=mapping)


async def test_whose_addresses_lead_to_a_directory_is_said_once_it_is_proven(said_with):
    domains = [
        domains_pb2.Domain(shown="durand.example", state=domains_pb2.DOMAIN_STATE_VERIFIED),
        domains_pb2.Domain(shown="perdu.example", state=domains_pb2.DOMAIN_STATE_LOST),
        domains_pb2.Domain(shown="attente.example", state=domains_pb2.DOMAIN_STATE_PENDING),
    ]
    said = await said_with(LIVE, domains=domains)
    assert "Whoever types an address of durand.example is led there." in said
    assert "The proof of perdu.example is not found any more." in said
    assert "attente.example" not in said


GIVEN = {"mapping": {"default_profile_id": "p", "default_profile_name": "Conseiller"}}
PROVEN = {"domains": [domains_pb2.Domain(shown="durand.example", state=domains_pb2.DOMAIN_STATE_VERIFIED)]}


@pytest.mark.parametrize(
    ("providers", "told", "title"),
    [
        ((), {}, "Let your colleagues sign in with the firm's own directory"),
        ((LIVE, DRAFT), {}, "Finish setting up Intranet"),
        ((LIVE,), {}, "Choose what whoever arrives may do"),
        ((LIVE,), GIVEN, "Prove that your mail domain is yours"),
        ((LIVE,), GIVEN | PROVEN, ""),
    ],
)
async def test_there_is_one_next_step_at_most(said_with, suite, providers, told, title):
    said = await said_with(*providers, **copy.deepcopy(told))
    assert title in said
    page = await suite.get(HERE)
    assert page.text.count("notice tone-info") == bool(title)


async def test_a_service_that_is_down_is_not_an_organisation_without_directory(suite):
    suite.services.answers["ListProviders"] = unavailable("service_unavailable")
    said = text_of(await suite.get(HERE))
    assert "not available right now" in said
    assert "password" not in said.split("not available right now")[1]


@pytest.mark.parametrize(("days", "says"), [(12, "ends on"), (-1, "ended on"), (45, "")])
async def test_a_certificate_that_ends_soon_is_told_a_month_ahead(said_with, days, says):
    provider = pb.SsoProvider(certificates=[certificate(days)])
    provider.MergeFrom(LIVE)
    said = await said_with(provider)
    assert ("The certificate of Microsoft" in said) == bool(says)
    assert says in said


async def test_a_certificate_that_another_one_follows_alarms_nobody(said_with):
    provider = pb.SsoProvider(certificates=[certificate(3), certificate(700)])
    provider.MergeFrom(LIVE)
    assert "The certificate of Microsoft" not in await said_with(provider)


async def test_the_tab_of_the_administration_is_the_one_of_the_page(suite):
    page = await suite.get(HERE)
    assert f'href="{HERE}" aria-current="page">Sign-in' in page.text
    assert f'href="{HERE}" aria-current="page">Overview' in page.text


async def test_whoever_invites_hears_that_the_directory_opens_the_organisation(suite):
    page = "/o/durand/settings/people/invite"
    assert "directory opens this organisation" not in text_of(await suite.get(page))
    policy = policies_pb2.SignInPolicy(version=1, sso=policies_pb2.SSO_MODE_ENFORCED)
    suite.services.answers["GetSignInPolicy"] = policies_pb2.SignInPolicies(policy=policy)
    assert "directory opens this organisation" in text_of(await suite.get(page))
