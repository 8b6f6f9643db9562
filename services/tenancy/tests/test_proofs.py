"""What hands out power is done by whoever has just proven who they are; what people do every day asks nothing."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7

ALL = tenancy_pb2.SCOPE_ALL


@pytest.fixture
def late(stage, admin):
    """The administrator, a quarter of an hour after they last proved who they are."""
    known = {"sub": admin.account_id, "org": str(admin.organisation_id), "mbr": admin.membership_id, "mkind": "staff"}
    return replace(admin, token=stage.token(**known, proof_time=int(time.time()) - 1000))


async def profile(admin, *codes):
    """A profile of the firm's own that holds these rights."""
    rights = [tenancy_pb2.GrantedRight(code=code, scope=ALL) for code in codes]
    return await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name=f"P {uuid7()}", rights=rights))


def invitation(profile_id):
    person = {"given_name": "Ida", "family_name": "Roux"}
    return person | {"mail": f"{uuid7().hex}@armor.example", "profile_id": profile_id}


@pytest.mark.parametrize("built_in", ["manager", "adviser", "junior", "back_office"])
async def test_a_colleague_is_invited_without_a_proof(stage, late, built_in):
    assert (await stage.invite(late, built_in)).profile_built_in == built_in


@pytest.mark.parametrize("right", ["members.manage", "profiles.manage", "organisation.manage", "sign_in.manage"])
async def test_a_profile_that_administers_is_known_by_its_rights(admin, late, right):
    administering = await profile(admin, "members.read", right)
    wanted = invitation(administering.id)
    with refused(Kind.PRECONDITION, "step_up_required"):
        await late.call("InviteMember", **wanted)
    assert (await admin.call("InviteMember", **wanted)).mail == wanted["mail"]


async def test_nobody_is_made_an_administrator_without_a_proof(stage, admin, late):
    with refused(Kind.PRECONDITION, "step_up_required"):
        await stage.invite(late, "administrator")
    assert (await stage.invite(admin, "administrator")).profile_built_in == "administrator"


async def test_whoever_administered_comes_back_after_a_proof_and_others_without(stage, admin, late):
    administrator = await stage.colleague(admin, "administrator")
    adviser = await stage.colleague(admin, "adviser")
    for each in (administrator, adviser):
        await late.call("CutMember", id=each.membership_id)
    assert (await late.call("ReopenMember", id=adviser.membership_id)).state == tenancy_pb2.MEMBERSHIP_STATE_ACTIVE
    with refused(Kind.PRECONDITION, "step_up_required"):
        await late.call("ReopenMember", id=administrator.membership_id)
    found = await admin.call("GetMember", id=administrator.membership_id)
    assert found.state == tenancy_pb2.MEMBERSHIP_STATE_CUT
    reopened = await admin.call("ReopenMember", id=administrator.membership_id)
    assert reopened.state == tenancy_pb2.MEMBERSHIP_STATE_ACTIVE


async def test_absences_are_everyday_and_what_somebody_administers_is_not(stage, admin, late):
    adviser = await stage.colleague(admin, "adviser")
    place = await admin.call("CreateStructure", name="Ouest")
    member = await admin.call("GetMember", id=adviser.membership_id)
    limits = {"member_id": member.id, "is_adviser": True}
    away = {"absent_from": datetime.now(UTC), "absent_until": datetime.now(UTC) + timedelta(days=3)}
    member = await late.call("SetMemberLimits", **limits, **away, version=member.version)
    for more in ({"tier_id": place.id}, {"access_quota": 5}):
        with refused(Kind.PRECONDITION, "step_up_required"):
            await late.call("SetMemberLimits", **limits, **more, version=member.version)
    member = await admin.call("SetMemberLimits", **limits, access_quota=5, version=member.version)
    assert (await late.call("SetMemberLimits", **limits, access_quota=5, version=member.version)).access_quota == 5


async def test_a_hierarchy_is_changed_after_a_proof_and_seen_without(stage, admin, late):
    one, two = [await stage.colleague(admin, "adviser") for _ in range(2)]
    found = await admin.call("GetMember", id=one.membership_id)
    wanted = {"member_id": one.membership_id, "manager_id": two.membership_id}
    assert (await late.call("PreviewMove", **wanted)).moved == 1
    with refused(Kind.PRECONDITION, "step_up_required"):
        await late.call("MoveMember", **wanted, version=found.version)
    assert (await admin.call("MoveMember", **wanted, version=found.version)).manager_id == two.membership_id


async def test_rights_are_lent_after_a_proof_and_taken_back_at_once(stage, admin, late):
    adviser = await stage.colleague(admin, "adviser")
    wanted = {"to_id": adviser.membership_id, "codes": ["contacts.read"]}
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with refused(Kind.PRECONDITION, "step_up_required"):
        await late.call("CreateDelegation", **wanted, ends_at=tomorrow)
    made = await admin.call("CreateDelegation", **wanted, ends_at=tomorrow)
    assert (await late.call("EndDelegation", id=made.id)).HasField("ended_at")


async def test_the_rules_of_passwords_are_changed_after_a_proof(late):
    with refused(Kind.PRECONDITION, "step_up_required"):
        await late.call("SavePasswordPolicy")
