"""Moving a part of the hierarchy: a member with everybody below them, to another superior and back, over gRPC."""

import time

from rights_population import LargeFirm
from stage import Seat

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc

#: By number: a member with about a hundred below, and the two who are above in turns.
MOVED, ABOVE = 15, (2, 1)
MOVES = 10


async def moves(seat: Seat, firm: LargeFirm) -> tuple[list[float], list[float]]:
    """Milliseconds of looking at what each move would change, and of making it."""
    members = tenancy_pb2_grpc.MemberServiceStub(seat.portal.peers.channel("tenancy"))
    moved, previews, took = str(firm.members[MOVED]), [], []
    async with seat.person.acting_for(str(firm.organisation_id)):
        version = (await members.GetMember(tenancy_pb2.GetMemberRequest(id=moved))).version
        for number in range(MOVES):
            manager = str(firm.members[ABOVE[number % len(ABOVE)]])
            began = time.perf_counter()
            await members.PreviewMove(tenancy_pb2.PreviewMoveRequest(member_id=moved, manager_id=manager))
            previews.append(1000 * (time.perf_counter() - began))
            request = tenancy_pb2.MoveMemberRequest(member_id=moved, manager_id=manager, version=version)
            began = time.perf_counter()
            version = (await members.MoveMember(request)).version
            took.append(1000 * (time.perf_counter() - began))
    return previews, took
