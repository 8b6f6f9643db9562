"""parvis.identity.v1.ViewingService."""

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.models import Viewing
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service import viewings
from parvis_kit import ids
from parvis_kit.unit import UnitOfWork


class ViewingRpc:
    """See the contract."""

    def __init__(self, rules: viewings.Viewings) -> None:
        self._viewings = rules

    async def StartViewing(self, unit: UnitOfWork, request: pb.StartViewingRequest) -> pb.Viewing:
        membership_id = ids.parse(request.membership_id, "membership_id")
        begun = await self._viewings.start(unit, membership_id, request.reason)
        return pb.Viewing() if begun is None else message(begun)

    async def EndViewing(self, unit: UnitOfWork, request: pb.EndViewingRequest) -> pb.Viewing:
        return message(await viewings.end(unit, ids.parse(request.id)))

    async def ListViewings(self, unit: UnitOfWork, request: pb.ListViewingsRequest) -> pb.ListViewingsResponse:
        membership_id = ids.parse(request.membership_id, "membership_id")
        found = await self._viewings.history(unit, membership_id)
        return pb.ListViewingsResponse(viewings=map(message, found))


def message(viewing: Viewing) -> pb.Viewing:
    """A viewing as it travels."""
    return pb.Viewing(
        id=str(viewing.id),
        organisation_id=str(viewing.organisation_id),
        membership_id=str(viewing.membership_id),
        portal=viewing.kind == "portal",
        name=viewing.name,
        viewer_name=viewing.viewer_name,
        reason=viewing.reason,
        started_at=timestamp(viewing.started_at),
        expires_at=timestamp(viewing.expires_at),
        ended_at=timestamp(viewing.ended_at),
    )
