"""Every RPC as every kind of caller. A new RPC is covered by its rule; one that takes identifiers needs a case here."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from tenancy_stage import METHODS, refused
from test_directory import settle, somebody

from parvis.access.v1 import access_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_tenancy.settings import Settings

RULES = {
    method.name: method.GetOptions().Extensions[access_pb2.rule]
    for service in tenancy_pb2.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
#: One of the services that may call it.
MAY_CALL = {
    method.name: min(Settings.callers.get(method.full_name) or Settings.callers[service.full_name])
    for service in tenancy_pb2.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
SERVICE = {access_pb2.SUBJECT_SERVICE}
SERVICES_TOO = SERVICE | {access_pb2.SUBJECT_MEMBER_OR_SERVICE}
FOR_STAFF = [name for name, rule in RULES.items() if rule.subject == access_pb2.SUBJECT_STAFF]
FOR_PERSONS = [name for name, rule in RULES.items() if rule.subject not in SERVICE]
FOR_MEMBERS = [name for name in FOR_PERSONS if RULES[name].subject != access_pb2.SUBJECT_ACCOUNT]
WITH_RIGHT = [name for name, rule in RULES.items() if rule.right]


@pytest.mark.parametrize("method", RULES)
async def test_a_service_that_is_not_listed_is_refused(stage, provider, method):
    with refused(Kind.FORBIDDEN, "service_not_allowed"):
        await replace(provider, service="tenancy").call(method)


@pytest.mark.parametrize("method", [name for name, rule in RULES.items() if rule.subject not in SERVICES_TOO])
async def test_without_token_there_is_no_person(stage, method):
    with refused(Kind.UNAUTHENTICATED, "token_missing"):
        await stage.as_service(MAY_CALL[method]).call(method)


@pytest.mark.parametrize("method", [name for name, rule in RULES.items() if rule.subject in SERVICE])
async def test_what_is_for_services_is_not_for_persons(stage, provider, method):
    with refused(Kind.FORBIDDEN, "services_only"):
        await replace(provider, service=MAY_CALL[method]).call(method)


@pytest.mark.parametrize("method", FOR_PERSONS)
async def test_a_products_token_is_worthless(stage, provider, method):
    token = stage.token(sub=provider.account_id, aud="some-product")
    with refused(Kind.UNAUTHENTICATED, "token_invalid"):
        await replace(provider, token=token, service=MAY_CALL[method]).call(method)


@pytest.mark.parametrize("method", FOR_MEMBERS)
async def test_a_person_without_organisation_is_refused(stage, provider, method):
    with refused(Kind.UNAUTHENTICATED, "no_membership"):
        await stage.as_account(provider.account_id).call(method)


@pytest.fixture(scope="module")
async def firm(stage, provider):
    return await stage.firm(provider, "Cabinet des Appelants")


@pytest.fixture(scope="module")
async def portal(stage, firm):
    return await stage.portal(firm, await stage.contact(firm))


@pytest.fixture(scope="module")
async def rightless(stage, firm):
    """Staff with a profile that grants nothing."""
    empty = await firm.call("SaveProfile", profile=tenancy_pb2.Profile(name="Rien"))
    member = await firm.call(
        "InviteMember", mail="rien@armor.example", given_name="R", family_name="N", profile_id=empty.id
    )
    return await stage.arrive(member.account_id, str(firm.organisation_id))


@pytest.fixture(scope="module")
async def cut(stage, firm):
    colleague = await stage.colleague(firm, "administrator")
    await firm.call("CutMember", id=colleague.membership_id)
    return colleague


@pytest.mark.parametrize("method", FOR_STAFF)
async def test_a_contacts_person_is_not_staff(portal, method):
    with refused(Kind.FORBIDDEN, "staff_only"):
        await portal.call(method)


@pytest.mark.parametrize("method", WITH_RIGHT)
async def test_staff_without_the_right_are_told_which_one(rightless, method):
    with refused(Kind.FORBIDDEN, "right_missing") as caught:
        await rightless.call(method)
    assert caught.value.params["right"] == RULES[method].right


@pytest.mark.parametrize("method", FOR_PERSONS)
async def test_who_was_cut_is_out(cut, method):
    with pytest.raises(ServiceError) as caught:
        await replace(cut, service=MAY_CALL[method]).call(method)
    assert caught.value.kind is Kind.UNAUTHENTICATED


@pytest.mark.parametrize("method", WITH_RIGHT)
async def test_an_administrator_passes_the_door(provider, method):
    try:
        await provider.call(method)
    except ServiceError as error:
        assert error.kind not in {Kind.FORBIDDEN, Kind.UNAUTHENTICATED, Kind.INTERNAL}  # noqa: PT017 - what is refused is the request


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("ListContacts", {"kind": 100_000}),
        ("ListMembers", {"state": 100_000}),
        ("ListContacts", {"query": "\0"}),
        ("ListMembers", {"page_token": "WyJcdWQ4MDAiLCIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCIsMF0"}),
        ("CreateStructure", {"name": "a\0b"}),
        ("SetAdvisers", {"contact_id": "nobody"}),
        ("Check", {"right": "contacts.fly\0"}),
        ("RegisterProduct", {"name": "x", "launch_url": "https://x.example/\0"}),
    ],
)
async def test_odd_requests_are_no_mistakes_of_ours(provider, method, fields):
    try:
        await provider.call(method, **fields)
    except ServiceError as error:
        assert error.kind is Kind.INVALID  # noqa: PT017 - whether it is refused is not the question


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GetFace", {"slug": "a\0b"}),
        ("ResolveProduct", {"client_id": "a\0b", "account_id": "0192f3c0-0000-7000-8000-000000000000"}),
    ],
)
async def test_odd_requests_of_services_find_nothing(stage, provider, method, fields):
    with pytest.raises(ServiceError) as caught:
        await stage.as_service("identity").call(method, **fields)
    assert caught.value.kind is Kind.NOT_FOUND


@dataclass
class World:
    """Things of one firm, by the names that requests give them."""

    member: tenancy_pb2.Member
    invited: tenancy_pb2.Member
    record: tenancy_pb2.ContactRecord
    access: tenancy_pb2.Access
    unused: tenancy_pb2.Access
    product: tenancy_pb2.RegisteredProduct
    structure: tenancy_pb2.Structure
    profile: tenancy_pb2.Profile
    account_id: str
    colleague: tenancy_pb2.Member
    delegation: tenancy_pb2.Delegation
    tomorrow: datetime
    of_directory: tenancy_pb2.Member


@pytest.fixture
async def world(stage, provider, admin):
    record = await stage.contact(admin)
    for name in ("Yann", "Zoé"):
        person = tenancy_pb2.Person(given_name=name, family_name="Le Bris", mail=f"{name}@kerautret.example")
        person.mail = f"{name[0].lower()}@kerautret.example"
        record = await admin.call("SavePerson", contact_id=record.contact.id, person=person)
    accesses = [
        await admin.call("GrantAccess", contact_id=record.contact.id, person_id=record.people[place].id)
        for place in (0, 1)
    ]
    await stage.arrive(accesses[0].account_id, str(admin.organisation_id))
    colleague, other = await stage.colleague(admin, "adviser"), await stage.colleague(admin, "adviser", "Ida Roux")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    junior = tenancy_pb2.DirectoryRule(value="Conseil", profile_id=await stage.profile(admin, "junior"))
    await admin.call("SaveDirectoryMapping", mapping=tenancy_pb2.DirectoryMapping(rules=[junior]))
    arrived = await settle(stage, admin, somebody())
    lent = {"to_id": other.membership_id, "codes": ["contacts.read"], "ends_at": tomorrow}
    return World(
        member=await admin.call("GetMember", id=colleague.membership_id),
        invited=await stage.invite(admin, "junior"),
        record=record,
        access=accesses[0],
        unused=accesses[1],
        product=await stage.product(provider, admin),
        structure=await admin.call("CreateStructure", name="Siège"),
        profile=await admin.call("SaveProfile", profile=tenancy_pb2.Profile(name="Maison")),
        account_id=admin.account_id,
        colleague=await admin.call("GetMember", id=other.membership_id),
        delegation=await admin.call("CreateDelegation", from_id=colleague.membership_id, **lent),
        tomorrow=tomorrow,
        of_directory=await admin.call("GetMember", id=arrived.membership_id),
    )


def _mapping(world):
    given = tenancy_pb2.DirectoryRule(value="Conseil", profile_id=world.profile.id, structure_id=world.structure.id)
    return tenancy_pb2.DirectoryMapping(rules=[given])


def _question(world):
    resource = tenancy_pb2.ResourceRef(type="contact", id=world.record.contact.id)
    return tenancy_pb2.Question(membership_id=world.member.id, right="contacts.read", resource=resource)


CASES = {
    "GetMember": lambda w: {"id": w.member.id},
    "ResendInvitation": lambda w: {"id": w.invited.id},
    "WithdrawInvitation": lambda w: {"id": w.invited.id},
    "CutMember": lambda w: {"id": w.member.id},
    "ReopenMember": lambda w: {"id": w.member.id},
    "UpdateMember": lambda w: {"id": w.member.id, "profile_id": w.member.profile_id, "version": w.member.version},
    "InviteMember": lambda w: {
        "mail": "x@armor.example", "given_name": "X", "family_name": "Y", "profile_id": w.profile.id,
        "structure_id": w.structure.id,
    },
    "DuplicateProfile": lambda w: {"id": w.profile.id, "name": "Copie"},
    "DeleteProfile": lambda w: {"id": w.profile.id, "version": w.profile.version},
    "CreateDelegation": lambda w: {
        "from_id": w.member.id, "to_id": w.colleague.id, "codes": ["contacts.read"], "ends_at": w.tomorrow,
    },
    "EndDelegation": lambda w: {"id": w.delegation.id},
    "ListRightsChanges": lambda w: {"member_id": w.member.id},
    "MoveMember": lambda w: {"member_id": w.member.id, "manager_id": w.invited.id, "version": w.member.version},
    "PreviewMove": lambda w: {"member_id": w.member.id, "manager_id": w.invited.id},
    "SetMemberLimits": lambda w: {
        "member_id": w.member.id, "version": w.member.version, "tier_id": w.structure.id,
    },
    "SetPersonalRights": lambda w: {"member_id": w.member.id, "version": w.member.version},
    "SaveProfile": lambda w: {"profile": w.profile},
    "CreateStructure": lambda w: {"name": "Sous", "parent_id": w.structure.id},
    "UpdateStructure": lambda w: {"id": w.structure.id, "name": "Siège", "version": 1},
    "DeleteStructure": lambda w: {"id": w.structure.id},
    "SetReferents": lambda w: {"duty": 1, "membership_ids": [w.member.id]},
    "SetAssignment": lambda w: {"product_id": w.product.id, "membership_id": w.member.id, "assigned": True},
    "SetStructureAssignments": lambda w: {
        "product_id": w.product.id, "structure_id": w.structure.id, "assigned": True,
    },
    "SetStructureSeats": lambda w: {"product_id": w.product.id, "structure_id": w.structure.id, "seats": 1},
    "GetContact": lambda w: {"id": w.record.contact.id},
    "UpdateContact": lambda w: {"contact": w.record.contact},
    "CreateContact": lambda w: {
        "contact": tenancy_pb2.Contact(kind=1, name="N", code="NEW"), "main_adviser_id": w.member.id,
    },
    "SavePerson": lambda w: {"contact_id": w.record.contact.id, "person": w.record.people[0]},
    "SetAdvisers": lambda w: {
        "contact_id": w.record.contact.id,
        "advisers": [tenancy_pb2.Adviser(membership_id=w.member.id, role=1)],
    },
    "GrantAccess": lambda w: {"contact_id": w.record.contact.id, "person_id": w.record.people[2].id},
    "ResendAccess": lambda w: {"membership_id": w.unused.membership_id},
    "CutAccess": lambda w: {"membership_id": w.access.membership_id},
    "ReopenAccess": lambda w: {"membership_id": w.access.membership_id},
    "IssueAccessPassword": lambda w: {"membership_id": w.access.membership_id},
    "CorrectAccessMail": lambda w: {"membership_id": w.access.membership_id, "mail": "neuve@kerautret.example"},
    "SetAccessFolders": lambda w: {"membership_id": w.access.membership_id},
    "Check": lambda w: {"right": "contacts.read", "contact_id": w.record.contact.id},
    "BatchCheck": lambda w: {"questions": [_question(w)]},
    "Explain": lambda w: {"question": _question(w)},
    "ListObjects": lambda w: {"membership_id": w.member.id, "right": "contacts.read", "type": "contact"},
    "ListSubjects": lambda w: {"right": "contacts.read", "resource": _question(w).resource},
    "GetRightsAt": lambda w: {"membership_id": w.member.id},
    "PreviewDirectoryMapping": lambda w: {"mapping": _mapping(w)},
    "SetDirectoryHand": lambda w: {"member_id": w.of_directory.id, "version": w.of_directory.version},
}  # fmt: skip
# Name the organisation themselves, or nothing that is somebody's; each is proven beside its use case.
ELSEWHERE = {
    "GetFrame", "GetHome", "GetOrganisation", "GetPasswordPolicy",
    "SavePasswordPolicy", "UpdateOrganisation", "ListMyOrganisations", "ListCustomers",
    "CreateCustomer", "GetFace", "SetUp", "ListStructures", "ListMembers", "ListProfiles", "ListRights",
    "ListMyProducts", "RegisterProduct", "SubscribeCustomer", "ListAssignments", "ListContacts", "BatchGetContacts",
    "GetProduct", "UpdateProduct", "RotateProductSecret", "SetProductOpen", "StartProductTrial", "FinishProductTrial",
    "ResolveMembership", "ResolveProduct", "GetGrantSet", "ListRequests", "SetRequestsAccepted", "ListMyRequests",
    "AcceptRequest", "DeclineRequest", "WithdrawMyRequest", "ResolveViewing", "ListSubscriptions",
    "ListAdviserChanges", "ListReferents", "ListProviderStaff", "ListProductRights", "SaveProductRights", "Watch",
    "ListDelegations", "ListStaff", "SettlePerson", "GetDirectoryMapping", "SaveDirectoryMapping",
    "BatchGetNames", "FindPeople", "RecordExport", "GetCover", "ListAnchors", "ListOwnMemberships",
    "ListEmployments", "ListAdministrations", "EraseContact", "CloseOrganisation", "ReopenOrganisation", "GetClosing",
}  # fmt: skip


def test_every_rpc_has_a_case():
    assert set(METHODS) == CASES.keys() | ELSEWHERE


@pytest.mark.parametrize("method", CASES)
async def test_real_identifiers_work_for_their_firm_and_for_no_other(stage, provider, admin, world, method):
    stranger, fields = await stage.firm(provider, "Cabinet Voisin"), CASES[method](world)
    if method == "ReopenAccess":
        await admin.call("CutAccess", membership_id=world.access.membership_id)
    with pytest.raises(ServiceError) as caught:
        await stranger.call(method, **fields)
    assert caught.value.kind is Kind.NOT_FOUND
    await admin.call(method, **fields)


async def test_a_mapping_names_nothing_of_another_firm(stage, provider, world):
    stranger = await stage.firm(provider, "Cabinet Voisin")
    with refused(Kind.NOT_FOUND, "profile_not_found"):
        await stranger.call("SaveDirectoryMapping", mapping=_mapping(world))
    own = tenancy_pb2.DirectoryRule(value="Conseil", structure_id=world.structure.id)
    with refused(Kind.NOT_FOUND, "structure_not_found"):
        await stranger.call("SaveDirectoryMapping", mapping=tenancy_pb2.DirectoryMapping(rules=[own]))


async def test_lists_hold_nothing_of_another_firm(stage, provider, world):
    stranger = await stage.firm(provider, "Cabinet Voisin")
    assert [each.id for each in (await stranger.call("ListMembers")).members] == [stranger.membership_id]
    assert not (await stranger.call("ListContacts")).contacts
    assert not (await stranger.call("ListStructures")).structures
    assert not [each for each in (await stranger.call("ListProfiles")).profiles if not each.built_in]
    assert not (await stranger.call("ListAssignments")).products
    services = stage.as_service("documents", str(stranger.organisation_id))
    assert not (await services.call("BatchGetContacts", ids=[world.record.contact.id])).contacts


async def test_a_membership_has_no_grant_set_in_another_firm(stage, provider, admin):
    stranger = await stage.firm(provider, "Cabinet Voisin")
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.as_service("documents").call(
            "GetGrantSet", membership_id=admin.membership_id, organisation_id=str(stranger.organisation_id)
        )


async def test_a_firm_is_no_provider(stage, admin, world):
    for method in ("ListCustomers", "CreateCustomer", "RegisterProduct", "SubscribeCustomer", "ListSubscriptions"):
        with refused(Kind.FORBIDDEN, "right_missing"):
            await admin.call(method)
