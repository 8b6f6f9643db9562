"""People of a firm's directory: they join, move, leave and return as it says and the mapping gives."""

import asyncio
from itertools import count

import pytest
from tenancy_stage import refused
from test_events import handled

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7

ACTIVE, CUT = tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, tenancy_pb2.MEMBERSHIP_STATE_CUT
FOLLOWED, HELD = tenancy_pb2.DIRECTORY_HAND_FOLLOWED, tenancy_pb2.DIRECTORY_HAND_HELD_HERE
OPEN, NO_PROFILE, NOT_GIVEN, WAS_CUT, LEFT = range(1, 6)
SIGN_IN, SCIM = identity_pb2.DIRECTORY_SOURCE_SIGN_IN, identity_pb2.DIRECTORY_SOURCE_SCIM
VERSIONS = count(1)


def somebody(account_id="", *, groups=("Conseil",), version=0, claims=(), **fields):
    """A person of the directory; each is newer than those before."""
    fields = {"active": True, "source": SIGN_IN, "groups_said": groups is not None, **fields}
    name = {"given_name": "Maëlle", "family_name": "Guivarc'h", "user_name": "mguivarch", "mail": "m@armor.example"}
    return identity_pb2.DirectoryPerson(
        account_id=account_id or str(uuid7()),
        version=version or next(VERSIONS),
        groups=groups or (),
        claims={key: identity_pb2.DirectoryValues(values=values) for key, values in claims},
        **{**name, **fields},
    )


async def settle(stage, actor, person):
    """What identity asks at a sign-in."""
    return await stage.as_service("identity").call(
        "SettlePerson", organisation_id=str(actor.organisation_id), person=person
    )


async def heard(stage, actor, *people):
    """The same people by identity's event."""
    async with stage.service.database.begin(Caller("identity"), organisation_id=actor.organisation_id) as unit:
        sent = [
            unit.emit(identity_events.DirectoryPersonChanged(person=each), aggregate_id=uuid7(), version=each.version)
            for each in people
        ]
    for each in sent:
        await handled(stage, each)


async def rule(stage, actor, group, profile="", *, structure="", claim=""):
    profile_id = await stage.profile(actor, profile) if profile else ""
    return tenancy_pb2.DirectoryRule(claim=claim, value=group, profile_id=profile_id, structure_id=structure)


async def save(actor, *rules, default=""):
    version = (await actor.call("GetDirectoryMapping")).version
    mapping = tenancy_pb2.DirectoryMapping(rules=rules, default_profile_id=default, version=version)
    return await actor.call("SaveDirectoryMapping", mapping=mapping)


async def followed(stage, actor):
    """Waits until the mapping that was saved last has reached everybody."""
    query = """
        SELECT o.id FROM outbox o LEFT JOIN inbox i ON i.message_id = o.id
        WHERE o.organisation_id = $1 AND o.subject LIKE '%DirectoryMappingSaved' AND i.message_id IS NULL"""
    async with asyncio.timeout(20):
        while await stage.rows(actor, query, actor.organisation_id):  # noqa: ASYNC110 - it is another task's
            await asyncio.sleep(0.02)


async def member(actor, settled):
    return await actor.call("GetMember", id=settled.membership_id)


@pytest.fixture
async def firm(stage, admin):
    """A firm whose group Conseil are advisers, and Direction managers."""
    await save(admin, await rule(stage, admin, "Direction", "manager"), await rule(stage, admin, "Conseil", "adviser"))
    await followed(stage, admin)
    return admin


async def test_who_arrives_is_a_member_at_once_and_gets_no_mail(stage, firm):
    settled = await settle(stage, firm, somebody(title="Conseillère"))
    found = await member(firm, settled)
    assert (settled.outcome, found.state, found.directory) == (OPEN, ACTIVE, FOLLOWED)
    assert (found.given_name, found.mail, found.function) == ("Maëlle", "m@armor.example", "Conseillère")
    assert found.profile_built_in == "adviser"
    assert list(found.directory_decides) == ["function", "profile"]
    invited = await stage.events(firm, events_pb2.MemberInvited)
    assert [each.membership_id for each in invited] == [firm.membership_id]
    assert "directory.joined" in await stage.acts(firm)


async def test_they_enter_and_hold_what_their_profile_grants(stage, firm):
    person = somebody()
    await settle(stage, firm, person)
    acting = await stage.arrive(person.account_id, str(firm.organisation_id))
    assert "contacts.edit" in (await acting.call("GetFrame")).rights
    assert (await stage.contact(acting)).contact.advisers[0].membership_id == acting.membership_id


async def test_the_first_rule_that_fits_gives_the_profile(stage, firm):
    settled = await settle(stage, firm, somebody(groups=["Conseil", "Direction"]))
    assert (await member(firm, settled)).profile_built_in == "manager"


async def test_profile_and_structure_come_from_the_first_rule_that_names_one(stage, admin):
    west = await admin.call("CreateStructure", name="Ouest")
    await save(
        admin,
        await rule(stage, admin, "Rennes", structure=west.id, claim="department"),
        await rule(stage, admin, "Conseil", "junior"),
    )
    found = await member(admin, await settle(stage, admin, somebody(claims=[("department", ["Rennes"])])))
    assert (found.profile_built_in, found.structure_name) == ("junior", "Ouest")
    assert list(found.directory_decides) == ["profile", "structure"]


async def test_without_a_rule_there_is_no_access_and_a_default_gives_one(stage, firm):
    stranger = somebody(groups=["Cantine"])
    settled = await settle(stage, firm, stranger)
    assert (settled.outcome, settled.membership_id) == (NO_PROFILE, "")
    told = await firm.call("GetDirectoryMapping")
    assert [(each.name, each.outcome) for each in told.troubles] == [("Maëlle Guivarc'h", NO_PROFILE)]
    assert ("", "Cantine", 1) in [(each.claim, each.value, each.people) for each in told.seen]
    await save(firm, await rule(stage, firm, "Conseil", "adviser"), default=await stage.profile(firm, "junior"))
    await followed(stage, firm)
    again = await settle(stage, firm, stranger)
    assert (again.outcome, (await member(firm, again)).profile_built_in) == (OPEN, "junior")


async def test_groups_are_followed_and_old_news_changes_nothing(stage, firm):
    first = somebody(version=1_000_000)
    settled = await settle(stage, firm, first)
    await settle(stage, firm, somebody(first.account_id, version=1_000_002, groups=["Direction"]))
    await settle(stage, firm, somebody(first.account_id, version=1_000_001, active=False))
    found = await member(firm, settled)
    assert (found.profile_built_in, found.state) == ("manager", ACTIVE)


async def test_what_is_so_already_takes_no_revision(stage, firm):
    first = somebody()
    await settle(stage, firm, first)
    revision = (await stage.rows(firm, "SELECT revision FROM rights_revisions"))[0]["revision"]
    version = (await member(firm, await settle(stage, firm, first))).version
    settled = await settle(stage, firm, somebody(first.account_id))
    assert (await member(firm, settled)).version == version
    assert (await stage.rows(firm, "SELECT revision FROM rights_revisions"))[0]["revision"] == revision


async def test_a_leaver_is_cut_and_comes_back_with_what_the_mapping_says(stage, firm):
    first = somebody(source=SCIM)
    settled = await settle(stage, firm, first)
    gone = await settle(stage, firm, somebody(first.account_id, source=SCIM, active=False))
    found = await member(firm, settled)
    assert (gone.outcome, found.state, found.cut_by_directory) == (LEFT, CUT, True)
    assert [each.membership_id for each in await stage.events(firm, events_pb2.MembershipCut)] == [found.id]
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(first.account_id, str(firm.organisation_id))
    with refused(Kind.PRECONDITION, "directory_decides"):
        await firm.call("ReopenMember", id=found.id)
    await settle(stage, firm, somebody(first.account_id, source=SCIM, groups=["Direction"]))
    back = await member(firm, settled)
    assert (back.state, back.profile_built_in, back.cut_by_directory) == (ACTIVE, "manager", False)


async def test_who_has_no_group_left_is_cut_until_they_have_one(stage, firm):
    first = somebody()
    settled = await settle(stage, firm, first)
    none = await settle(stage, firm, somebody(first.account_id, groups=[]))
    assert (none.outcome, (await member(firm, settled)).state) == (NO_PROFILE, CUT)
    await settle(stage, firm, somebody(first.account_id))
    assert (await member(firm, settled)).state == ACTIVE


async def test_who_was_cut_here_is_not_opened_by_the_directory(stage, firm):
    first = somebody()
    settled = await settle(stage, firm, first)
    await firm.call("CutMember", id=settled.membership_id)
    again = await settle(stage, firm, somebody(first.account_id, groups=["Direction"]))
    assert (again.outcome, (await member(firm, settled)).state) == (WAS_CUT, CUT)


async def test_a_leaver_frees_their_seat_and_takes_it_back(stage, provider, firm):
    product = await stage.product(provider, firm)
    first = somebody()
    settled = await settle(stage, firm, first)
    await firm.call("SetAssignment", product_id=product.id, membership_id=settled.membership_id, assigned=True)

    async def used():
        return (await firm.call("ListAssignments")).products[0].used

    await settle(stage, firm, somebody(first.account_id, active=False))
    assert await used() == 0
    await settle(stage, firm, somebody(first.account_id))
    assert await used() == 1


async def test_scim_has_the_word_about_groups_it_says_and_about_leaving(stage, firm):
    first = somebody(groups=["Direction"])
    settled = await settle(stage, firm, first)
    await settle(stage, firm, somebody(first.account_id, source=SCIM, groups=["Conseil"]))
    assert (await member(firm, settled)).profile_built_in == "adviser"
    await settle(stage, firm, somebody(first.account_id, groups=["Direction"]))
    assert (await member(firm, settled)).profile_built_in == "adviser"
    await settle(stage, firm, somebody(first.account_id, source=SCIM, groups=None))
    assert (await member(firm, settled)).profile_built_in == "manager"
    await settle(stage, firm, somebody(first.account_id, source=SCIM, active=False))
    await settle(stage, firm, somebody(first.account_id, groups=["Direction"]))
    assert (await member(firm, settled)).state == CUT


async def test_whoever_was_invited_keeps_what_they_have_and_leaves_with_the_directory(stage, firm):
    manager = await stage.colleague(firm, "manager")
    known = await settle(stage, firm, somebody(manager.account_id, groups=["Conseil"], given_name="Autre"))
    found = await member(firm, known)
    assert (known.outcome, found.directory, found.profile_built_in, found.given_name) == (OPEN, HELD, "manager", "Marc")
    await settle(stage, firm, somebody(manager.account_id, active=False))
    assert (await member(firm, known)).state == CUT
    await firm.call("ReopenMember", id=found.id)
    await save(firm, await rule(stage, firm, "Conseil", "junior"))
    await followed(stage, firm)
    assert (await member(firm, known)).state == ACTIVE  # they left once, and were let in again here


async def test_what_the_directory_decides_is_not_changed_here_until_somebody_takes_it(stage, firm):
    settled = await settle(stage, firm, somebody())
    found = await member(firm, settled)
    junior = await stage.profile(firm, "junior")
    with refused(Kind.PRECONDITION, "directory_decides") as caught:
        await firm.call("UpdateMember", id=found.id, profile_id=junior, version=found.version)
    assert caught.value.params["fields"] == "profile"
    west = await firm.call("CreateStructure", name="Ouest")
    found = await firm.call(
        "UpdateMember", id=found.id, profile_id=found.profile_id, structure_id=west.id, version=found.version
    )
    assert found.structure_name == "Ouest"  # the mapping says nothing about structures
    found = await firm.call("SetDirectoryHand", member_id=found.id, version=found.version, reason="En test")
    assert (found.directory, list(found.directory_decides)) == (HELD, [])
    found = await firm.call("UpdateMember", id=found.id, profile_id=junior, version=found.version)
    await settle(stage, firm, somebody(found.account_id, groups=["Direction"]))
    found = await member(firm, settled)
    assert found.profile_built_in == "junior"
    found = await firm.call("SetDirectoryHand", member_id=found.id, followed=True, version=found.version)
    assert (found.directory, found.profile_built_in) == (FOLLOWED, "manager")


async def test_whom_the_directory_does_not_know_cannot_be_given_to_it(stage, firm):
    colleague = await stage.colleague(firm, "adviser")
    found = await firm.call("GetMember", id=colleague.membership_id)
    with refused(Kind.PRECONDITION, "not_of_directory"):
        await firm.call("SetDirectoryHand", member_id=found.id, followed=True, version=found.version)


async def test_the_last_administrator_stays(stage, firm):
    settled = await settle(stage, firm, somebody(firm.account_id, active=False))
    assert (settled.outcome, settled.reason) == (NOT_GIVEN, "last_administrator")
    assert (await firm.call("GetMember", id=firm.membership_id)).state == ACTIVE


async def test_whom_the_directory_made_and_nobody_came_in_as_is_no_other_administrator(stage, firm):
    await save(firm, await rule(stage, firm, "Direction", "administrator"))
    made = somebody(groups=["Direction"], source=SCIM)
    await heard(stage, firm, made)
    settled = await settle(stage, firm, somebody(firm.account_id, active=False))
    assert (settled.outcome, settled.reason) == (NOT_GIVEN, "last_administrator")
    await settle(stage, firm, somebody(made.account_id, groups=["Direction"]))
    assert (await settle(stage, firm, somebody(firm.account_id, active=False))).outcome == LEFT


async def test_an_account_of_a_client_is_left_alone(stage, firm):
    portal = await stage.portal(firm, await stage.contact(firm))
    settled = await settle(stage, firm, somebody(portal.account_id))
    assert (settled.outcome, settled.reason, settled.membership_id) == (NOT_GIVEN, "portal_access", "")
    await settle(stage, firm, somebody(portal.account_id, active=False))
    assert (await portal.call("GetFrame")).membership.kind == tenancy_pb2.MEMBERSHIP_KIND_PORTAL


async def test_rpc_and_event_at_once_make_one_membership(stage, firm):
    person = somebody()
    answers = await asyncio.gather(
        heard(stage, firm, person), *(settle(stage, firm, person) for _ in range(5)), heard(stage, firm, person)
    )
    found = {each.membership_id for each in answers if each is not None}
    rows = await stage.rows(firm, "SELECT id FROM memberships WHERE account_id = $1", person.account_id)
    assert {str(row["id"]) for row in rows} == found
    assert len(rows) == 1


async def test_one_who_is_wrong_does_not_hold_up_the_others(stage, firm):
    wrong = somebody("nobody")
    people = [somebody() for _ in range(20)]
    async with stage.service.database.begin(Caller("identity"), organisation_id=firm.organisation_id) as unit:
        unit.emit(identity_events.DirectoryPersonChanged(person=wrong), aggregate_id=uuid7())
    await heard(stage, firm, *people)
    found = await stage.rows(
        firm, "SELECT id FROM memberships WHERE account_id = ANY($1)", [each.account_id for each in people]
    )
    assert len(found) == len(people)


async def test_a_request_for_an_access_is_settled_by_arriving(stage, firm):
    from test_requests import ask

    await firm.call("SetRequestsAccepted", accepted=True)
    asked = await ask(stage, firm)
    await settle(stage, firm, somebody(asked.account_id))
    assert not (await firm.call("ListRequests")).requests


async def test_saving_moves_everybody_and_the_preview_said_so(stage, firm):
    people = [somebody(given_name=name, groups=groups) for name, groups in
              (("Anna", ["Conseil"]), ("Bruno", ["Direction"]), ("Chloé", ["Cantine"]))]  # fmt: skip
    await heard(stage, firm, *people)
    wanted = [await rule(stage, firm, "Conseil", "junior"), await rule(stage, firm, "Cantine", "back_office")]
    told = await firm.call("PreviewDirectoryMapping", mapping=tenancy_pb2.DirectoryMapping(rules=wanted))
    assert [(each.name.split()[0], each.profile_before, each.profile_after) for each in told.changes] == [
        ("Anna", "Conseiller", "Conseiller junior"), ("Bruno", "Manager", ""), ("Chloé", "", "Back-office"),
    ]  # fmt: skip
    await save(firm, *wanted)
    await followed(stage, firm)
    answers = [await settle(stage, firm, each) for each in people]
    assert [each.outcome for each in answers] == [OPEN, NO_PROFILE, OPEN]
    assert [each.profile_name for each in answers] == ["Conseiller junior", "", "Back-office"]


@pytest.mark.parametrize(
    ("rules", "field", "reason"),
    [
        ([{"value": ""}], "rules[0].value", "required"),
        ([{"value": "A"}], "rules[0]", "gives_nothing"),
        ([{"value": "A", "profile_id": "x"}], "rules[0].profile_id", "not_a_uuid"),
        ([{"value": "A" * 201, "profile_id": str(uuid7())}], "rules[0].value", "too_long"),
        ([{"value": "A", "profile_id": str(uuid7())}] * 2, "rules[1]", "twice"),
        ([{"value": str(n), "profile_id": str(uuid7())} for n in range(501)], "rules", "too_many"),
    ],
)
async def test_a_mapping_that_cannot_be_is_refused(admin, rules, field, reason):
    mapping = tenancy_pb2.DirectoryMapping(rules=[tenancy_pb2.DirectoryRule(**each) for each in rules])
    for method in ("SaveDirectoryMapping", "PreviewDirectoryMapping"):
        with refused(Kind.INVALID, "fields_invalid") as caught:
            await admin.call(method, mapping=mapping)
        assert (field, reason) in [(each.field, each.reason) for each in caught.value.violations]


async def test_somebody_was_faster(stage, firm):
    with refused(Kind.CONFLICT, "stale_version"):
        await firm.call("SaveDirectoryMapping", mapping=tenancy_pb2.DirectoryMapping(version=7))


async def test_what_the_mapping_gives_is_not_deleted_under_it(stage, admin):
    profile = await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name="Accueil"))
    west = await admin.call("CreateStructure", name="Ouest")
    given = tenancy_pb2.DirectoryRule(value="Accueil", profile_id=profile.id, structure_id=west.id)
    await save(admin, given)
    with refused(Kind.PRECONDITION, "profile_mapped"):
        await admin.call("DeleteProfile", id=profile.id, version=profile.version)
    with refused(Kind.PRECONDITION, "structure_mapped"):
        await admin.call("DeleteStructure", id=west.id)
    junior = await stage.profile(admin, "junior")
    await admin.call("DeleteProfile", id=profile.id, version=profile.version, replacement_id=junior)
    assert (await admin.call("GetDirectoryMapping")).rules[0].profile_id == junior


async def test_nobody_is_in_a_firm_that_is_not_there(stage, provider):
    with refused(Kind.NOT_FOUND, "not_found"):
        await stage.as_service("identity").call("SettlePerson", organisation_id=str(uuid7()), person=somebody())


async def test_news_of_one_firm_reach_no_other(stage, provider, firm):
    other = await stage.firm(provider, "Cabinet Voisin")
    person = somebody()
    await settle(stage, firm, person)
    settled = await settle(stage, other, person)
    assert (settled.outcome, settled.membership_id) == (NO_PROFILE, "")
    assert not (await other.call("GetDirectoryMapping")).rules
