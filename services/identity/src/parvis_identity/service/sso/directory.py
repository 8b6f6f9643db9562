"""What tenancy makes of the people of a firm's directory: which access they have, if any."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from parvis.identity.v1 import identity_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import acting_for
from parvis_kit.client import Peers


@dataclass(frozen=True, slots=True)
class Settled:
    """How somebody stands in the firm. `open`: they may come in; else `reason` says why not: "no_profile", "not_given",
    "cut", "left".
    """

    open: bool
    reason: str = ""


_REASONS = {
    tenancy_pb2.DIRECTORY_OUTCOME_NO_PROFILE: "no_profile",
    tenancy_pb2.DIRECTORY_OUTCOME_NOT_GIVEN: "not_given",
    tenancy_pb2.DIRECTORY_OUTCOME_CUT: "cut",
    tenancy_pb2.DIRECTORY_OUTCOME_LEFT: "left",
}


class Directory(Protocol):
    """What arrivals need of tenancy."""

    async def settle(self, organisation_id: UUID, person: pb.DirectoryPerson) -> Settled:
        """Makes, changes, cuts or reopens somebody's membership, as the firm's mapping says. Raises UNAVAILABLE."""
        ...


class TenancyDirectory:
    """The same over gRPC."""

    def __init__(self, peers: Peers) -> None:
        self._stub = tenancy_pb2_grpc.DirectoryServiceStub(peers.channel("tenancy"))

    async def settle(self, organisation_id: UUID, person: pb.DirectoryPerson) -> Settled:
        """See Directory. Who had an access keeps it when the mapping cannot give what it says."""
        request = tenancy_pb2.SettlePersonRequest(organisation_id=str(organisation_id), person=person)
        with acting_for(organisation_id):
            found = await self._stub.SettlePerson(request)
        keeps = found.outcome == tenancy_pb2.DIRECTORY_OUTCOME_NOT_GIVEN and bool(found.membership_id)
        if found.outcome == tenancy_pb2.DIRECTORY_OUTCOME_OPEN or keeps:
            return Settled(open=True)
        return Settled(open=False, reason=_REASONS.get(found.outcome, "no_profile"))
