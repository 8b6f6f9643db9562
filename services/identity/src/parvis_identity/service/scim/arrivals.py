"""Users that a directory sends for the first time, with the accounts that they get: a new one of the firm; the one
that a provider vouched for under the same identifier before the directory sent it; or the one that they had when the
directory deleted them. The identifier is the directory's own (`externalId`), never an address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from parvis_identity.domain.identifiers import LONGEST_IDENTIFIER, identifier_key, is_identifier
from parvis_identity.domain.scim.refusals import ScimRefusal, taken
from parvis_identity.domain.scim.resources import Document, compared
from parvis_identity.domain.scim.schemas import USERS
from parvis_identity.models import Account, AccountKind, AccountState, ScimUser
from parvis_identity.service import accounts
from parvis_identity.service.scim import addresses, people
from parvis_identity.service.scim.people import Person
from parvis_identity.store import scim as log_store
from parvis_identity.store import scim_users as store
from parvis_identity.store import scim_writing as writing
from parvis_identity.store.scim_users import Row
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

#: Of an account that stays closed: its directory is not who closed it.
CLOSED = "closed_by_operator"


@dataclass(frozen=True, slots=True)
class New:
    """Somebody who is to be made."""

    id: UUID
    document: Document
    person: Person


async def create(
    unit: UnitOfWork, token_id: UUID, wanted: Sequence[New], *, foreign: frozenset[str]
) -> list[Row | ScimRefusal]:
    """Makes users; what became of each, in their order. `foreign`: addresses of somebody else. Raises
    asyncpg.UniqueViolationError when a sign-in took an identifier at this moment.
    """
    await log_store.one_at_a_time(unit, "scim users")
    chosen, outcomes = await _acceptable(unit, wanted, foreign)
    if chosen:
        known = await _accounts_of(unit, chosen)
        fresh = [each for each in chosen if each.id not in known]
        made = await _new_accounts(unit, fresh)
        await writing.insert_accounts(unit, list(made.values()))
        rows = [_row(unit, each, known.get(each.id) or made[each.id].id) for each in chosen]
        await writing.insert_users(unit, rows)
        groups_said = await store.has_groups(unit)
        notes = list[dict[str, str]]()
        for each, row in zip(chosen, rows, strict=True):
            if each.id in known:
                notes += await _taken_over(unit, row.account_id, each.person)
            else:
                unit.record("account.created", target_kind="account", target_id=row.account_id, kind="managed")
            people.tell(unit, row.account_id, each.person, row.version, (), groups_said=groups_said)
            unit.record("scim.user_created", target_kind="account", target_id=row.account_id)
        await log_store.note(unit, token_id, {"created": len(chosen)}, notes)
    found: dict[UUID, Row] = {row["id"]: row for row in await store.users(unit, [each.id for each in chosen])}
    return [found[each] if isinstance(each, UUID) else each for each in outcomes]


async def _acceptable(
    unit: UnitOfWork, wanted: Sequence[New], foreign: frozenset[str]
) -> tuple[list[New], list[UUID | ScimRefusal]]:
    names = [each.person.name_key for each in wanted]
    externals = [each.person.external_id for each in wanted if each.person.external_id]
    there = await store.taken(unit, names, externals)
    used_names = {row["user_name_key"] for row in there}
    used_externals = {row["external_id"] for row in there}
    chosen: list[New] = []
    outcomes: list[UUID | ScimRefusal] = []
    for each in wanted:
        person, why = each.person, None
        if person.name_key in used_names:
            why = taken("Another user has that userName.")
        elif person.external_id and person.external_id in used_externals:
            why = taken("Another user has that externalId.")
        elif person.addresses & foreign:
            why = addresses.refusal()
        if why is None:
            chosen.append(each)
            used_names.add(person.name_key)
            used_externals.add(person.external_id)
        outcomes.append(why or each.id)
    return chosen, outcomes


async def _accounts_of(unit: UnitOfWork, chosen: Sequence[New]) -> dict[UUID, UUID]:
    """Accounts that are there for some of them already."""
    externals = [each.person.external_id for each in chosen if each.person.external_id]
    if not externals:
        return {}
    signed_in, gone = await store.known_to_sso(unit, externals), await store.gone(unit, externals)
    by_external = gone | signed_in
    found = {each.id: by_external[each.person.external_id] for each in chosen if each.person.external_id in by_external}
    return found if len(set(found.values())) == len(found) else {}


async def _new_accounts(unit: UnitOfWork, chosen: Sequence[New]) -> dict[UUID, Account]:
    wished = {each.id: _wished(each.person) for each in chosen}
    used = await writing.taken_identifiers(unit, [identifier_key(each) for each in wished.values()])
    made = {}
    for each in chosen:
        identifier = wished[each.id]
        if identifier_key(identifier) in used:
            identifier = f"{identifier[: LONGEST_IDENTIFIER - 13]}~{each.id.hex[-12:]}"
        used.add(identifier_key(identifier))
        person = each.person
        made[each.id] = Account(
            id=uuid7(),
            kind=AccountKind.MANAGED,
            organisation_id=unit.organisation_id,
            identifier=identifier,
            identifier_key=identifier_key(identifier),
            mail=person.mail,
            given_name=person.given_name,
            family_name=person.family_name,
            locale=person.locale or accounts.LOCALES[0],
            created_at=unit.now,
            activated_at=unit.now,
            state=AccountState.ACTIVE if person.active else AccountState.DISABLED,
            directory=True,
            closed_by_directory=not person.active,
        )
    return made


def _wished(person: Person) -> str:
    return next((each for each in (person.mail, person.user_name, person.external_id) if is_identifier(each)), "scim")


async def _taken_over(unit: UnitOfWork, account_id: UUID, person: Person) -> list[dict[str, str]]:
    """An account that was there: as the directory has it from now on. Answers as `let_in`."""
    await writing.lock_account(unit, account_id)
    await follow(unit, account_id, person)
    return await let_in(unit, account_id, person) if person.active else []


async def let_in(unit: UnitOfWork, account_id: UUID, person: Person) -> list[dict[str, str]]:
    """Opens the account of somebody whom the directory lets in again, as far as it was the directory that closed it:
    what stays closed is a note in its log. The account is locked.
    """
    if await writing.reopen_account(unit, account_id):
        unit.record("account.reopened", target_kind="account", target_id=account_id)
    account = await writing.lock_account(unit, account_id)
    if account is None or not account["directory"] or account["state"] != AccountState.DISABLED:
        return []
    unit.record("scim.reopening_refused", target_kind="account", target_id=account_id, check=CLOSED)
    detail = "The account was closed by the portal's operator, and stays so."
    return [{"what": "User", "name": person.user_name, "check": CLOSED, "detail": detail}]


async def follow(unit: UnitOfWork, account_id: UUID, person: Person) -> None:
    """Keeps an account of the firm as its directory has it."""
    said = {"given_name": person.given_name, "family_name": person.family_name, "mail": person.mail}
    if person.locale:
        said["locale"] = person.locale
    await writing.follow(unit, account_id, **said)


def _row(unit: UnitOfWork, new: New, account_id: UUID) -> ScimUser:
    return ScimUser(
        id=new.id,
        organisation_id=unit.organisation_id,
        account_id=account_id,
        user_name=new.person.user_name,
        user_name_key=new.person.name_key,
        external_id=new.person.external_id,
        active=new.person.active,
        document=new.document,
        compared=compared(
            new.document | {"active": new.person.active}, USERS, id=str(new.id), created=unit.now, changed=unit.now
        ),
        version=people.version_after(unit),
        created_at=unit.now,
        changed_at=unit.now,
    )
