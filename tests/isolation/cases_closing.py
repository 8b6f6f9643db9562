"""Requests about the closing of an organisation. Nobody's is closed here: the name that is typed is another one."""

from cases import OWN, Refused, case
from world import World

from parvis.tenancy.v1 import closing_pb2 as pb
from parvis_kit.errors import Kind

DIFFERS = Refused((Kind.INVALID,), ("fields_invalid",))


@case("ClosingService.GetClosing", others=OWN)
async def get_closing(_: World) -> pb.GetClosingRequest:
    return pb.GetClosingRequest()


@case("ClosingService.CloseOrganisation", others=OWN, answer=DIFFERS)
async def close_organisation(_: World) -> pb.CloseOrganisationRequest:
    return pb.CloseOrganisationRequest(name="no firm's name")


@case("ClosingService.ReopenOrganisation", others=OWN)
async def reopen_organisation(_: World) -> pb.ReopenOrganisationRequest:
    return pb.ReopenOrganisationRequest()
