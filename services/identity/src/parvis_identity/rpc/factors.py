"""parvis.identity.v1.FactorService."""

from parvis.identity.v1 import factors_pb2 as pb
from parvis_identity.domain.factor_resets import ResetState, state_of
from parvis_identity.models import Account, AccountKind, FactorReset
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service import factor_offers
from parvis_identity.service.factor_resets import FactorResets, Told
from parvis_kit import ids
from parvis_kit.unit import UnitOfWork

_STATES = {each: pb.FactorResetState.Value(f"FACTOR_RESET_STATE_{each.upper()}") for each in ResetState}


class FactorRpc:
    """See the contract."""

    def __init__(self, resets: FactorResets) -> None:
        self._resets = resets

    async def GetMemberFactors(self, unit: UnitOfWork, request: pb.GetMemberFactorsRequest) -> pb.MemberFactors:
        return _told(unit, await self._resets.of_member(unit, ids.parse(request.membership_id, "membership_id")))

    async def RequestFactorReset(self, unit: UnitOfWork, request: pb.RequestFactorResetRequest) -> pb.MemberFactors:
        membership_id = ids.parse(request.membership_id, "membership_id")
        return _told(unit, await self._resets.ask(unit, membership_id, request.reason))

    async def ApproveFactorReset(self, unit: UnitOfWork, request: pb.ApproveFactorResetRequest) -> pb.MemberFactors:
        return _told(unit, await self._resets.approve(unit, ids.parse(request.reset_id, "reset_id")))

    async def StopFactorReset(self, unit: UnitOfWork, request: pb.StopFactorResetRequest) -> pb.FactorReset:
        return _reset(unit, await self._resets.stop(unit, ids.parse(request.reset_id, "reset_id")), None)

    async def RequestProviderFactorReset(
        self, unit: UnitOfWork, request: pb.RequestProviderFactorResetRequest
    ) -> pb.FactorReset:
        identifier, slug = request.identifier, request.organisation_slug
        return _reset(unit, await self._resets.ask_as_provider(unit, identifier, slug, request.reason), None)

    async def ListFactorResets(
        self, unit: UnitOfWork, request: pb.ListFactorResetsRequest
    ) -> pb.ListFactorResetsResponse:
        del request
        return pb.ListFactorResetsResponse(resets=[_reset(unit, *each) for each in await self._resets.listed(unit)])

    async def PutOffMyFactor(self, unit: UnitOfWork, request: pb.PutOffMyFactorRequest) -> pb.PutOffMyFactorResponse:
        del request
        await factor_offers.put_off(unit)
        return pb.PutOffMyFactorResponse()


def _told(unit: UnitOfWork, told: Told) -> pb.MemberFactors:
    return pb.MemberFactors(
        has_factor=told.has_factor,
        reset=_reset(unit, told.reset, told.account) if told.reset is not None else None,
        may_approve=told.may_approve,
        managed=told.account.kind == AccountKind.MANAGED,
        waiting_hours=int(told.waits.total_seconds() // 3600),
        directory=told.account.directory,
    )


def _reset(unit: UnitOfWork, reset: FactorReset, account: Account | None) -> pb.FactorReset:
    state = state_of(unit.now, asked_at=reset.asked_at, approved_at=reset.approved_at, ended_as=reset.ended_as)
    return pb.FactorReset(
        id=str(reset.id),
        identifier=account.identifier if account else "",
        name=account.name if account else "",
        state=_STATES[state],
        reason=reset.reason,
        asked_by=reset.asked_by_name,
        asked_at=timestamp(reset.asked_at),
        approved_by=reset.approved_by_name,
        due_at=timestamp(reset.due_at),
    )
