"""Requests of identity about a firm's directory over SCIM."""

from cases import OWN, STAFF_ONLY, case
from world import World

from parvis.identity.v1 import scim_pb2 as pb

CLIENTS = {"other-firm-client": STAFF_ONLY}


async def room(world: World) -> None:
    """Two tokens count at a time: those of other cases are revoked."""
    for each in (await world.call("ScimService.GetScim", pb.GetScimRequest())).tokens:
        await world.call("ScimService.RevokeScimToken", pb.RevokeScimTokenRequest(id=each.id))


async def token(world: World) -> pb.NewScimToken:
    """A token of the firm."""
    await room(world)
    return await world.call("ScimService.CreateScimToken", pb.CreateScimTokenRequest(name="Isolation", days=1))


@case("ScimService.GetScim", others=OWN, differs=CLIENTS)
async def get_scim(world: World) -> pb.GetScimRequest:
    await token(world)
    return pb.GetScimRequest()


@case("ScimService.CreateScimToken", others=OWN, differs=CLIENTS)
async def create_scim_token(world: World) -> pb.CreateScimTokenRequest:
    await room(world)
    return pb.CreateScimTokenRequest(name="Isolation", days=1)


@case("ScimService.RevokeScimToken")
async def revoke_scim_token(world: World) -> pb.RevokeScimTokenRequest:
    return pb.RevokeScimTokenRequest(id=(await token(world)).token.id)


@case("ScimService.ListSynchronisations", others=OWN, differs=CLIENTS)
async def list_synchronisations(world: World) -> pb.ListSynchronisationsRequest:
    await token(world)
    return pb.ListSynchronisationsRequest()
