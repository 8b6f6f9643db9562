"""Whose account it is that a provider vouches for. Its subject is the key, never an address: those pass from one person
to another, and some providers let people type them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.domain.identifiers import LONGEST_IDENTIFIER, identifier_key, is_identifier, is_mail, mail_key
from parvis_identity.models import Account, AccountKind, AccountState, ProviderKind, SsoIdentity, SsoProvider
from parvis_identity.service import accounts, linking, proven
from parvis_identity.service.mail_domains import of_address
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.sso import colleagues
from parvis_identity.service.sso.upstream import Assertion, Refused
from parvis_identity.store import accounts as account_store
from parvis_identity.store import scim_users as scim_store
from parvis_identity.store import sso as store
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import UnitOfWork

#: Claims that say something of the answer rather than of the person.
_OF_THE_ANSWER = frozenset({
    "iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "jti", "at_hash", "c_hash", "s_hash", "sid", "auth_time", "acr",
    "amr", "typ", "uti", "rh", "aio", "ver", "session_state",
})  # fmt: skip
#: Which claim is `externalId` of SCIM, where the firm names none: the first that is there, else the subject.
_MATCHED: Mapping[str, Sequence[str]] = {ProviderKind.OIDC: ("oid", "sub")}
#: SsoProvider.template.
_ENTRA = "entra"
_LONGEST_NAME = 100
_MOST_SUFFIXES = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A personal account that seems to be the person's: they have to prove it before anything is linked."""

    account_id: UUID


@dataclass(frozen=True, slots=True)
class Came:
    """The account that the provider vouches for."""

    account: Account
    made: bool = False


class Arrivals:
    """See the module."""

    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations

    async def of(
        self, unit: UnitOfWork, provider: SsoProvider, assertion: Assertion, invited: UUID | None = None
    ) -> Came | Candidate:
        """The account of whoever came, made where there is none; `invited`: the account whose invitation they opened.
        The unit is in the provider's organisation. Raises Refused.
        """
        came = await self._found(unit, provider, assertion)
        if isinstance(came, Came):
            return came
        account = await account_store.lock(unit, came.account_id)
        if account is None or account.state != AccountState.PENDING:
            return came
        if not await account_store.is_invited(unit, account.id, provider.organisation_id):
            return came
        if account.id != invited:
            raise Refused("invitation_first", "Whoever has the address was invited, and has not opened the invitation.")
        # Both sides are proven: the mailbox by the link of the invitation, the person by the firm's provider.
        await self.prove(unit, provider, assertion, account)
        accounts.activate(unit, account)
        await account_store.revoke_links(unit, account.id)
        await proven.send_all(unit, account)
        await unit.enter(provider.organisation_id)
        return Came(account)

    async def _found(self, unit: UnitOfWork, provider: SsoProvider, assertion: Assertion) -> Came | Candidate:
        known = await store.came_again(unit, provider.id, assertion.subject)
        if known is None:
            # Who comes for the first time in two browsers at once is one person: the second waits, and looks again.
            await store.one_at_a_time(unit, provider.id, assertion.subject)
            known = await store.came_again(unit, provider.id, assertion.subject)
        if known is not None:
            return Came(await self._known(unit, provider, assertion, known))
        provisioned = await _provisioned(unit, provider, assertion)
        if provisioned is not None:
            if (colleague := await self._beside(unit, provider, assertion, provisioned)) is not None:
                return colleague
            account = await self._known(unit, provider, assertion, await account_store.lock(unit, provisioned))
            if account.organisation_id != provider.organisation_id:  # somebody's own: linked by their own proof alone
                return Candidate(account.id)
            await link(unit, provider, assertion.subject, account)
            return Came(account)
        if (candidate := await self._somebody(unit, provider, assertion)) is not None:
            return candidate
        account = await _make(unit, provider, assertion)
        await link(unit, provider, assertion.subject, account)
        return Came(account, made=True)

    async def prove(self, unit: UnitOfWork, provider: SsoProvider, assertion: Assertion, account: Account) -> None:
        """Links a Candidate who proved to be the person: what SCIM made beside them gives way. Raises Refused."""
        made = await _provisioned(unit, provider, assertion)
        if made not in {None, account.id}:
            await colleagues.give_way(unit, made, account.id)
        await link(unit, provider, assertion.subject, account)
        firm = await self._organisations.face_by_id(provider.organisation_id)
        linking.tell_directory(unit, account, provider.name, firm.name if firm else provider.organisation_slug)

    async def _known(
        self, unit: UnitOfWork, provider: SsoProvider, assertion: Assertion, found: Account | None
    ) -> Account:
        """The account, names and address as its firm's directory has them: kept from others where they change."""
        account = _open(found)
        if not account.directory or account.organisation_id != provider.organisation_id:
            return account
        if not await self._news(unit, provider, assertion, account):
            return account
        account = _open(await account_store.lock(unit, account.id))
        if said := await self._news(unit, provider, assertion, account):
            account.sqlmodel_update(said)
            accounts.tell_changed(unit, account)
            unit.record("account.followed_directory", target_kind="account", target_id=account.id)
        return account

    async def _news(
        self, unit: UnitOfWork, provider: SsoProvider, assertion: Assertion, account: Account
    ) -> dict[str, str]:
        """Names and address that the directory says otherwise than the account."""
        mail = assertion.mail.strip()
        if not is_mail(mail) or (
            mail_key(mail) != mail_key(account.mail) and await self._elsewhere(unit, provider, mail)
        ):
            mail = account.mail
        said = {
            "mail": mail,
            "given_name": _name(assertion.given_name) or account.given_name,
            "family_name": _name(assertion.family_name) or account.family_name,
        }
        return {name: value for name, value in said.items() if getattr(account, name) != value}

    async def _somebody(self, unit: UnitOfWork, provider: SsoProvider, assertion: Assertion) -> Candidate | None:
        """A member of the firm who signs in with a personal account of that address. Raises Refused when the address is
        somebody else's.
        """
        mail = mail_key(assertion.mail)
        if not is_mail(mail):
            return None
        found = await store.accounts_with(unit, mail)
        if (colleague := await self._colleague(provider, found)) is not None:
            return Candidate(colleague)
        if await self._elsewhere(unit, provider, mail, found):
            detail = "The address that the provider says belongs to an account outside the firm."
            raise Refused("address_of_another_account", detail)
        return None

    async def _beside(
        self, unit: UnitOfWork, provider: SsoProvider, assertion: Assertion, made: UUID
    ) -> Candidate | None:
        """A colleague beside whom SCIM made an account that nobody has used yet: they were here before their directory.
        Whom the directory sends besides is another person.
        """
        mail = mail_key(assertion.mail)
        if not is_mail(mail) or not await store.is_unused(unit, made):
            return None
        colleague = await self._colleague(provider, await store.accounts_with(unit, mail))
        if colleague is None or await scim_store.of_account(unit, colleague) is not None:
            return None
        return Candidate(colleague)

    async def _colleague(self, provider: SsoProvider, found: Sequence[tuple[UUID, UUID | None]]) -> UUID | None:
        """Of accounts with one address, the personal one of a member of the firm."""
        personal = next((account_id for account_id, firm in found if firm is None), None)
        if personal is None or not await self._is_staff(personal, provider.organisation_id):
            return None
        return personal

    async def _elsewhere(
        self,
        unit: UnitOfWork,
        provider: SsoProvider,
        mail: str,
        found: Sequence[tuple[UUID, UUID | None]] | None = None,
    ) -> bool:
        """Whether an address belongs to an account outside the firm, and the firm has not shown that its domain is its
        own.
        """
        found = await store.accounts_with(unit, mail_key(mail)) if found is None else found
        if all(firm == provider.organisation_id for _, firm in found):
            return False
        return not await store.is_verified(unit, provider.organisation_id, of_address(mail))

    async def _is_staff(self, account_id: UUID, organisation_id: UUID) -> bool:
        try:
            membership = await self._organisations.membership(account_id, organisation_id)
        except ServiceError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            return False
        return membership.kind == "staff" and membership.account_id in {None, account_id}


def _open(account: Account | None) -> Account:
    if account is None or account.state != AccountState.ACTIVE:
        raise Refused("account_closed", "The account that the provider vouches for is closed.")
    return account


async def link(unit: UnitOfWork, provider: SsoProvider, subject: str, account: Account) -> None:
    """From now on the provider means this account by the subject."""
    unit.add(
        SsoIdentity(
            provider_id=provider.id,
            subject=subject,
            account_id=account.id,
            organisation_id=provider.organisation_id,
            created_at=unit.now,
            last_sign_in_at=unit.now,
        )
    )
    await unit.flush()
    unit.record("sso.linked", target_kind="account", target_id=account.id, provider=str(provider.id), kind=account.kind)


def person_of(unit: UnitOfWork, account: Account, assertion: Assertion) -> pb.DirectoryPerson:
    """What tenancy hears of whoever came."""
    claims = assertion.claims
    said = {name: values for name, values in claims.items() if name not in _OF_THE_ANSWER}
    locale = claims.get("locale", ("",))[0][:2].lower()
    return pb.DirectoryPerson(
        account_id=str(account.id),
        version=int(unit.now.timestamp() * 1_000_000),
        user_name=assertion.user_name,
        mail=account.mail,
        given_name=account.given_name,
        family_name=account.family_name,
        locale=locale if locale in accounts.LOCALES else "",
        groups=assertion.groups,
        groups_said=True,
        claims={name: pb.DirectoryValues(values=values) for name, values in said.items()},
        active=True,
        source=pb.DIRECTORY_SOURCE_SIGN_IN,
    )


async def _provisioned(unit: UnitOfWork, provider: SsoProvider, assertion: Assertion) -> UUID | None:
    """The account that the firm's directory made over SCIM for whoever came: by the identifier that both call the
    person by; else by the user name, where its domain is one that the firm has shown to be its own. Raises Refused
    known_elsewhere: one provider at a time says who somebody is.
    """
    named = (provider.scim_match,) if provider.scim_match else _MATCHED.get(provider.kind, ())
    values = next((assertion.claims[each] for each in named if each in assertion.claims), (assertion.subject,))
    names = {mail_key(each) for each in _names(provider, assertion) if each}
    own = [each for each in names if await store.is_verified(unit, provider.organisation_id, of_address(each))]
    found = await store.provisioned(unit, values[:1], own)
    if not found:
        return None
    account_id, known = found[0]
    if known:
        raise Refused("known_elsewhere", "Another provider of the firm, which is in use, knows the person already.")
    return account_id


def _names(provider: SsoProvider, assertion: Assertion) -> Sequence[str]:
    """What the directory calls whoever came, as far as they cannot write it themselves. Of OpenID Connect that is the
    address that was verified; a user name (`preferred_username`) is nobody's proof (OpenID Connect Core 1.0, 5.7), but
    for Entra ID's, which its administrators alone write.
    """
    if provider.kind == ProviderKind.SAML or provider.template == _ENTRA:
        return assertion.user_name, assertion.mail
    said = assertion.claims.get("email_verified", ())
    return (assertion.mail,) if said and said[0].lower() == "true" else ()


async def _make(unit: UnitOfWork, provider: SsoProvider, assertion: Assertion) -> Account:
    """A managed account of the firm, in use from the start, without a password."""
    mail = assertion.mail.strip()
    wanted = next(
        (each for each in (mail, assertion.user_name, assertion.subject) if each and is_identifier(each)), "sso"
    )
    locale = assertion.claims.get("locale", ("",))[0][:2].lower()
    account = Account(
        kind=AccountKind.MANAGED,
        organisation_id=provider.organisation_id,
        identifier=await _free(unit, provider.organisation_id, wanted),
        mail=mail if is_mail(mail) else "",
        given_name=_name(assertion.given_name),
        family_name=_name(assertion.family_name),
        locale=locale if locale in accounts.LOCALES else accounts.LOCALES[0],
        created_at=unit.now,
        activated_at=unit.now,
        state=AccountState.ACTIVE,
        directory=True,
    )
    account.identifier_key = identifier_key(account.identifier)
    if await account_store.insert_unless_there(unit, account) is not account:
        raise Refused("arrived_twice", "Another person of the same name arrived at this moment.")
    unit.record(
        "account.created", target_kind="account", target_id=account.id, kind=account.kind, provider=str(provider.id)
    )
    made: Account | None = await unit.get(Account, account.id)
    return made or account


async def _free(unit: UnitOfWork, organisation_id: UUID, wanted: str) -> str:
    """An identifier that nobody of the firm has."""
    wanted = wanted[: LONGEST_IDENTIFIER - 5]
    await store.one_at_a_time(unit, organisation_id, identifier_key(wanted))
    taken = await store.taken_identifiers(unit, organisation_id, identifier_key(wanted))
    if identifier_key(wanted) not in taken:
        return wanted
    free = (each for n in range(2, _MOST_SUFFIXES + 2) if identifier_key(each := f"{wanted}~{n}") not in taken)
    return next(free)


def _name(said: str) -> str:
    """A name as it can be kept: it stands in mails."""
    name = said.strip()[:_LONGEST_NAME]
    return name if accounts.wrong_name("name", name) is None else ""
