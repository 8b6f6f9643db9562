"""Requests of tenancy: who signs in where, and questions about rights."""

from cases import NOT_FOUND, OWN, STAFF_ONLY, Rightful, case
from world import World

from parvis.tenancy.v1 import tenancy_pb2 as pb

NAMES_THE_ORGANISATION = Rightful("the request names the organisation: sign-in asks before any is chosen")

IDENTITY_ASKS = {"own-name-other-firm": NAMES_THE_ORGANISATION, "own-name-of-nobody": NAMES_THE_ORGANISATION}


@case("RightsService.ResolveMembership", through=("identity",), by="service", differs=IDENTITY_ASKS)
async def resolve_membership(world: World) -> pb.ResolveMembershipRequest:
    return pb.ResolveMembershipRequest(account_id=world.member.account_id, organisation_id=world.cast.firm)


@case("RightsService.ResolveProduct", through=("identity",), by="service", differs=IDENTITY_ASKS)
async def resolve_product(world: World) -> pb.ResolveProductRequest:
    member = await world.cast.member("administrator")
    client_id = world.product_client_id
    return pb.ResolveProductRequest(account_id=member.account_id, client_id=client_id, organisation_id=world.cast.firm)


@case("RightsService.ResolveViewing", through=("identity",), by="service", differs=IDENTITY_ASKS)
async def resolve_viewing(world: World) -> pb.ResolveViewingRequest:
    member, client = await world.cast.member("administrator"), await world.cast.member("client")
    return pb.ResolveViewingRequest(
        account_id=member.account_id, organisation_id=world.cast.firm, membership_id=client.membership_id
    )


@case("RightsService.ListEmployments", through=("identity",), by="service", differs=IDENTITY_ASKS)
async def list_employments(world: World) -> pb.ListEmploymentsRequest:
    return pb.ListEmploymentsRequest(account_id=world.member.account_id)


@case("RightsService.ListStaff", through=("identity",), by="service", differs=IDENTITY_ASKS)
async def list_staff(world: World) -> pb.ListStaffRequest:
    return pb.ListStaffRequest(organisation_id=world.cast.firm)


@case(
    "RightsService.GetGrantSet",
    through=("documents", "notify", "billing"),
    by="service",
    differs=dict.fromkeys(
        ("own-name-other-firm", "own-name-of-nobody"),
        Rightful("asked before the transaction of a call begins, with the organisation of its token"),
    ),
)
async def get_grant_set(world: World) -> pb.GetGrantSetRequest:
    member = await world.cast.member("administrator")
    return pb.GetGrantSetRequest(membership_id=member.membership_id, organisation_id=world.cast.firm)


@case(
    "RightsService.ListAdviserChanges",
    through=("documents", "billing"),
    by="service",
    differs={"own-name-other-firm": OWN},
)
async def list_adviser_changes(_: World) -> pb.ListAdviserChangesRequest:
    return pb.ListAdviserChangesRequest(after_revision=0)


@case("RightsService.Check", through=("web", "identity"), others=NOT_FOUND, differs={"other-client": NOT_FOUND})
async def check(world: World) -> pb.CheckRequest:
    return pb.CheckRequest(right="contacts.read", contact_id=world.contact.id)


CLIENTS = {"other-firm-client": STAFF_ONLY}


@case("RightsService.BatchCheck", through=("web", "identity"), others=NOT_FOUND, differs=CLIENTS)
async def batch_check(world: World) -> pb.BatchCheckRequest:
    return pb.BatchCheckRequest(questions=[_question(world)])


@case("RightsService.Explain", others=NOT_FOUND, differs=CLIENTS)
async def explain(world: World) -> pb.ExplainRequest:
    return pb.ExplainRequest(question=_question(world))


@case("RightsService.ListObjects", others=NOT_FOUND, differs=CLIENTS)
async def list_objects(world: World) -> pb.ListObjectsRequest:
    return pb.ListObjectsRequest(membership_id=world.member.id, right="contacts.read", type="contact")


@case("RightsService.ListSubjects", others=NOT_FOUND, differs=CLIENTS)
async def list_subjects(world: World) -> pb.ListSubjectsRequest:
    return pb.ListSubjectsRequest(right="contacts.read", resource=_question(world).resource)


@case("RightsService.GetRightsAt", others=NOT_FOUND, differs=CLIENTS)
async def get_rights_at(world: World) -> pb.GetRightsAtRequest:
    return pb.GetRightsAtRequest(membership_id=world.member.id)


@case("RightsService.Watch", others=OWN)
async def watch(_: World) -> pb.WatchRequest:
    return pb.WatchRequest(after_revision=0)


def _question(world: World) -> pb.Question:
    resource = pb.ResourceRef(type="contact", id=world.contact.id)
    return pb.Question(membership_id=world.member.id, right="contacts.read", resource=resource)
