"""Mail domains of firms, from the word to the proof and back, and whose sign-in their addresses lead to."""

import re
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from dns_server import name_server
from identity_stage import make_stage, read
from sqlalchemy import text

from parvis.identity.v1 import domains_pb2 as pb
from parvis.identity.v1 import events_pb2
from parvis_identity.domain.domains import GRACE, RECORD_LABEL
from parvis_identity.models import ProviderKind, ProviderState, SignInPolicy, SsoProvider
from parvis_identity.rpc import DomainRpc
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.testing import make_caller

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
async def zone():
    async with name_server() as zone:
        yield zone


@pytest.fixture
async def stage(database, zone):
    stage = await make_stage(database, dns_servers=zone.address)
    await stage.run("DELETE FROM sso_domains")
    await stage.run("DELETE FROM outbox")
    return stage


class Firm:
    """A firm, and its administrator's calls."""

    def __init__(self, stage, slug, account):
        self.stage, self.face, self.account = stage, stage.town.found(slug, slug.title()), account
        self.rpc = DomainRpc(stage.domains)

    @asynccontextmanager
    async def unit(self):
        self.stage.town.rights = {"sign_in.manage"}
        caller = make_caller(self.face.id, account_id=self.account.id)
        async with self.stage.database.begin(caller) as unit:
            yield unit

    async def add(self, name, **options):
        return await self.rpc.AddDomain(self.unit, pb.AddDomainRequest(name=name, **options))

    async def check(self, domain):
        await self.stage.run("UPDATE sso_domains SET checked_at = checked_at - interval '1 minute'")
        return await self.rpc.CheckDomain(self.unit, pb.CheckDomainRequest(id=domain.id))

    async def mail(self, domain):
        async with self.unit() as unit:
            return await self.rpc.SendDomainMail(unit, pb.SendDomainMailRequest(id=domain.id))

    async def remove(self, domain):
        async with self.unit() as unit:
            return await self.rpc.RemoveDomain(unit, pb.RemoveDomainRequest(id=domain.id))

    async def listed(self):
        async with self.unit() as unit:
            return list((await self.rpc.ListDomains(unit, pb.ListDomainsRequest())).domains)

    async def proven(self, name, zone):
        """A domain whose record stands in the DNS; beside what others published."""
        domain = await self.add(name, beside_another=True)
        held = zone.texts.get(f"{RECORD_LABEL}.{name}", [])
        zone.publish(f"{RECORD_LABEL}.{name}", *held, domain.record_value)
        return await self.check(domain)

    async def proven_by_mail(self, name):
        await self.mail(await self.add(name))
        await self.stage.browser().submit(await self.link())
        return next(each for each in await self.listed() if each.name == name)

    async def link(self):
        """The address in the mail that was sent last."""
        asked = events_pb2.DomainProofAsked.FromString((await self.stage.events("DomainProofAsked"))[-1])
        async with self.stage.unit(self.face.id) as unit:
            url, _ = await self.stage.domains.mint(unit, UUID(asked.link_id))
        return url.removeprefix(self.stage.settings.public_url)

    async def provider(self, name="Annuaire", *, state=ProviderState.LIVE, sso=None):
        async with self.stage.unit() as unit:
            made = SsoProvider(
                organisation_id=self.face.id, organisation_slug=self.face.slug, kind=ProviderKind.OIDC,
                template="oidc", name=name, state=state, created_at=unit.now, changed_at=unit.now,
            )  # fmt: skip
            unit.add(made)
            if sso:
                unit.add(SignInPolicy(organisation_id=self.face.id, sso=sso, version=1, changed_at=unit.now))
        return made

    async def audited(self, act):
        async with self.stage.unit(self.face.id) as unit:
            query = text("SELECT count(*) FROM audit WHERE act = :act AND organisation_id = :firm")
            return await unit.scalar(query, {"act": act, "firm": self.face.id})


@pytest.fixture
async def orsel(stage):
    return Firm(stage, f"orsel-{uuid7().hex[-8:]}", await stage.person())


@pytest.fixture
async def valmer(stage):
    return Firm(stage, f"valmer-{uuid7().hex[-8:]}", await stage.person())


async def notices(stage) -> list[tuple[str, str]]:
    found = [
        events_pb2.NoticeForAdministrators.FromString(each) for each in await stage.events("NoticeForAdministrators")
    ]
    return [(each.kind, each.values["domain"]) for each in found]


async def days_pass(stage, days):
    """As if everything had happened so much earlier, and every domain were due."""
    columns = ("verified_at", "checked_at", "lost_at", "created_at", "claim_told_at")
    moved = ", ".join(f"{each} = {each} - interval '{days} days'" for each in columns)
    await stage.run(f"UPDATE sso_domains SET {moved}, next_check_at = now()")  # noqa: S608 - names of columns
    while await stage.domains.check_due():
        pass


# Proofs


async def test_a_domain_counts_once_its_record_is_there(stage, zone, orsel):
    added = await orsel.add("Claire@Orsel.example")
    before = await orsel.check(added)
    zone.publish(added.record_name, "v=spf1 -all")
    other = await orsel.check(added)
    zone.publish(added.record_name, "v=spf1 -all", added.record_value)
    proven = await orsel.check(added)

    assert (added.name, added.state, added.record_name) == (
        "orsel.example", pb.DOMAIN_STATE_PENDING, "_parvis-challenge.orsel.example"
    )  # fmt: skip
    assert [each.problem for each in (before, other, proven)] == ["record_missing", "record_other", ""]
    assert (proven.state, proven.method) == (pb.DOMAIN_STATE_VERIFIED, pb.DOMAIN_METHOD_DNS)
    assert await orsel.audited("sso_domain.verified") == 1


@pytest.mark.parametrize(
    ("typed", "why"), [("gmail.com", "public_mail"), ("co.uk", "public_suffix"), ("orsel", "not_a_domain")]
)
async def test_nobodys_own_domain_is_refused(orsel, typed, why):
    with pytest.raises(ServiceError) as error:
        await orsel.add(typed)

    assert (error.value.reason, error.value.violations[0].reason) == ("domain_invalid", why)


async def test_a_domain_is_listed_once_and_found_by_its_firm_alone(orsel, valmer):
    added = await orsel.add("orsel.example")
    with pytest.raises(ServiceError) as twice:
        await orsel.add("ORSEL.example")
    refused = []
    for call in (valmer.check, valmer.mail, valmer.remove):
        with pytest.raises(ServiceError) as error:
            await call(added)
        refused.append(error.value.reason)

    assert twice.value.reason == "domain_listed"
    assert set(refused) == {"domain_not_found"}
    assert not await valmer.listed()


async def test_whoever_may_not_set_up_sign_in_sees_nothing(stage, orsel):
    async with orsel.unit() as unit:
        stage.town.rights = set()
        with pytest.raises(ServiceError) as error:
            await orsel.rpc.ListDomains(unit, pb.ListDomainsRequest())

    assert error.value.kind is Kind.FORBIDDEN


async def test_a_name_server_that_does_not_answer_is_said_so(zone, orsel):
    added = await orsel.add("orsel.example")
    zone.trouble = "silent"

    checked = await orsel.check(added)

    assert (checked.state, checked.problem) == (pb.DOMAIN_STATE_PENDING, "dns_unreachable")


async def test_what_is_not_proven_yet_is_looked_for_by_itself(stage, zone, orsel):
    added = await orsel.add("orsel.example")
    zone.publish(added.record_name, added.record_value)

    await days_pass(stage, 0)

    assert (await orsel.listed())[0].state == pb.DOMAIN_STATE_VERIFIED


async def test_a_lost_domain_is_told_of_at_once_and_off_after_a_week(stage, zone, orsel):
    domain = await orsel.proven("orsel.example", zone)
    zone.texts.clear()
    await days_pass(stage, 1)
    lost = (await orsel.listed())[0]
    await days_pass(stage, 6)
    still = (await orsel.listed())[0]
    await days_pass(stage, 2)
    off = (await orsel.listed())[0]
    zone.publish(domain.record_name, domain.record_value)
    await days_pass(stage, 1)
    back = (await orsel.listed())[0]

    assert [each.state for each in (lost, still, off, back)] == [
        pb.DOMAIN_STATE_LOST, pb.DOMAIN_STATE_LOST, pb.DOMAIN_STATE_OFF, pb.DOMAIN_STATE_VERIFIED
    ]  # fmt: skip
    assert lost.off_at.ToDatetime() - lost.lost_at.ToDatetime() == GRACE
    assert await notices(stage) == [("domain_lost", "orsel.example"), ("domain_off", "orsel.example")]


# The postmaster


async def test_the_postmaster_proves_a_domain_by_a_link(stage, orsel):
    asked = await orsel.mail(await orsel.add("orsel.example"))
    link, browser = await orsel.link(), stage.browser()
    page = await browser.get(link)
    still = (await orsel.listed())[0]
    answer = await browser.http.post(
        link, data={"answer": "yes", "csrf": browser.http.cookies[stage.site.cookies.csrf]},
        headers={"Origin": stage.settings.public_url},
    )  # fmt: skip
    proven = (await orsel.listed())[0]
    again = await browser.get(link)

    sent = events_pb2.DomainProofAsked.FromString((await stage.events("DomainProofAsked"))[-1])
    assert sent.mail == "postmaster@orsel.example"
    assert asked.mail_expires_at.ToDatetime() - asked.mail_sent_at.ToDatetime() == timedelta(days=1)
    assert still.state == pb.DOMAIN_STATE_PENDING, "opening the link answers nothing"
    assert orsel.face.name in read(page)
    assert "est confirmé" in read(answer)
    assert (proven.state, proven.method) == (pb.DOMAIN_STATE_VERIFIED, pb.DOMAIN_METHOD_MAIL)
    assert again.status_code == 404


async def test_a_postmaster_who_refuses_is_heard(stage, orsel):
    await orsel.mail(await orsel.add("orsel.example"))
    link, browser = await orsel.link(), stage.browser()
    await browser.get(link)
    token = browser.http.cookies[stage.site.cookies.csrf]
    answer = await browser.http.post(link, data={"answer": "no", "csrf": token})

    domain = (await orsel.listed())[0]
    assert "Vous avez refusé" in read(answer)
    assert (domain.state, domain.problem) == (pb.DOMAIN_STATE_PENDING, "mail_declined")


async def test_an_old_link_and_the_one_before_prove_nothing(stage, orsel):
    domain = await orsel.add("orsel.example")
    await orsel.mail(domain)
    first = await orsel.link()
    with pytest.raises(ServiceError) as soon:
        await orsel.mail(domain)
    await stage.run("UPDATE sso_domains SET mail_sent_at = mail_sent_at - interval '1 hour'")
    await orsel.mail(domain)
    second = await orsel.link()
    replaced = await stage.browser().get(first)
    await stage.run("UPDATE sso_domains SET mail_sent_at = mail_sent_at - interval '1 day'")
    expired = await stage.browser().get(second)

    assert (soon.value.kind, soon.value.reason) == (Kind.LIMIT, "too_soon")
    assert (replaced.status_code, expired.status_code) == (404, 410)


async def test_the_word_of_a_postmaster_ends_after_half_a_year(stage, orsel):
    await orsel.proven_by_mail("orsel.example")
    await days_pass(stage, 100)
    half = (await orsel.listed())[0]
    await days_pass(stage, 80)
    old = (await orsel.listed())[0]

    assert half.state == pb.DOMAIN_STATE_VERIFIED
    assert (old.state, old.problem) == (pb.DOMAIN_STATE_LOST, "mail_proof_old")


# A second firm


async def test_a_claim_by_a_second_firm_is_refused_and_told_once_a_day(stage, zone, orsel, valmer):
    await orsel.proven("orsel.example", zone)
    for _ in range(3):
        with pytest.raises(ServiceError) as error:
            await valmer.add("orsel.example")

    assert (error.value.kind, error.value.reason) == (Kind.CONFLICT, "domain_held")
    assert not await valmer.listed()
    assert await valmer.audited("sso_domain.refused") == 3
    assert await orsel.audited("sso_domain.claimed") == 1
    assert await notices(stage) == [("domain_claimed", "orsel.example")]


async def test_a_second_firm_gets_nothing_without_a_record_of_its_own(stage, zone, orsel, valmer):
    await orsel.proven("orsel.example", zone)
    added = await valmer.add("orsel.example", beside_another=True)
    with pytest.raises(ServiceError) as mail:
        await valmer.mail(added)
    checked = await valmer.check(added)

    assert mail.value.reason == "domain_held"
    assert (checked.state, checked.problem, checked.held_by_another) == (
        pb.DOMAIN_STATE_PENDING, "held_by_another", True
    )  # fmt: skip


async def test_both_have_a_domain_that_both_proved_by_dns(stage, zone, orsel, valmer):
    await orsel.proven("group.example", zone)
    await valmer.proven("group.example", zone)

    assert [(await firm.listed())[0].state for firm in (orsel, valmer)] == [pb.DOMAIN_STATE_VERIFIED] * 2
    assert await notices(stage) == [("domain_claimed", "group.example"), ("domain_shared", "group.example")]
    assert await orsel.audited("sso_domain.shared") == 1


async def test_a_record_in_the_dns_outvotes_a_postmaster_after_a_week(stage, zone, orsel, valmer):
    await orsel.proven_by_mail("orsel.example")
    await valmer.proven("orsel.example", zone)
    first = [(await firm.listed())[0].state for firm in (orsel, valmer)]
    problem = (await orsel.listed())[0].problem
    await days_pass(stage, 8)
    await days_pass(stage, 1)
    later = [(await firm.listed())[0].state for firm in (orsel, valmer)]

    assert first == [pb.DOMAIN_STATE_LOST, pb.DOMAIN_STATE_PENDING]
    assert problem == "proven_by_another"
    assert later == [pb.DOMAIN_STATE_OFF, pb.DOMAIN_STATE_VERIFIED]
    assert ("domain_shared", "orsel.example") in await notices(stage)


async def test_of_two_postmasters_answers_for_two_firms_the_first_counts(stage, orsel, valmer):
    await orsel.mail(await orsel.add("orsel.example"))
    first = await orsel.link()
    await valmer.mail(await valmer.add("orsel.example"))
    second, late = await valmer.link(), stage.browser()
    form = await late.form(second)

    await stage.browser().submit(first)
    page = await stage.browser().get(second)
    answer = await late.send(form)

    for shown in (page, answer):
        assert "Une autre organisation a prouvé ce domaine" in read(shown)
    assert [(await firm.listed())[0].state for firm in (orsel, valmer)] == [
        pb.DOMAIN_STATE_VERIFIED, pb.DOMAIN_STATE_PENDING
    ]  # fmt: skip


# Whose sign-in an address leads to


async def typed(stage, mail, at="/login"):
    return await stage.browser().submit(at, identifier=mail)


def ways(page) -> list[str]:
    return re.findall(r'href="(/sso/[0-9a-f-]{36}/start[^"]*)"', page.text)


async def test_an_address_of_a_proven_domain_leads_to_the_firms_provider(stage, zone, orsel):
    await orsel.proven("orsel.example", zone)
    provider = await orsel.provider("Annuaire Orsel", sso="enforced")
    known = await stage.person(mail="claire@orsel.example")

    pages = [await typed(stage, mail) for mail in (known.mail, "personne@orsel.example")]

    for page, mail in zip(pages, (known.mail, "personne@orsel.example"), strict=True):
        way = f"/sso/{provider.id}/start?login_hint={mail.replace('@', '%40')}"
        assert page.headers["refresh"] == f"0; url={way}"
        assert ways(page) == [way]
        assert "Annuaire Orsel" in read(page)
    assert len({re.sub(r'csrf.*?"', "", page.text.replace(known.mail, "x").replace("personne@orsel.example", "x")
                       .replace("claire%40", "").replace("personne%40", "")) for page in pages}) == 1  # fmt: skip


@pytest.mark.parametrize(
    ("mail", "changes"),
    [
        ("claire@paris.orsel.example", {}),
        ("claire@example", {}),
        ("claire@orsel.example", {"state": ProviderState.OFF}),
        ("claire@orsel.example", {"state": ProviderState.DRAFT}),
        ("claire@orsel.example", {"sso": "off"}),
    ],
)
async def test_other_addresses_lead_to_the_password(stage, zone, orsel, mail, changes):
    await orsel.proven("orsel.example", zone)
    await orsel.provider(**changes)

    assert not ways(await typed(stage, mail))


async def test_a_domain_that_is_not_proven_leads_nowhere(stage, orsel):
    await orsel.add("orsel.example")
    await orsel.provider()

    assert not ways(await typed(stage, "claire@orsel.example"))


async def test_where_it_is_offered_the_password_stands_beside_it(stage, zone, orsel):
    await orsel.proven("orsel.example", zone)
    await orsel.provider("Annuaire Orsel", sso="offered")
    person, browser = await stage.person(mail=f"anne.{uuid7().hex[-6:]}@orsel.example"), stage.browser()

    page = await browser.submit("/login?next=/password", identifier=person.mail)
    password = re.search(r'href="(/login\?step=password[^"]*)"', page.text)[1].replace("&amp;", "&")
    signed_in = await browser.submit(password, identifier=person.mail, password="Portail-2026!")

    assert "refresh" not in page.headers
    assert "next=%2Fpassword" in ways(page)[0]
    assert signed_in.headers["location"] == "/password"


async def test_a_password_manager_that_fills_both_signs_in(stage, zone, orsel):
    await orsel.proven("orsel.example", zone)
    await orsel.provider()
    person = await stage.person(mail=f"anne.{uuid7().hex[-6:]}@orsel.example")

    answer = await stage.browser().sign_in(person.mail)
    wrong = await stage.browser().sign_in(person.mail, "Wrong-2026!")

    assert answer.status_code == 303
    assert ways(wrong), "who may have no password any more is led to the provider"


async def test_several_firms_on_one_domain_are_a_choice(stage, zone, orsel, valmer):
    for firm in (orsel, valmer):
        await firm.proven("group.example", zone)
        await firm.provider(f"Annuaire {firm.face.name}", sso="enforced")

    page = await typed(stage, "claire@group.example")
    by_link = await stage.browser().get("/sso/choose?domain=group.example&next=/password")

    for shown in (page, by_link):
        assert "refresh" not in shown.headers
        assert len(ways(shown)) == 2
        assert all(firm.face.name in read(shown) for firm in (orsel, valmer))
    assert "login_hint" not in ways(by_link)[0]
    assert "Pour quelle organisation ?" in read(page)


async def test_a_choice_of_nothing_leads_to_the_sign_in_page(stage):
    answer = await stage.browser().get("/sso/choose?domain=nobody.example&next=https://attacker.example/")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_a_removed_domain_leads_nowhere(stage, zone, orsel):
    domain = await orsel.proven("orsel.example", zone)
    await orsel.provider()
    before = ways(await typed(stage, "claire@orsel.example"))
    await orsel.remove(domain)

    assert before
    assert not ways(await typed(stage, "claire@orsel.example"))


async def test_a_firms_door_has_its_providers_above_its_clients_form(stage, orsel):
    await orsel.provider("Annuaire Orsel")
    await orsel.provider("Ancien annuaire", state=ProviderState.OFF)

    page = await stage.browser().get(f"/login/{orsel.face.slug}?next=/password")

    assert len(ways(page)) == 1
    assert "next=%2Fpassword" in ways(page)[0]
    assert read(page).index("Annuaire Orsel") < read(page).index("Code client")


@pytest.mark.parametrize("name", ["organisation", "organization"])
async def test_a_link_names_the_organisation(stage, orsel, name):
    answer = await stage.browser().get(f"/login?{name}={orsel.face.slug}&next=/password")
    unknown = await stage.browser().get(f"/login?{name}=nobody-knows-this")

    assert answer.headers["location"] == f"/login/{orsel.face.slug}?next=%2Fpassword"
    assert unknown.status_code == 200
