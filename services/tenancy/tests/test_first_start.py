"""The first start, customers, and the record of an organisation."""

import asyncio
import hashlib
import time
from dataclasses import replace

import pytest
from tenancy_stage import SETUP_TOKEN, refused

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_tenancy.service import set_up


async def test_a_wrong_token_makes_nobody(stage):
    with refused(Kind.FORBIDDEN, "setup_token_wrong"):
        await stage.as_service("web").call("SetUp", setup_token="guess", organisation_name="X", mail="x@x.example")


async def test_no_token_makes_nobody_whatever_hash_somebody_has_set():
    """That of nothing: an empty file was hashed."""
    nothing = hashlib.sha256(b"").hexdigest()
    request = tenancy_pb2.SetUpRequest(setup_token="", organisation_name="X", mail="x@x.example")
    with pytest.raises(ServiceError, match="setup_token_wrong"):
        await set_up.set_up(None, None, nothing, request)


async def test_the_first_start_happens_once(stage, provider):
    with refused(Kind.PRECONDITION, "already_set_up"):
        await stage.as_service("web").call("SetUp", setup_token=SETUP_TOKEN, organisation_name="Other")


async def test_the_first_administrator_holds_every_right(stage, provider):
    frame = await provider.call("GetFrame")
    assert frame.membership.profile_built_in == "administrator"
    assert {"organisations.manage", "products.manage", "members.manage"} <= set(frame.rights)
    assert stage.identity.links[0].organisation_slug == frame.organisation.slug == "editions-logicielles"


async def test_a_customer_starts_with_five_profiles_and_an_invited_administrator(stage, provider):
    admin = await stage.firm(provider, "Étude Le Goff")
    profiles = (await admin.call("ListProfiles")).profiles
    assert [each.built_in for each in profiles] == ["administrator", "back_office", "adviser", "junior", "manager"]
    invited = await stage.events(admin, events_pb2.MemberInvited)
    assert invited[0].inviter_name == "Paule Provost"
    assert invited[0].organisation_slug == "etude-le-goff"
    assert "organisations.manage" not in (await admin.call("GetFrame")).rights


async def test_slugs_of_the_same_name_differ(stage, provider):
    first, second = await stage.firm(provider, "Cabinet Rosa"), await stage.firm(provider, "Cabinet Rosa")
    slugs = [(await each.call("GetFrame")).organisation.slug for each in (first, second)]
    assert slugs == ["cabinet-rosa", "cabinet-rosa-2"]


async def test_a_slug_that_is_taken_is_refused(stage, provider):
    await stage.firm(provider, "Cabinet Gris")
    with refused(Kind.CONFLICT, "slug_taken"):
        await provider.call(
            "CreateCustomer",
            name="Autre",
            slug="cabinet-gris",
            administrator_mail="a@autre.example",
            administrator_given_name="A",
            administrator_family_name="B",
        )


async def test_of_two_who_take_one_slug_at_one_instant_one_is_told(provider):
    calls = (
        provider.call(
            "CreateCustomer", name=f"Rose {number}", slug="rose", administrator_mail=f"a{number}@rose.example",
            administrator_given_name="A", administrator_family_name="B",
        )
        for number in range(3)
    )  # fmt: skip
    answers = await asyncio.gather(*calls, return_exceptions=True)
    failed = [(each.kind, each.reason) for each in answers if isinstance(each, Exception)]
    assert failed == [(Kind.CONFLICT, "slug_taken")] * 2


async def test_every_wrong_field_of_a_customer_is_named_at_once(provider):
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await provider.call("CreateCustomer", slug="No Slug", siren="123456789", administrator_mail="nobody")
    assert {(each.field, each.reason) for each in caught.value.violations} == {
        ("name", "required"),
        ("slug", "slug_invalid"),
        ("siren", "siren_invalid"),
        ("administrator_mail", "mail_invalid"),
        ("administrator_given_name", "required"),
        ("administrator_family_name", "required"),
    }


async def test_customers_are_paged_and_found_without_accents(stage, provider):
    for name in ("Zéphyr Audit", "Zéphyr Conseil", "Zéphyr Paie"):
        await stage.firm(provider, name)
    first = await provider.call("ListCustomers", query="zephyr", page_size=2)
    second = await provider.call("ListCustomers", query="zephyr", page_size=2, page_token=first.next_page_token)
    names = [each.name for each in (*first.organisations, *second.organisations)]
    assert names == ["Zéphyr Audit", "Zéphyr Conseil", "Zéphyr Paie"]
    assert (first.total, second.total, second.next_page_token) == (3, 3, "")


async def test_the_provider_sees_which_customers_close_and_until_when(stage, provider):
    stays = await stage.firm(provider, "Yprès Conseil")
    leaves = await stage.firm(provider, "Yprès Paie")
    closing = await leaves.call("CloseOrganisation", name="Yprès Paie")
    page = await provider.call("ListCustomers", query="ypres")
    assert [each.name for each in page.organisations] == ["Yprès Conseil", "Yprès Paie"]
    assert dict(page.closes_at) == {str(leaves.organisation_id): closing.closes_at}
    await leaves.call("ReopenOrganisation")
    assert not (await provider.call("ListCustomers", query="ypres")).closes_at
    assert str(stays.organisation_id) not in page.closes_at


async def test_a_changed_record_reaches_the_face_and_the_others(stage, provider):
    admin = await stage.firm(provider, "Cabinet Bleu")
    record = await admin.call("GetOrganisation")
    record.name, record.accent, record.siren = "Cabinet Bleu & Fils", "#8A1C4A", "404 833 048"
    changed = await admin.call("UpdateOrganisation", organisation=record)
    face = await stage.as_service("identity").call("GetFace", slug=changed.slug)
    assert (changed.siren, changed.version, face.name, face.accent) == ("404833048", 2, changed.name, "#8a1c4a")
    assert (await stage.events(admin, events_pb2.OrganisationChanged))[-1].organisation == changed


async def test_a_record_that_somebody_else_changed_is_not_overwritten(admin):
    record = await admin.call("GetOrganisation")
    await admin.call("UpdateOrganisation", organisation=record)
    with refused(Kind.CONFLICT, "stale_version"):
        await admin.call("UpdateOrganisation", organisation=record)


async def test_bank_details_change_for_whoever_has_just_proven_who_they_are(stage, admin):
    record = await admin.call("GetOrganisation")
    long_ago = int(time.time()) - 1000
    known = {"sub": admin.account_id, "org": str(admin.organisation_id), "mbr": admin.membership_id, "mkind": "staff"}
    late = replace(admin, token=stage.token(**known, proof_time=long_ago))
    record.iban = "FR7630006000011234567890189"
    with refused(Kind.PRECONDITION, "step_up_required"):
        await late.call("UpdateOrganisation", organisation=record)
    saved = await admin.call("UpdateOrganisation", organisation=record)
    saved.telephone = "02 99 00 00 00"
    assert (await late.call("UpdateOrganisation", organisation=saved)).iban == record.iban


async def test_billing_reads_the_record_in_its_own_name(stage, admin):
    record = await stage.as_service("billing", str(admin.organisation_id)).call("GetOrganisation")
    assert record.id == str(admin.organisation_id)


async def test_structures_come_parents_first(admin):
    head = await admin.call("CreateStructure", name="Siège")
    west = await admin.call("CreateStructure", name="Ouest", parent_id=head.id)
    await admin.call("CreateStructure", name="Agence")
    await admin.call("CreateStructure", name="Brest", parent_id=west.id)
    listed = (await admin.call("ListStructures")).structures
    assert [each.name for each in listed] == ["Agence", "Siège", "Ouest", "Brest"]


async def test_a_structure_of_another_firm_is_no_parent(stage, provider, admin):
    other = await stage.firm(provider)
    foreign = await other.call("CreateStructure", name="Siège")
    with refused(Kind.NOT_FOUND, "structure_not_found"):
        await admin.call("CreateStructure", name="Agence", parent_id=foreign.id)


@pytest.mark.parametrize("slug", ["nobody", "", "é"])
async def test_there_is_no_face_without_organisation(stage, slug):
    with refused(Kind.NOT_FOUND, "no_organisation"):
        await stage.as_service("identity").call("GetFace", slug=slug)


async def test_the_home_says_what_an_invoice_would_lack(admin):
    home = await admin.call("GetHome")
    assert set(home.missing_mentions) >= {"legal_name", "siren", "vat_number", "address"}
    assert home.frame.organisation.kind == tenancy_pb2.ORGANISATION_KIND_CUSTOMER
