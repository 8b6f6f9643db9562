"""Requests of tenancy about the firm's directory."""

from cases import OWN, Rightful, case
from world import World

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2 as pb
from parvis_kit.ids import uuid7

NAMES_THE_ORGANISATION = Rightful("the request names the organisation: identity knows whose directory it heard")


def person(group: str) -> identity_pb2.DirectoryPerson:
    """Somebody new, in a group that no demonstration gives anything to."""
    return identity_pb2.DirectoryPerson(
        account_id=str(uuid7()),
        version=1,
        given_name="Iso",
        family_name="Lation",
        user_name="iso",
        groups=[group],
        groups_said=True,
        active=True,
        source=identity_pb2.DIRECTORY_SOURCE_SCIM,
    )


@case(
    "DirectoryService.SettlePerson",
    through=("identity",),
    by="service",
    differs={"own-name-other-firm": NAMES_THE_ORGANISATION, "own-name-of-nobody": NAMES_THE_ORGANISATION},
)
async def settle_person(world: World) -> pb.SettlePersonRequest:
    return pb.SettlePersonRequest(organisation_id=world.cast.firm, person=person("Isolation, personne"))


@case("DirectoryService.GetDirectoryMapping", others=OWN)
async def get_directory_mapping(_: World) -> pb.GetDirectoryMappingRequest:
    return pb.GetDirectoryMappingRequest()


@case("DirectoryService.SaveDirectoryMapping")
async def save_directory_mapping(world: World) -> pb.SaveDirectoryMappingRequest:
    return pb.SaveDirectoryMappingRequest(mapping=await world.mapping())


@case("DirectoryService.PreviewDirectoryMapping")
async def preview_directory_mapping(world: World) -> pb.PreviewDirectoryMappingRequest:
    return pb.PreviewDirectoryMappingRequest(mapping=await world.mapping())


@case("DirectoryService.SetDirectoryHand")
async def set_directory_hand(world: World) -> pb.SetDirectoryHandRequest:
    member = await world.directory_member()
    return pb.SetDirectoryHandRequest(member_id=member.id, version=member.version)
