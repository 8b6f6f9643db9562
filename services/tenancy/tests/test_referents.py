"""Referents, and whom the provider charges with its customers."""

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7

ACCOUNTING, TECHNICAL, DATA = (
    tenancy_pb2.DUTY_ACCOUNTING,
    tenancy_pb2.DUTY_TECHNICAL,
    tenancy_pb2.DUTY_DATA_PROTECTION,
)


async def charge(actor, duty, *members):
    return await actor.call("SetReferents", duty=duty, membership_ids=[each.membership_id for each in members])


def told(referents):
    return [(each.duty, each.name) for each in referents]


async def test_accounting_has_several_referents_and_each_other_duty_one(stage, admin):
    marc, zoe = [await stage.colleague(admin, "junior", name) for name in ("Marc Tanguy", "Zoé Abgrall")]
    await charge(admin, ACCOUNTING, marc, zoe)
    answer = await charge(admin, DATA, admin)
    assert told(answer.referents) == [(ACCOUNTING, "Zoé Abgrall"), (ACCOUNTING, "Marc Tanguy"), (DATA, "Anne Kervella")]
    for duty in (TECHNICAL, DATA):
        with refused(Kind.INVALID, "fields_invalid") as caught:
            await charge(admin, duty, marc, zoe)
        assert caught.value.violations[0].reason == "too_many"


async def test_who_was_before_is_told_with_dates(stage, admin):
    marc = await stage.colleague(admin, "junior")
    await charge(admin, TECHNICAL, admin)
    await charge(admin, TECHNICAL, admin)
    answer = await charge(admin, TECHNICAL, marc)
    (before,) = answer.former
    assert (told(answer.referents), before.name) == ([(TECHNICAL, "Marc Tanguy")], "Anne Kervella")
    assert before.since.ToDatetime() <= before.until.ToDatetime() == answer.referents[0].since.ToDatetime()
    assert (before.mail, answer.referents[0].mail != "") == ("", True)
    assert (await stage.acts(admin)).count("referents.set") == 2


async def test_nobody_may_be_charged_with_nothing(admin):
    await charge(admin, TECHNICAL, admin)
    assert told((await charge(admin, TECHNICAL)).referents) == []


async def test_only_who_is_in_is_charged_and_who_is_cut_waits(stage, admin):
    invited = await stage.invite(admin, "junior")
    with refused(Kind.PRECONDITION, "referent_not_active") as caught:
        await admin.call("SetReferents", duty=TECHNICAL, membership_ids=[invited.id])
    marc = await stage.colleague(admin, "junior")
    await charge(admin, TECHNICAL, marc)
    await admin.call("CutMember", id=marc.membership_id)
    without = told((await admin.call("ListReferents")).referents)
    await admin.call("ReopenMember", id=marc.membership_id)
    again = told((await admin.call("ListReferents")).referents)
    assert (caught.value.params["name"], without, again) == ("Marc Tanguy", [], [(TECHNICAL, "Marc Tanguy")])


async def test_a_client_or_a_stranger_is_no_referent(stage, provider, admin):
    portal = await stage.portal(admin, await stage.contact(admin))
    stranger = await stage.firm(provider)
    for each in (portal.membership_id, stranger.membership_id, str(uuid7())):
        with refused(Kind.NOT_FOUND, "member_not_found"):
            await admin.call("SetReferents", duty=TECHNICAL, membership_ids=[each])
    with refused(Kind.INVALID, "fields_invalid"):
        await admin.call("SetReferents", duty=9, membership_ids=["nobody"])


async def test_a_customer_sees_who_at_the_provider_can_act_for_it(stage, provider, admin):
    rights = [tenancy_pb2.GrantedRight(code=code, scope=2) for code in ("members.read", "products.manage")]
    profile = await provider.call("SaveProfile", profile=tenancy_pb2.Profile(name=f"Ventes {uuid7()}", rights=rights))
    seller = {"given_name": "Yves", "family_name": "Vendeur", "function": "Ventes", "profile_id": profile.id}
    made = await provider.call("InviteMember", mail=f"{uuid7().hex}@editeur.example", **seller)
    before = await admin.call("ListProviderStaff")
    await stage.arrive(made.account_id, str(provider.organisation_id))
    await stage.colleague(provider, "junior", "Julie Discrète")
    after = await admin.call("ListProviderStaff")
    names = [(each.name, each.function, list(each.rights)) for each in after.staff]
    assert (after.provider_name, [each.name for each in before.staff]) == ("Éditions Logicielles", ["Paule Provost"])
    assert names == [
        ("Paule Provost", "", ["organisations.manage", "products.manage"]),
        ("Yves Vendeur", "Ventes", ["products.manage"]),
    ]
    assert [each.name for each in (await provider.call("ListProviderStaff")).staff] == [
        each.name for each in after.staff
    ]


@pytest.mark.parametrize("method", ["ListReferents", "ListProviderStaff"])
async def test_who_may_not_see_people_sees_neither(stage, admin, method):
    empty = await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name="Rien"))
    fields = {"given_name": "R", "family_name": "N", "profile_id": empty.id}
    member = await admin.call("InviteMember", mail=f"{uuid7().hex}@armor.example", **fields)
    nobody = await stage.arrive(member.account_id, str(admin.organisation_id))
    with refused(Kind.FORBIDDEN, "right_missing"):
        await nobody.call(method)
