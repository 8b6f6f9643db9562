"""Accounts that come from another platform (requirements P4, D1): from a file, with the hashes of their passwords.

An import only adds. An account that is there already stays as it is, whatever the file says: its owner may have signed
in, changed their name or their password since. So the same file can be imported again, after an interruption or after
its broken lines were mended, and nothing happens twice.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.foreign_hashes import Unusable, recognise
from parvis_identity.domain.identifiers import identifier_key, is_identifier, is_mail, mail_key
from parvis_identity.domain.links import Purpose
from parvis_identity.models import Account, AccountKind, AccountState, Link
from parvis_identity.service.accounts import LOCALES, wrong_name
from parvis_identity.service.import_files import Line
from parvis_identity.service.links import new_link
from parvis_identity.service.organisations import Face, Organisations
from parvis_identity.store import imports as store
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork

#: Accounts of one transaction, at most; and lines that are in memory at once.
BATCH = 500
#: What Django writes where nobody has a password.
_NO_PASSWORD = "!"  # noqa: S105 - a mark, not a secret
_STATUSES = {"": AccountState.ACTIVE, "active": AccountState.ACTIVE, "disabled": AccountState.DISABLED}
_CALLER = Caller("identity")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line: `created`, `unchanged` (there is such an account) or `refused`, and why."""

    line: int
    outcome: str
    organisation: str = ""
    identifier: str = ""
    reason: str = ""
    params: dict[str, str] = field(default_factory=dict)


#: Keeps what became of lines.
Note = Callable[[UnitOfWork, Sequence[Outcome]], Awaitable[None]]


class Refused(Exception):
    """Why a line makes no account."""

    def __init__(self, reason: str, **params: str) -> None:
        super().__init__(reason)
        self.reason, self.params = reason, params


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A line that makes an account, when there is none."""

    line: int
    account: Account
    password_hash: str
    firm: Face | None

    @property
    def slug(self) -> str:
        """The organisation's, empty for a personal account."""
        return self.firm.slug if self.firm else ""


class Importer:
    """One import. With `mail`, each new account is written to, with a link; with `dry_run`, nothing is written."""

    def __init__(
        self,
        database: Database,
        organisations: Organisations,
        link_secret: bytes,
        *,
        mail: bool = False,
        dry_run: bool = False,
        note: Note | None = None,
    ) -> None:
        """`note`: called with what became of lines, in the transaction that made it so."""
        self._database = database
        self._organisations = organisations
        self._link_secret = link_secret
        self._mail = mail
        self._dry_run = dry_run
        self._note = note
        self._faces: dict[str, Face | None] = {}
        #: Eight bytes for each account of the file, and its line: a file that names one twice is told.
        self._seen: dict[bytes, int] = {}

    async def run(self, lines: Iterable[Line], *, known: Container[int] = ()) -> AsyncIterator[Outcome]:
        """What becomes of each line, in the order of the file, told once its batch is committed. Raises UNAVAILABLE
        when tenancy or the database cannot be reached: what was told until then is done. `known`: numbers of lines that
        an earlier run was through with; they are only looked at.
        """
        remaining = iter(lines)
        while batch := list(islice(remaining, BATCH)):
            outcomes: list[Outcome] = []
            newcomers: list[Newcomer] = []
            for line in batch:
                try:
                    newcomer = await self._newcomer(line)
                except Refused as why:
                    if line.number not in known:
                        outcomes.append(_outcome(line, "refused", why.reason, why.params))
                else:
                    if line.number not in known:
                        newcomers.append(newcomer)
            if self._note is not None and outcomes:
                async with self._database.begin(_CALLER) as unit:
                    await self._note(unit, outcomes)
            for firm_id in dict.fromkeys(each.account.organisation_id for each in newcomers):
                group = [each for each in newcomers if each.account.organisation_id == firm_id]
                outcomes += await self._add(firm_id, group)
            for outcome in sorted(outcomes, key=lambda each: each.line):
                yield outcome

    async def _newcomer(self, line: Line) -> Newcomer:
        if line.reason:
            raise Refused(line.reason, **line.params)
        said = line.fields
        slug = said.get("organisation", "")
        firm = await self._firm(slug) if slug else None
        encoded = _usable(said.get("password_hash", ""))
        account = _managed(said, firm) if firm else _personal(said)
        state = _STATUSES.get(said.get("status", "").lower())
        if state is None:
            raise Refused("status_unknown")
        if not encoded and not account.mail:
            raise Refused("no_way_in")
        pending = state == AccountState.ACTIVE and not encoded
        account.state = AccountState.PENDING if pending else state
        self._once(account, line.number)
        return Newcomer(line.number, account, encoded, firm)

    async def _firm(self, slug: str) -> Face:
        if slug not in self._faces:
            self._faces[slug] = await self._organisations.face(slug)
        firm = self._faces[slug]
        if firm is None:
            raise Refused("organisation_unknown")
        return firm

    def _once(self, account: Account, line: int) -> None:
        named = f"{account.organisation_id or ''}\0{account.identifier_key}"
        first = self._seen.setdefault(blake2b(named.encode(), digest_size=8).digest(), line)
        if first != line:
            raise Refused("twice_in_file", first=str(first))

    async def _add(self, firm_id: UUID | None, group: Sequence[Newcomer]) -> list[Outcome]:
        async with self._database.begin(_CALLER, organisation_id=firm_id) as unit:
            there = await store.there(unit, firm_id, [each.account.identifier_key for each in group])
            new = [each for each in group if each.account.identifier_key not in there]
            if not self._dry_run:
                created = await self._create(unit, new)
                if len(created) < len(new):  # somebody else made them at this moment
                    there |= await store.there(unit, firm_id, [each.account.identifier_key for each in new])
                    new = [each for each in new if each.account.id in created]
            added = {each.line for each in new}
            outcomes = [
                _told(each, "created") if each.line in added else _unchanged(each, there[each.account.identifier_key])
                for each in group
            ]
            if self._note is not None:
                await self._note(unit, outcomes)
        return outcomes

    async def _create(self, unit: UnitOfWork, new: Sequence[Newcomer]) -> set[UUID]:
        created = await store.insert_accounts(unit, [each.account for each in new])
        made = [each for each in new if each.account.id in created]
        await store.insert_hashes(unit, [(each.account.id, each.password_hash) for each in made if each.password_hash])
        links = [self._link(unit, each) for each in made]
        await store.insert_links(unit, [link for link, each in zip(links, made, strict=True) if _is_invited(each)])
        for each, link in zip(made, links, strict=True):
            account = each.account
            unit.record(
                "account.imported",
                target_kind="account",
                target_id=account.id,
                kind=account.kind,
                state=account.state,
                password=recognise(each.password_hash).kind if each.password_hash else "",
            )
            if self._mail and account.mail and account.state != AccountState.DISABLED:
                unit.emit(_event(each, link.id), aggregate_id=account.id)
        return created

    def _link(self, unit: UnitOfWork, newcomer: Newcomer) -> Link:
        return new_link(
            unit,
            self._link_secret,
            uuid7(),
            Purpose.ACTIVATION,
            newcomer.account.id,
            organisation_id=newcomer.account.organisation_id,
            organisation_slug=newcomer.slug,
        )


def _is_invited(newcomer: Newcomer) -> bool:
    """Whether the import is an invitation: who has no password yet may ask for a link, or gets one by mail."""
    return newcomer.account.state == AccountState.PENDING


def _usable(encoded: str) -> str:
    if not encoded or encoded.startswith(_NO_PASSWORD):
        return ""
    try:
        recognise(encoded)
    except Unusable as why:
        raise Refused(f"hash_{why.reason}") from why
    return encoded


def _personal(said: dict[str, str]) -> Account:
    mail = said.get("mail", "")
    if said.get("identifier", "") and mail_key(said["identifier"]) != mail_key(mail):
        raise Refused("identifier_without_organisation")
    if not is_mail(mail):
        raise Refused("mail_wrong")
    return _account(said, None, mail, mail_key(mail))


def _managed(said: dict[str, str], firm: Face) -> Account:
    identifier, mail = said.get("identifier", ""), said.get("mail", "")
    if not is_identifier(identifier):
        raise Refused("identifier_wrong")
    if mail and not is_mail(mail):
        raise Refused("mail_wrong")
    return _account(said, firm.id, identifier, identifier_key(identifier))


def _account(said: dict[str, str], firm_id: UUID | None, identifier: str, key: str) -> Account:
    for name in ("given_name", "family_name"):
        if (wrong := wrong_name(name, said.get(name, ""))) is not None:
            raise Refused(f"name_{wrong.reason}", field=name, **wrong.params)
    locale = said.get("locale", "").lower().replace("_", "-").partition("-")[0]
    if locale and locale not in LOCALES:
        raise Refused("locale_unknown")
    return Account(
        kind=AccountKind.PERSONAL if firm_id is None else AccountKind.MANAGED,
        organisation_id=firm_id,
        identifier=identifier,
        identifier_key=key,
        mail=said.get("mail", ""),
        given_name=said.get("given_name", ""),
        family_name=said.get("family_name", ""),
        locale=locale or LOCALES[0],
        created_at=datetime.now(UTC),
    )


def _unchanged(newcomer: Newcomer, there: store.There) -> Outcome:
    """An account that is there: the same, or with a word about where the file says something else."""
    account = newcomer.account
    differs = [
        name
        for name in ("mail", "given_name", "family_name", "locale")
        if getattr(account, name) != getattr(there, name)
    ]
    if (account.state == AccountState.DISABLED) != (there.state == AccountState.DISABLED):
        differs.append("status")
    if newcomer.password_hash and not there.signs_in_here and newcomer.password_hash != there.password_hash:
        differs.append("password_hash")
    reasons = ("" if there.imported else "was_there", "differs" if differs else "")
    params = {"fields": ", ".join(differs)} if differs else {}
    return _told(newcomer, "unchanged", "_".join(filter(None, reasons)), params)


def _told(newcomer: Newcomer, outcome: str, reason: str = "", params: dict[str, str] | None = None) -> Outcome:
    return Outcome(newcomer.line, outcome, newcomer.slug, newcomer.account.identifier, reason, params or {})


def _outcome(line: Line, outcome: str, reason: str, params: dict[str, str]) -> Outcome:
    identifier = line.fields.get("identifier", "") or line.fields.get("mail", "")
    return Outcome(line.number, outcome, line.fields.get("organisation", "")[:100], identifier[:254], reason, params)


def _event(newcomer: Newcomer, link_id: UUID) -> events_pb2.AccountImported:
    account = newcomer.account
    return events_pb2.AccountImported(
        account_id=str(account.id),
        mail=account.mail,
        identifier=account.identifier,
        given_name=account.given_name,
        family_name=account.family_name,
        locale=account.locale,
        link_id=str(link_id),
        organisation_slug=newcomer.slug,
    )
