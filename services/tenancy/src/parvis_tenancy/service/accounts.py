"""What tenancy asks of identity."""

from dataclasses import dataclass
from uuid import UUID

from parvis.identity.v1 import identity_pb2, identity_pb2_grpc
from parvis_kit.errors import precondition


@dataclass(frozen=True, slots=True)
class PersonName:
    """Who somebody is, and the language they read."""

    given_name: str
    family_name: str
    locale: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity's stubs. Calls carry the caller of the request, or the organisation that tenancy acts for."""

    accounts: identity_pb2_grpc.AccountServiceStub
    clients: identity_pb2_grpc.ClientServiceStub
    passwords: identity_pb2_grpc.PasswordServiceStub

    async def personal_account(self, mail: str, name: PersonName) -> identity_pb2.Account:
        """The personal account of a mail address, made when there is none."""
        return await self.accounts.EnsurePersonalAccount(
            identity_pb2.EnsurePersonalAccountRequest(
                mail=mail, given_name=name.given_name, family_name=name.family_name, locale=name.locale
            )
        )

    async def account(self, account_id: UUID) -> identity_pb2.Account:
        """An account as it is now. Raises PRECONDITION account_closed where nobody signs in with it any more."""
        found = await self.accounts.BatchGetAccounts(identity_pb2.BatchGetAccountsRequest(ids=[str(account_id)]))
        if not found.accounts or found.accounts[0].state == identity_pb2.ACCOUNT_STATE_DISABLED:
            raise precondition("account_closed")
        return found.accounts[0]

    async def managed_account(
        self, account_id: UUID, identifier: str, mail: str, name: PersonName
    ) -> identity_pb2.Account:
        """The account of the firm under an id that the caller chose. Raises CONFLICT identifier_taken."""
        return await self.accounts.CreateManagedAccount(
            identity_pb2.CreateManagedAccountRequest(
                id=str(account_id),
                identifier=identifier,
                mail=mail,
                given_name=name.given_name,
                family_name=name.family_name,
                locale=name.locale,
            )
        )

    async def activation_link(self, link_id: UUID, account_id: str, slug: str) -> str:
        """The address with which an account gets its first password."""
        link = await self.accounts.MintLink(
            identity_pb2.MintLinkRequest(
                link_id=str(link_id),
                account_id=account_id,
                purpose=identity_pb2.LINK_PURPOSE_ACTIVATION,
                organisation_slug=slug,
            )
        )
        return link.url

    async def revoke_links(self, account_id: UUID) -> None:
        """Links that were sent for the organisation stop working."""
        await self.accounts.RevokeLinks(identity_pb2.RevokeLinksRequest(account_id=str(account_id)))

    async def correct_mail(self, account_id: UUID, mail: str) -> None:
        """Mails for an account of the firm go to another address. Raises INVALID account_invalid."""
        request = identity_pb2.CorrectManagedMailRequest(account_id=str(account_id), mail=mail)
        await self.accounts.CorrectManagedMail(request)
