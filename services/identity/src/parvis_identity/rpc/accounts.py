"""parvis.identity.v1.AccountService."""

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.domain.address_changes import ALONE_AFTER, CONFIRMED_WITHIN
from parvis_identity.domain.links import Purpose
from parvis_identity.models import Account, AccountKind, AccountState
from parvis_identity.service import accounts, address_changes, known_by
from parvis_identity.service.domains import Domains
from parvis_identity.service.erasures import DAYS
from parvis_identity.service.own_erasure import OwnErasure
from parvis_identity.service.requests import Requests
from parvis_kit import ids
from parvis_kit.errors import Violation, invalid
from parvis_kit.server import Begin, in_steps
from parvis_kit.unit import UnitOfWork

_KINDS = {
    AccountKind.PERSONAL: pb.ACCOUNT_KIND_PERSONAL,
    AccountKind.MANAGED: pb.ACCOUNT_KIND_MANAGED,
}
_STATES = {
    AccountState.PENDING: pb.ACCOUNT_STATE_PENDING,
    AccountState.ACTIVE: pb.ACCOUNT_STATE_ACTIVE,
    AccountState.DISABLED: pb.ACCOUNT_STATE_DISABLED,
}
_PURPOSES = {
    pb.LINK_PURPOSE_ACTIVATION: Purpose.ACTIVATION,
    pb.LINK_PURPOSE_RESET: Purpose.RESET,
    pb.LINK_PURPOSE_ADDRESS_NEW: Purpose.ADDRESS_NEW,
    pb.LINK_PURPOSE_ADDRESS_OLD: Purpose.ADDRESS_OLD,
    pb.LINK_PURPOSE_FACTOR_RESET: Purpose.FACTOR_RESET,
}


class AccountRpc:
    """See the contract."""

    def __init__(
        self,
        links: accounts.Links,
        requests: Requests,
        domains: Domains,
        erasure: OwnErasure,
        *,
        gateway_client: str = "web",
    ) -> None:
        self._erasure = erasure
        self._links = links
        self._requests = requests
        self._domains = domains
        self._gateway = gateway_client

    async def EnsurePersonalAccount(self, unit: UnitOfWork, request: pb.EnsurePersonalAccountRequest) -> pb.Account:
        return message(
            await accounts.ensure_personal(
                unit,
                mail=request.mail,
                given_name=request.given_name,
                family_name=request.family_name,
                locale=request.locale,
            )
        )

    async def CreateManagedAccount(self, unit: UnitOfWork, request: pb.CreateManagedAccountRequest) -> pb.Account:
        return message(
            await accounts.create_managed(
                unit,
                account_id=ids.parse(request.id),
                identifier=request.identifier,
                mail=request.mail,
                given_name=request.given_name,
                family_name=request.family_name,
                locale=request.locale,
            )
        )

    async def BatchGetAccounts(
        self, unit: UnitOfWork, request: pb.BatchGetAccountsRequest
    ) -> pb.BatchGetAccountsResponse:
        found = await accounts.batch(unit, [ids.parse(each, "ids") for each in request.ids])
        return pb.BatchGetAccountsResponse(accounts=map(message, found))

    async def MintLink(self, unit: UnitOfWork, request: pb.MintLinkRequest) -> pb.Link:
        if request.purpose == pb.LINK_PURPOSE_REQUEST:
            url, until = await self._requests.mint(unit, ids.parse(request.link_id, "link_id"))
            return pb.Link(url=url, expires_at=timestamp(until))
        if request.purpose == pb.LINK_PURPOSE_DOMAIN:
            url, until = await self._domains.mint(unit, ids.parse(request.link_id, "link_id"))
            return pb.Link(url=url, expires_at=timestamp(until))
        purpose = _PURPOSES.get(request.purpose)
        if purpose is None:
            raise invalid("malformed_request", [Violation("purpose", "required")])
        url, expires_at = await self._links.mint(
            unit,
            link_id=ids.parse(request.link_id, "link_id"),
            account_id=ids.parse(request.account_id, "account_id"),
            purpose=purpose,
            slug=request.organisation_slug,
        )
        return pb.Link(url=url, expires_at=timestamp(expires_at))

    async def RevokeLinks(self, unit: UnitOfWork, request: pb.RevokeLinksRequest) -> pb.RevokeLinksResponse:
        await accounts.revoke_links(unit, ids.parse(request.account_id, "account_id"))
        return pb.RevokeLinksResponse()

    async def GetMyAccount(self, unit: UnitOfWork, request: pb.GetMyAccountRequest) -> pb.Account:
        del request
        return await _own(unit, await accounts.mine(unit))

    async def ListMyApplications(
        self, unit: UnitOfWork, request: pb.ListMyApplicationsRequest
    ) -> pb.ListMyApplicationsResponse:
        del request
        found = await known_by.mine(unit, gateway_client=self._gateway)
        return pb.ListMyApplicationsResponse(
            applications=[
                pb.KnowingApplication(
                    client_id=row["client_id"],
                    name=row["name"],
                    told=row["told"],
                    agreed_at=timestamp(row["given_at"]),
                    signed_in_at=timestamp(row["signed_in_at"]),
                )
                for row in found
            ]
        )

    async def WithdrawMyApplication(
        self, unit: UnitOfWork, request: pb.WithdrawMyApplicationRequest
    ) -> pb.WithdrawMyApplicationResponse:
        await known_by.withdraw(unit, request.client_id, gateway_client=self._gateway)
        return pb.WithdrawMyApplicationResponse()

    async def UpdateMyAccount(self, unit: UnitOfWork, request: pb.UpdateMyAccountRequest) -> pb.Account:
        account = await accounts.update_mine(
            unit, given_name=request.given_name, family_name=request.family_name, locale=request.locale
        )
        return await _own(unit, account)

    async def ResendMyAddressChange(self, unit: UnitOfWork, request: pb.ResendMyAddressChangeRequest) -> pb.Account:
        del request
        return await _own(unit, await address_changes.resend_mine(unit))

    async def CancelMyAddressChange(self, unit: UnitOfWork, request: pb.CancelMyAddressChangeRequest) -> pb.Account:
        del request
        return await _own(unit, await address_changes.cancel_mine(unit))

    @in_steps
    async def GetMyErasure(self, begin: Begin, request: pb.GetMyErasureRequest) -> pb.ErasureOutlook:
        del request
        found = await self._erasure.outlook(begin)
        return pb.ErasureOutlook(
            refusal=found.refusal,
            organisations=[pb.AdministeredOrganisation(slug=each.slug, name=each.name) for each in found.organisations],
            firm=found.firm,
            days=DAYS,
            linked=found.linked,
        )

    @in_steps
    async def EraseMyAccount(self, begin: Begin, request: pb.EraseMyAccountRequest) -> pb.EraseMyAccountResponse:
        del request
        return pb.EraseMyAccountResponse(due_at=timestamp((await self._erasure.ask(begin)).due_at))

    async def CorrectManagedMail(self, unit: UnitOfWork, request: pb.CorrectManagedMailRequest) -> pb.Account:
        account_id = ids.parse(request.account_id, "account_id")
        return message(await accounts.correct_managed_mail(unit, account_id, request.mail))


async def _own(unit: UnitOfWork, account: Account) -> pb.Account:
    """One's own account, with what nobody else is told of it."""
    told, change = message(account), await address_changes.pending(unit, account.id)
    if change is not None:
        told.address_change.mail = change.new_mail
        told.address_change.expires_at.FromDatetime(change.asked_at + CONFIRMED_WITHIN)
        told.address_change.alone_from.FromDatetime(change.asked_at + ALONE_AFTER)
        told.address_change.new_confirmed = change.new_confirmed_at is not None
        told.address_change.old_confirmed = change.old_confirmed_at is not None
    return told


def message(account: Account) -> pb.Account:
    """An account as it travels."""
    return pb.Account(
        id=str(account.id),
        kind=_KINDS[AccountKind(account.kind)],
        state=_STATES[AccountState(account.state)],
        mail=account.mail,
        identifier=account.identifier,
        given_name=account.given_name,
        family_name=account.family_name,
        locale=account.locale,
        organisation_id=str(account.organisation_id or ""),
        last_sign_in=timestamp(account.last_sign_in_at),
        created_at=timestamp(account.created_at),
        directory=account.directory,
    )


def timestamp(when: datetime | None) -> Timestamp | None:
    """A moment as it travels; None stays unset."""
    if when is None:
        return None
    made = Timestamp()
    made.FromDatetime(when)
    return made


def moment_of(message: Message, field: str) -> datetime | None:
    """The same when it arrives, UTC. Raises INVALID malformed_request for what is in no calendar."""
    if not message.HasField(field):
        return None
    try:
        moment: datetime = getattr(message, field).ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise invalid("malformed_request", [Violation(field, "not_a_moment")]) from None
    return moment
