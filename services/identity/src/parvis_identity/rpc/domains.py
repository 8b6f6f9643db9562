"""parvis.identity.v1.DomainService."""

from datetime import datetime

from parvis.identity.v1 import domains_pb2 as pb
from parvis_identity.domain import domains as rules
from parvis_identity.domain.domains import DomainState, Method
from parvis_identity.models import SsoDomain
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service import mail_domains
from parvis_identity.service.accounts import mine
from parvis_identity.service.dns_proofs import record_name
from parvis_identity.service.domains import Domains, Told
from parvis_kit import ids
from parvis_kit.server import Begin, in_steps
from parvis_kit.unit import UnitOfWork

_STATES = {each: pb.DomainState.Value(f"DOMAIN_STATE_{each.name}") for each in DomainState}
_METHODS = {each.value: pb.DomainMethod.Value(f"DOMAIN_METHOD_{each.name}") for each in Method}


class DomainRpc:
    """See the contract."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains

    async def ListDomains(self, unit: UnitOfWork, request: pb.ListDomainsRequest) -> pb.ListDomainsResponse:
        del request
        return pb.ListDomainsResponse(domains=map(message, await self._domains.listed(unit)))

    @in_steps
    async def AddDomain(self, begin: Begin, request: pb.AddDomainRequest) -> pb.Domain:
        return message(await self._domains.add(begin, request.name, beside_another=request.beside_another))

    @in_steps
    async def CheckDomain(self, begin: Begin, request: pb.CheckDomainRequest) -> pb.Domain:
        return message(await self._domains.check(begin, ids.parse(request.id)))

    async def SendDomainMail(self, unit: UnitOfWork, request: pb.SendDomainMailRequest) -> pb.Domain:
        locale = (await mine(unit)).locale
        return message(await self._domains.send_mail(unit, ids.parse(request.id), locale))

    async def RemoveDomain(self, unit: UnitOfWork, request: pb.RemoveDomainRequest) -> pb.RemoveDomainResponse:
        await self._domains.remove(unit, ids.parse(request.id))
        return pb.RemoveDomainResponse()


def message(told: Told) -> pb.Domain:
    """A domain as it travels."""
    row = told.domain
    state = DomainState(row.state)
    by_mail = row.method == Method.MAIL and state is DomainState.VERIFIED
    return pb.Domain(
        id=str(row.id),
        name=row.domain,
        shown=mail_domains.shown(row.domain),
        state=_STATES[state],
        method=_METHODS.get(row.method, pb.DOMAIN_METHOD_UNSPECIFIED),
        record_name=record_name(row.domain),
        record_value=f"{rules.RECORD_PREFIX}{row.token}",
        verified_at=timestamp(row.verified_at),
        checked_at=timestamp(row.checked_at),
        problem=row.check_problem,
        lost_at=timestamp(row.lost_at),
        off_at=timestamp(row.lost_at + rules.GRACE if row.lost_at and state is DomainState.LOST else None),
        mail_sent_at=timestamp(row.mail_sent_at),
        mail_expires_at=timestamp(_mail_expires(row)),
        mail_proof_ends_at=timestamp(row.verified_at + rules.MAIL_COUNTS if by_mail and row.verified_at else None),
        held_by_another=told.held_by_another,
    )


def _mail_expires(row: SsoDomain) -> datetime | None:
    """Of a mail that was not answered."""
    return row.mail_sent_at + rules.MAIL_LIFETIME if row.mail_digest and row.mail_sent_at else None
