"""Requests of the audit trail, which every service offers over its own rows."""

from cases import OWN, OWN_ACTS, Rightful, case
from contract import SHARED
from google.protobuf.message import Message
from world import World

from parvis.tenancy.v1 import journal_pb2
from parvis.trail.v1 import trail_pb2 as pb

#: Services that act for nobody in particular: what they are told names organisations and digests, and no act.
#: Where every wrong caller tries: a service that asks tenancy for rights, and one whose server has them.
WHOLE = ("identity", "tenancy")
#: Who tries elsewhere: one of each kind.
SOME = ("through-billing", "through-tenancy", "no-right", "other-firm", "client", "own-name", "with-subject")
HEADS = Rightful("tenancy makes the anchor over all chains")


def _cases_of(service: str) -> None:
    only = () if service in WHOLE else SOME

    @case(f"TrailService.ListEntries of {service}", others=OWN_ACTS, only=only)
    async def list_entries(_: World) -> Message:
        return pb.ListEntriesRequest(page_size=200)

    @case(f"TrailService.GetEntry of {service}", only=only)
    async def get_entry(world: World) -> Message:
        method = f"TrailService.ListEntries of {service}"
        listed = await world.call(method, pb.ListEntriesRequest(page_size=1))
        return pb.GetEntryRequest(id=listed.entries[0].id)

    @case(f"TrailService.ExportEntries of {service}", others=OWN_ACTS, only=only)
    async def export_entries(_: World) -> Message:
        return pb.ExportEntriesRequest()

    of_all = {"own-name-other-firm": HEADS, "own-name-of-nobody": HEADS}

    @case(f"TrailService.ListHeads of {service}", through=("tenancy",), by="service", differs=of_all, only=only)
    async def list_heads(_: World) -> Message:
        return pb.ListHeadsRequest(page_size=1)

    @case(f"TrailService.BatchGetDigests of {service}", through=("tenancy",), by="service", differs=of_all, only=only)
    async def batch_get_digests(world: World) -> Message:
        return pb.BatchGetDigestsRequest(places=[pb.ChainPlace(organisation_id=world.cast.firm, seq=1)])


for each in SHARED["trail"]:
    _cases_of(each)


@case("JournalService.BatchGetNames", others=OWN)
async def batch_get_names(world: World) -> Message:
    things = (("contact", world.contact.id), ("membership", world.member.id), ("account", world.client_account_id))
    return journal_pb2.BatchGetNamesRequest(things=[journal_pb2.NamedThing(kind=kind, id=id_) for kind, id_ in things])


@case("JournalService.FindPeople", others=OWN)
async def find_people(_: World) -> Message:
    return journal_pb2.FindPeopleRequest()


@case("JournalService.ListAnchors", others=OWN)
async def list_anchors(_: World) -> Message:
    return journal_pb2.ListAnchorsRequest()


@case("JournalService.GetCover", others=OWN)
async def get_cover(_: World) -> Message:
    return journal_pb2.GetCoverRequest(service="tenancy", seq=1)


@case("JournalService.RecordExport", others=OWN)
async def record_export(_: World) -> Message:
    return journal_pb2.RecordExportRequest(format="csv")
