"""RequestService."""

from dataclasses import dataclass
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import unauthenticated
from parvis_kit.ids import parse, parse_optional
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import requests
from parvis_tenancy.service.accounts import Identity
from parvis_tenancy.service.requests import Patience


@dataclass(frozen=True, slots=True)
class RequestRpc:
    """Answers `parvis.tenancy.v1.RequestService`."""

    identity: Identity
    patience: Patience

    async def ListRequests(
        self, unit: UnitOfWork, request: tenancy_pb2.ListRequestsRequest
    ) -> tenancy_pb2.ListRequestsResponse:
        only = parse_optional(request.id)
        page, token, total, accepted = await requests.page(unit, request.page_size, request.page_token, only)
        return tenancy_pb2.ListRequestsResponse(requests=page, next_page_token=token, total=total, accepted=accepted)

    async def AcceptRequest(self, unit: UnitOfWork, request: tenancy_pb2.AcceptRequestRequest) -> tenancy_pb2.Member:
        profile_id = parse(request.profile_id, "profile_id")
        return await requests.accept(unit, self.identity, request, parse(request.id), profile_id)

    async def DeclineRequest(
        self, unit: UnitOfWork, request: tenancy_pb2.DeclineRequestRequest
    ) -> tenancy_pb2.DeclineRequestResponse:
        await requests.decline(unit, parse(request.id), request.reason, self.patience)
        return tenancy_pb2.DeclineRequestResponse()

    async def SetRequestsAccepted(
        self, unit: UnitOfWork, request: tenancy_pb2.SetRequestsAcceptedRequest
    ) -> tenancy_pb2.SetRequestsAcceptedResponse:
        await requests.set_accepted(unit, accepted=request.accepted)
        return tenancy_pb2.SetRequestsAcceptedResponse()

    async def ListMyRequests(
        self, unit: UnitOfWork, _: tenancy_pb2.ListMyRequestsRequest
    ) -> tenancy_pb2.ListMyRequestsResponse:
        return tenancy_pb2.ListMyRequestsResponse(requests=await requests.mine(unit, _account(unit), self.patience))

    async def WithdrawMyRequest(
        self, unit: UnitOfWork, request: tenancy_pb2.WithdrawMyRequestRequest
    ) -> tenancy_pb2.WithdrawMyRequestResponse:
        await requests.withdraw(unit, _account(unit), parse(request.id))
        return tenancy_pb2.WithdrawMyRequestResponse()


def _account(unit: UnitOfWork) -> UUID:
    if unit.caller.account_id is None:
        raise unauthenticated()
    return unit.caller.account_id
