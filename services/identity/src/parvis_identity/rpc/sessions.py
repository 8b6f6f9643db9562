"""parvis.identity.v1.SessionService."""

from google.protobuf.timestamp_pb2 import Timestamp

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service import sessions
from parvis_identity.service.keys import KeyRing
from parvis_kit import ids
from parvis_kit.errors import forbidden
from parvis_kit.unit import UnitOfWork


class SessionRpc:
    """See the contract. `gateway` is the one service that may exchange refresh tokens."""

    def __init__(self, tokens: sessions.OrganisationTokens, ring: KeyRing, *, gateway: str) -> None:
        self._tokens = tokens
        self._ring = ring
        self._gateway = gateway

    async def GetOrganisationToken(
        self, unit: UnitOfWork, request: pb.GetOrganisationTokenRequest
    ) -> pb.OrganisationToken:
        if unit.caller.service != self._gateway:
            raise forbidden("service_not_allowed", service=unit.caller.service)
        organisation_id = ids.parse_optional(request.organisation_id, "organisation_id")
        viewing_id = ids.parse_optional(request.viewing_id, "viewing_id")
        issued = await self._tokens.issue(unit, request.refresh_token, organisation_id, viewing_id)
        return pb.OrganisationToken(
            token=issued.token,
            expires_at=Timestamp(seconds=issued.expires),
            session_id=str(issued.session_id),
            account_id=str(issued.account_id),
            membership_id=str(issued.membership_id or ""),
            proven_at=timestamp(issued.proven_at),
            offers_factor=issued.offer is not None,
            factor_required_from=timestamp(issued.offer.required_from if issued.offer else None),
        )

    async def ListSigningKeys(self, unit: UnitOfWork, request: pb.ListSigningKeysRequest) -> pb.SigningKeys:
        del unit
        return pb.SigningKeys(jwks_json=self._ring.openid_keys() if request.of_products else self._ring.internal_keys())

    async def CheckSession(self, unit: UnitOfWork, request: pb.CheckSessionRequest) -> pb.SessionState:
        session_id = ids.parse(request.session_id, "session_id")
        account_id = ids.parse(request.account_id, "account_id")
        return pb.SessionState(open=await sessions.is_open(unit, session_id, account_id))

    async def ListMySessions(self, unit: UnitOfWork, request: pb.ListMySessionsRequest) -> pb.ListMySessionsResponse:
        del request
        return pb.ListMySessionsResponse(
            sessions=[
                pb.Session(
                    id=str(each.id),
                    started_at=timestamp(each.started_at),
                    last_seen_at=timestamp(each.last_seen_at),
                    device=each.device,
                    current=each.id == unit.caller.session_id,
                )
                for each in await sessions.list_mine(unit)
            ]
        )

    async def EndMySession(self, unit: UnitOfWork, request: pb.EndMySessionRequest) -> pb.EndMySessionResponse:
        await sessions.end_mine(unit, ids.parse(request.session_id, "session_id"))
        return pb.EndMySessionResponse()

    async def EndMyOtherSessions(
        self, unit: UnitOfWork, request: pb.EndMyOtherSessionsRequest
    ) -> pb.EndMyOtherSessionsResponse:
        del request
        return pb.EndMyOtherSessionsResponse(ended=await sessions.end_others(unit))
