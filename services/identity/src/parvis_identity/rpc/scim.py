"""parvis.identity.v1.ScimService."""

from parvis.identity.v1 import scim_pb2 as pb
from parvis_identity.models import ScimToken
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service.scim import log
from parvis_identity.service.scim.log import Synchronisation
from parvis_identity.service.scim.tokens import ScimTokens
from parvis_identity.store import scim as store
from parvis_kit import ids
from parvis_kit.unit import UnitOfWork


class ScimRpc:
    """See the contract."""

    def __init__(self, tokens: ScimTokens, *, address: str) -> None:
        self._tokens = tokens
        self._address = address

    async def GetScim(self, unit: UnitOfWork, request: pb.GetScimRequest) -> pb.Scim:
        del request
        tokens = await self._tokens.all(unit)
        counts = await store.counts(unit)
        return pb.Scim(
            address=self._address,
            tokens=map(_token, tokens),
            users=counts["users"],
            active_users=counts["active"],
            groups=counts["groups"],
        )

    async def CreateScimToken(self, unit: UnitOfWork, request: pb.CreateScimTokenRequest) -> pb.NewScimToken:
        made, secret = await self._tokens.create(unit, request.name, request.days)
        return pb.NewScimToken(token=_token(made), secret=secret)

    async def RevokeScimToken(self, unit: UnitOfWork, request: pb.RevokeScimTokenRequest) -> pb.RevokeScimTokenResponse:
        await self._tokens.revoke(unit, ids.parse(request.id))
        return pb.RevokeScimTokenResponse()

    async def ListSynchronisations(
        self, unit: UnitOfWork, request: pb.ListSynchronisationsRequest
    ) -> pb.ListSynchronisationsResponse:
        del request
        await self._tokens.allowed()
        return pb.ListSynchronisationsResponse(synchronisations=map(_synchronisation, await log.latest(unit)))


def _token(token: ScimToken) -> pb.ScimToken:
    return pb.ScimToken(
        id=str(token.id),
        name=token.name,
        ending=token.ending,
        created_at=timestamp(token.created_at),
        expires_at=timestamp(token.expires_at),
        last_used_at=timestamp(token.last_used_at),
    )


def _synchronisation(run: Synchronisation) -> pb.Synchronisation:
    return pb.Synchronisation(
        began_at=timestamp(run.began),
        ended_at=timestamp(run.ended),
        token_name=run.token_name,
        token_ending=run.token_ending,
        refusals=[pb.RefusedOperation(**each) for each in run.notes],
        **run.counts,
    )
