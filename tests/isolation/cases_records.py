"""Requests for what is kept about a person or an organisation, which every service offers over its own rows."""

from cases import NOT_FOUND, OWN, OWN_ACTS, Rightful, case
from contract import SHARED
from google.protobuf.message import Message
from world import World

from parvis.records.v1 import records_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2

#: Where every wrong caller tries: a service that asks tenancy for rights, and one whose server has them.
WHOLE = ("identity", "tenancy")
ASKED = {"requested-member": Rightful("who asked a firm for an account knows which: their request names it")}
GENERAL = dict.fromkeys(
    ("own-name-other-firm", "own-name-of-nobody"), Rightful("what is said is in general, and stands on a public page")
)
ADMINISTERED = dict.fromkeys(
    ("own-name-other-firm", "own-name-of-nobody"), Rightful("asked of an account, wherever it is, by identity alone")
)
#: Who tries elsewhere: one of each kind.
SOME = ("through-billing", "through-tenancy", "no-right", "other-firm", "client", "own-name")


async def a_file(world: World, method: str, request: type[Message]) -> str:
    """The first file that an export names."""
    token = ""
    while True:
        listed = await world.call(f"RecordsService.{method} of documents", request(page_token=token))
        for each in listed.records:
            if each.file.id:
                return each.file.id
        token = listed.next_page_token
        assert token, "no file is exported"


def _cases_of(service: str) -> None:
    only = () if service in WHOLE else SOME
    files = service == "documents"

    @case(f"RecordsService.ListOwnRecords of {service}", others=OWN_ACTS, only=only, fresh=True, differs=ASKED)
    async def list_own(_: World) -> Message:
        return pb.ListOwnRecordsRequest()

    @case(f"RecordsService.ListOrganisationRecords of {service}", others=OWN_ACTS, only=only, fresh=True)
    async def list_of_organisation(_: World) -> Message:
        return pb.ListOrganisationRecordsRequest()

    @case(f"RecordsService.ReadOwnFile of {service}", only=only, answer=None if files else NOT_FOUND)
    async def read_own(world: World) -> Message:
        asked = pb.ListOwnRecordsRequest
        return pb.ReadOwnFileRequest(id=await a_file(world, "ListOwnRecords", asked))

    @case(f"RecordsService.ReadOrganisationFile of {service}", only=only, answer=None if files else NOT_FOUND)
    async def read_of_organisation(world: World) -> Message:
        asked = pb.ListOrganisationRecordsRequest
        return pb.ReadOrganisationFileRequest(id=await a_file(world, "ListOrganisationRecords", asked))

    @case(
        f"RecordsService.ListHoldings of {service}",
        by="service",
        differs=GENERAL,
        only=(*only, "with-subject") if only else (),
    )
    async def list_holdings(_: World) -> Message:
        return pb.ListHoldingsRequest()


for each in SHARED["records"]:
    _cases_of(each)


@case("MemberService.ListAdministrations", through=("identity",), by="service", differs=ADMINISTERED)
async def list_administrations(world: World) -> Message:
    return tenancy_pb2.ListAdministrationsRequest(account_id=world.client_account_id)


@case("MemberService.ListOwnMemberships", through=("identity", "documents", "notify", "billing"), others=OWN)
async def list_own_memberships(_: World) -> Message:
    return tenancy_pb2.ListOwnMembershipsRequest()
