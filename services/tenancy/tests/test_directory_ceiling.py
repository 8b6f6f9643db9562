"""Nobody is lifted by the firm's directory above what whoever set it up could give at that moment."""

import asyncio

import pytest
from tenancy_stage import refused
from test_directory import CUT, FOLLOWED, NOT_GIVEN, OPEN, followed, heard, member, rule, save, settle, somebody

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind
from parvis_tenancy.domain import ceiling
from parvis_tenancy.service.gathering import Gathering

ALL, MINE, ATTACHED = tenancy_pb2.SCOPE_ALL, tenancy_pb2.SCOPE_MINE, tenancy_pb2.SCOPE_ATTACHED
#: What whoever sets up the directory holds here, beside what a profile of theirs adds.
OWN = {"sign_in.manage": ALL, "members.read": ALL, "members.manage": ALL, "members.invite": ALL}


async def profile(actor, name, rights):
    granted = [tenancy_pb2.GrantedRight(code=code, scope=scope) for code, scope in rights.items()]
    return await actor.call("SaveProfile", profile=tenancy_pb2.Profile(name=name, rights=granted))


async def holder(stage, admin, rights, name="Responsable informatique"):
    """Somebody who holds exactly this."""
    made = await profile(admin, name, rights)
    invited = await admin.call(
        "InviteMember", mail=f"{name[:3]}@armor.example".lower(), given_name="Ida", family_name="Roux",
        profile_id=made.id,
    )  # fmt: skip
    return await stage.arrive(invited.account_id, str(admin.organisation_id))


def gives(value, made, **fields):
    return tenancy_pb2.DirectoryRule(value=value, profile_id=made.id, **fields)


@pytest.fixture
async def technician(stage, admin):
    return await holder(stage, admin, OWN | {"contacts.read": ATTACHED})


async def test_whoever_saves_gives_no_more_than_they_hold(stage, admin, technician):
    for wanted in ("administrator", "manager", "adviser"):
        with refused(Kind.FORBIDDEN, "above_ceiling"):
            await save(technician, await rule(stage, technician, "Conseil", wanted))
    reader = await profile(admin, "Lecture", {"contacts.read": ATTACHED})
    saved = await save(technician, gives("Conseil", reader))
    assert (saved.owner_name, list(saved.rules[0].above)) == ("Ida Roux", [])
    wider = await profile(admin, "Tout voir", {"contacts.read": ALL})
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await save(technician, gives("Conseil", reader), default=wider.id)


async def test_the_preview_says_what_is_above_instead(stage, technician):
    mapping = tenancy_pb2.DirectoryMapping(rules=[await rule(stage, technician, "Conseil", "manager")])
    told = await technician.call("PreviewDirectoryMapping", mapping=mapping)
    assert "contacts.edit" in told.above


async def test_nobody_takes_away_by_a_mapping_what_they_could_not_give(stage, admin, technician):
    await save(admin, await rule(stage, admin, "Direction", "manager"))
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await save(technician)


@pytest.fixture
async def lowered(stage, admin, technician):
    """A mapping of somebody who has lost, since, a part of what it gives; and people whom it gave that before."""
    reader = await profile(admin, "Lecture", {"contacts.read": ATTACHED})
    small = await profile(admin, "Rien", {"members.read": ALL})
    await save(technician, gives("Conseil", reader), gives("Accueil", small))
    before = somebody(), await settle(stage, admin, somebody(groups=["Accueil"]))
    first = await settle(stage, admin, before[0])
    own = await admin.call("GetMember", id=technician.membership_id)
    own = await admin.call(
        "SetPersonalRights", member_id=own.id, version=own.version,
        rights=[tenancy_pb2.GrantedRight(code=code, scope=scope) for code, scope in OWN.items()],
    )  # fmt: skip
    return before[0], first, before[1]


async def test_what_its_owner_lost_is_given_to_nobody_any_more(stage, admin, lowered):
    settled = await settle(stage, admin, somebody())
    assert (settled.outcome, settled.reason, settled.membership_id) == (NOT_GIVEN, "above_ceiling", "")
    told = await admin.call("GetDirectoryMapping")
    assert [list(each.above) for each in told.rules] == [["contacts.read"], []]
    assert not told.owner_left
    assert (await settle(stage, admin, somebody(groups=["Accueil"]))).outcome == OPEN
    assert "directory.not_given" in await stage.acts(admin)


async def test_who_had_it_keeps_it_and_gains_nothing(stage, admin, lowered):
    person, first, small = lowered
    assert (await member(admin, first)).profile_name == "Lecture"
    await settle(stage, admin, somebody(person.account_id))
    assert (await member(admin, first)).profile_name == "Lecture"
    raised = (await admin.call("GetMember", id=small.membership_id)).account_id
    answer = await settle(stage, admin, somebody(raised))
    assert (answer.outcome, answer.reason, answer.profile_name) == (NOT_GIVEN, "above_ceiling", "Rien")
    lowered_again = await settle(stage, admin, somebody(person.account_id, groups=["Accueil"]))
    assert (lowered_again.outcome, lowered_again.profile_name) == (OPEN, "Rien")  # what is taken is taken


async def test_a_leaver_leaves_and_is_not_let_in_above_the_ceiling(stage, admin, lowered):
    person, first, _ = lowered
    await settle(stage, admin, somebody(person.account_id, active=False))
    back = await settle(stage, admin, somebody(person.account_id))
    assert (back.outcome, back.reason, (await member(admin, first)).state) == (NOT_GIVEN, "above_ceiling", CUT)


async def test_when_its_owner_has_left_nobody_is_given_anything_until_it_is_taken_over(stage, admin, technician):
    small = await profile(admin, "Rien", {"members.read": ALL})
    await save(technician, gives("Accueil", small))
    await admin.call("CutMember", id=technician.membership_id)
    people = [somebody(groups=["Accueil"]) for _ in range(3)]
    await heard(stage, admin, *people)
    told = await admin.call("GetDirectoryMapping")
    assert told.owner_left
    assert {each.reason for each in told.troubles} == {"owner_left"}
    taken = await save(admin, gives("Accueil", small))
    assert (taken.owner_id, taken.owner_left) == (admin.membership_id, False)
    await followed(stage, admin)
    assert not (await admin.call("GetDirectoryMapping")).troubles


async def test_a_place_that_opens_contacts_is_measured(stage, admin):
    """Whoever administers a part reaches those who come to it: a move there is theirs to give who reach them all."""
    west = await admin.call("CreateStructure", name="Ouest")
    reader = await profile(admin, "Lecture", {"members.read": ALL})
    technician = await holder(stage, admin, {"sign_in.manage": ALL, "members.read": ALL})
    tiered = await stage.colleague(admin, "manager", "Tia Rau")
    found = await admin.call("GetMember", id=tiered.membership_id)
    await admin.call("SetMemberLimits", member_id=found.id, version=found.version, tier_id=west.id)
    await save(technician, gives("Lecture", reader), gives("Ouest", reader, structure_id=west.id))
    person = somebody(groups=["Lecture"])
    settled = await settle(stage, admin, person)
    moved = await settle(stage, admin, somebody(person.account_id, groups=["Lecture", "Ouest"]))
    assert (moved.outcome, moved.reason) == (NOT_GIVEN, "above_ceiling")
    assert not (await member(admin, settled)).structure_id


async def test_an_inactive_profile_is_given_to_nobody_new(stage, admin):
    made = await profile(admin, "Ancien", {"members.read": ALL})
    await save(admin, gives("Conseil", made))
    person = somebody()
    await settle(stage, admin, person)
    made.inactive = True
    await admin.call("SaveProfile", profile=made)
    assert (await settle(stage, admin, somebody(person.account_id))).outcome == OPEN
    settled = await settle(stage, admin, somebody())
    assert (settled.outcome, settled.reason) == (NOT_GIVEN, "profile_inactive")


async def test_whoever_administers_everything_is_measured_by_nobody(stage, admin, monkeypatch):
    """Ten thousand arrivals do not read the facts of ten thousand members each."""
    await save(admin, await rule(stage, admin, "Conseil", "adviser"), await rule(stage, admin, "Direction", "manager"))

    def measured(*_):
        raise AssertionError

    monkeypatch.setattr(ceiling, "beyond", measured)
    person = somebody()
    await settle(stage, admin, person)
    moved = await settle(stage, admin, somebody(person.account_id, groups=["Direction"]))
    assert (moved.outcome, (await member(admin, moved)).directory) == (OPEN, FOLLOWED)


async def test_people_who_wait_are_settled_together_and_one_who_fails_fails_alone(monkeypatch):
    from contextlib import asynccontextmanager

    from parvis_kit.ids import uuid7
    from parvis_tenancy.service import gathering

    batches = []

    async def receive(_, told):
        await asyncio.sleep(0.01)
        batches.append(len(told))
        if "wrong" in told:
            raise ValueError

    @asynccontextmanager
    async def begin():
        yield None

    monkeypatch.setattr(gathering.settling, "receive", receive)
    together, firm = Gathering(), uuid7()
    everybody = ["first", "second", "wrong", "fourth"]
    answers = await asyncio.gather(*(together.settle(firm, each, begin) for each in everybody), return_exceptions=True)
    assert [type(each) for each in answers] == [type(None), type(None), ValueError, type(None)]
    assert batches == [1, 3, 1, 1, 1]
    assert not together._busy
    assert not together._waiting
