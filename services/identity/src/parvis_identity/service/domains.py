"""Mail domains of firms: said to be theirs, proven, looked at again, removed.

A domain that is not proven does nothing at all. The first organisation that proves one has it; a second one is refused,
and the first is told, unless the second proves it by DNS: the record decides, and where both have one, both have it.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.domain import domains as rules
from parvis_identity.domain.domains import Checked, DomainState, Found, Method, Proof
from parvis_identity.domain.links import LinkState, Purpose, digest_of, token_of
from parvis_identity.models import SsoDomain
from parvis_identity.service import mail_domains
from parvis_identity.service.dns_proofs import DnsProofs
from parvis_identity.service.mail_domains import Unfit
from parvis_identity.service.organisations import Face, Organisations
from parvis_identity.store import domains as store
from parvis_kit.caller import Caller
from parvis_kit.errors import Violation, conflict, forbidden, invalid, limit, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.server import Begin
from parvis_kit.unit import Database, UnitOfWork
from parvis_watch import jobs

RIGHT = "sign_in.manage"
MOST = 50
#: A person who asks again and again asks the DNS of somebody else again and again.
_ASKED_AGAIN = timedelta(seconds=5)
_TOLD_AGAIN = timedelta(days=1)
_AT_ONCE, _LEASE, _LOOK_EVERY = 20, timedelta(minutes=5), 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """A domain, and whether it counts for another organisation too."""

    domain: SsoDomain
    held_by_another: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What can be said about the link of a postmaster's mail."""

    state: LinkState
    domain: SsoDomain | None = None
    #: Another organisation has proven it meanwhile.
    held: bool = False


class Domains:
    """See DomainService."""

    def __init__(
        self, database: Database, dns: DnsProofs, organisations: Organisations, secret: bytes, *, public_url: str
    ) -> None:
        """`secret`: of links."""
        self._database = database
        self._dns = dns
        self._organisations = organisations
        self._secret = secret
        self._public_url = public_url.rstrip("/")
        self._self = Caller("identity")

    async def listed(self, unit: UnitOfWork) -> Sequence[Told]:
        """The firm's own. Raises FORBIDDEN right_missing."""
        await self._allowed()
        found = await store.of_organisation(unit, unit.organisation_id)
        held = await store.held_elsewhere(unit, unit.organisation_id)
        return [Told(each, each.domain in held) for each in found]

    async def add(self, begin: Begin, typed: str, *, beside_another: bool) -> Told:
        """One more, to be proven. Raises as DomainService.AddDomain."""
        async with begin() as unit:
            await self._allowed()
            try:
                name = mail_domains.registrable(typed)
            except Unfit as unfit:
                raise invalid("domain_invalid", [Violation("name", str(unfit))]) from unfit
            home = unit.organisation_id
            others = await store.others(unit, name, home)
            face = await self._face(unit)
        if others.any:
            await self._tell_others(name, home, "domain_claimed")
        async with begin() as unit:
            await store.hold_name(unit, name)
            others = await store.others(unit, name, home)
            if await store.count(unit, home) >= MOST:
                raise limit("too_many_domains", limit=str(MOST))
            row = SsoDomain(
                organisation_id=home,
                organisation_slug=face.slug,
                domain=name,
                token=secrets.token_hex(16),
                next_check_at=unit.now + timedelta(minutes=1),
                created_at=unit.now,
            )
            if others.any and not beside_another:
                unit.record("sso_domain.refused", target_kind="domain", target_id=name, why="domain_held")
                unit.outcome(conflict("domain_held", domain=name))
            elif not await store.insert_unless_there(unit, row):
                raise conflict("domain_listed", domain=name)
            else:
                unit.record("sso_domain.added", target_kind="domain", target_id=row.id, domain=name)
        return Told(row, others.any)

    async def check(self, begin: Begin, domain_id: UUID) -> Told:
        """Looks now. Raises as DomainService.CheckDomain."""
        async with begin() as unit:
            await self._allowed()
            row = await self._owned(unit, domain_id)
            if row.checked_at is not None and unit.now - row.checked_at < _ASKED_AGAIN:
                raise limit("too_soon", retry_after=str(int(_ASKED_AGAIN.total_seconds())))
            home, name, token = unit.organisation_id, row.domain, row.token
        found = await self._dns.look(name, token)
        await self._warn_others(home, domain_id, name, found)
        async with begin() as unit:
            await store.hold_name(unit, name)
            return await self._conclude(unit, await self._owned(unit, domain_id, lock=True), found)

    async def send_mail(self, unit: UnitOfWork, domain_id: UUID, locale: str) -> Told:
        """Asks the postmaster. Raises as DomainService.SendDomainMail."""
        await self._allowed()
        row = await self._owned(unit, domain_id, lock=True)
        if row.state == DomainState.VERIFIED and row.method == Method.DNS:
            raise precondition("domain_proven", domain=row.domain)
        if (await store.others(unit, row.domain, unit.organisation_id)).any:
            raise precondition("domain_held", domain=row.domain)
        if row.mail_sent_at is not None and unit.now - row.mail_sent_at < rules.MAIL_AGAIN:
            wait = rules.MAIL_AGAIN - (unit.now - row.mail_sent_at)
            raise limit("too_soon", retry_after=str(int(wait.total_seconds()) + 1))
        row.mail_id = uuid7()
        row.mail_digest = digest_of(token_of(self._secret, row.mail_id, Purpose.DOMAIN))
        row.mail_sent_at = unit.now
        face = await self._face(unit)
        mail = f"postmaster@{row.domain}"
        asked = events_pb2.DomainProofAsked(
            link_id=str(row.mail_id), domain=row.domain, mail=mail, organisation_name=face.name,
            organisation_slug=face.slug, locale=locale,
        )  # fmt: skip
        unit.emit(asked, aggregate_id=row.id)
        unit.record("sso_domain.mail_asked", target_kind="domain", target_id=row.id, domain=row.domain)
        return Told(row, held_by_another=False)

    async def remove(self, unit: UnitOfWork, domain_id: UUID) -> None:
        """Removes one. Raises as DomainService.RemoveDomain."""
        await self._allowed()
        row = await self._owned(unit, domain_id, lock=True)
        await store.remove(unit, row.id)
        unit.record("sso_domain.removed", target_kind="domain", target_id=row.id, domain=row.domain, was=row.state)

    # The postmaster's link

    async def mint(self, unit: UnitOfWork, mail_id: UUID) -> tuple[str, datetime]:
        """The address for the mail, and until when it counts. Raises NOT_FOUND, PRECONDITION link_withdrawn."""
        token = token_of(self._secret, mail_id, Purpose.DOMAIN)
        row = await store.by_mail(unit, digest_of(token))
        if row is None or row.organisation_id != unit.organisation_or_none:
            raise precondition("link_withdrawn")
        if _link_state(row, unit.now) is not LinkState.OPEN:
            raise precondition("link_withdrawn")
        return f"{self._public_url}/sso/domains/{token}", unit.now + rules.MAIL_LIFETIME

    async def open(self, token: str) -> Opened:
        """What can be said about a link before it is answered."""
        async with self._database.begin(self._self) as unit:
            return await self._open(unit, token)

    async def answer(self, token: str, *, agreed: bool) -> Opened:
        """What the postmaster says; of two answers the first counts."""
        async with self._database.begin(self._self) as unit:
            opened = await self._open(unit, token, lock=True)
            row = opened.domain
            if opened.state is not LinkState.OPEN or row is None:
                return opened
            await unit.enter(row.organisation_id)
            row.mail_digest = None
            if not agreed:
                row.check_problem = "mail_declined"
                unit.record("sso_domain.declined", target_kind="domain", target_id=row.id, domain=row.domain)
                return Opened(LinkState.REVOKED, row)
            if opened.held:
                row.check_problem = "held_by_another"
                unit.record("sso_domain.refused", target_kind="domain", target_id=row.id, why="domain_held")
                return Opened(LinkState.USED, row, held=True)
            was = row.state
            row.state, row.method, row.verified_at = DomainState.VERIFIED, Method.MAIL, unit.now
            row.check_problem, row.lost_at = "", None
            row.next_check_at = unit.now + timedelta(days=1)
            told = {"domain": row.domain, "method": Method.MAIL.value, "was": was}
            unit.record("sso_domain.verified", target_kind="domain", target_id=row.id, **told)
            return Opened(LinkState.USED, row)

    async def _open(self, unit: UnitOfWork, token: str, *, lock: bool = False) -> Opened:
        row = await store.by_mail(unit, digest_of(token))
        if row is not None and lock:
            await store.hold_name(unit, row.domain)
            row = await store.by_mail(unit, digest_of(token), lock=True)
        if row is None:
            return Opened(LinkState.UNKNOWN)
        others = await store.others(unit, row.domain, row.organisation_id)
        return Opened(_link_state(row, unit.now), row, held=others.any)

    # Checks

    async def check_for_ever(self) -> None:
        """Looks at what is due, for ever."""
        while True:
            if not await self.check_due():
                await jobs.rest("check_domains", _LOOK_EVERY)

    async def check_due(self) -> int:
        """Looks at what is due now; how many there were."""
        async with self._database.begin(self._self) as unit:
            taken = await store.take_due(unit, _AT_ONCE, _LEASE)
            due = [(each.id, each.organisation_id, each.domain, each.token) for each in taken]
        found = await asyncio.gather(*(self._dns.look(name, token) for _, _, name, token in due))
        for (domain_id, home, name, _), what in zip(due, found, strict=True):
            await self._warn_others(home, domain_id, name, what)
            async with self._database.begin(self._self, organisation_id=home) as unit:
                await store.hold_name(unit, name)
                row = await store.lock(unit, domain_id)
                if row is not None:
                    await self._conclude(unit, row, what)
        return len(due)

    async def _conclude(self, unit: UnitOfWork, row: SsoDomain, found: Found) -> Told:
        others, before = await store.others(unit, row.domain, row.organisation_id), row.state
        checked = rules.after_check(_proof(row), found, others, unit.now)
        _apply(row, checked, found, unit.now)
        if row.state != before:
            unit.record(
                f"sso_domain.{row.state}", target_kind="domain", target_id=row.id, domain=row.domain,
                method=row.method, problem=row.check_problem,
            )  # fmt: skip
        _tell(unit, row, checked.news)
        return Told(row, others.any)

    async def _warn_others(self, home: UUID, domain_id: UUID, name: str, found: Found) -> None:
        """Before a domain is proven beside others, they hear of it: what fails after that is found again tomorrow."""
        async with self._database.begin(self._self) as unit:
            row = await unit.get(SsoDomain, domain_id)
            others = await store.others(unit, name, home)
            shared = row is not None and rules.after_check(_proof(row), found, others, unit.now).shared
        if shared:
            await self._tell_others(name, home, "domain_shared")

    async def _tell_others(self, name: str, home: UUID, kind: str) -> None:
        """Whoever has proven a domain hears, once a day, that another organisation says it is theirs, or has proven it
        by DNS: who holds it by mail alone has a week then to do so too. In our own name: nobody reads who it was.
        """
        async with self._database.begin(self._self) as unit:
            holders = [each.organisation_id for each in await store.holders(unit, name, home)]
        for organisation_id in holders:
            async with self._database.begin(self._self, organisation_id=organisation_id) as unit:
                await store.hold_name(unit, name)
                row = await store.lock_holder(unit, name, organisation_id)
                if row is None:
                    continue
                outvoted = kind == "domain_shared" and row.method == Method.MAIL
                told = row.claim_told_at is not None and unit.now - row.claim_told_at < _TOLD_AGAIN
                if row.state == DomainState.LOST if outvoted else told and kind == "domain_claimed":
                    continue
                if outvoted:
                    _apply(row, rules.outvoted(_proof(row), unit.now), Found.MISSING, unit.now)
                row.claim_told_at = unit.now
                unit.record(f"sso_{kind.replace('_', '.')}", target_kind="domain", target_id=row.id, domain=name)
                _tell(unit, row, kind)

    async def _owned(self, unit: UnitOfWork, domain_id: UUID, *, lock: bool = False) -> SsoDomain:
        row = await store.owned(unit, domain_id, lock=lock)
        if row is None:
            raise not_found("domain_not_found")
        return row

    async def _face(self, unit: UnitOfWork) -> Face:
        found = await self._organisations.face_by_id(unit.organisation_id)
        if found is None:
            raise not_found("organisation_not_found")
        return found

    async def _allowed(self) -> None:
        if not await self._organisations.allows(RIGHT):
            raise forbidden("right_missing", right=RIGHT)


def _proof(row: SsoDomain) -> Proof:
    return Proof(DomainState(row.state), row.method, row.created_at, row.verified_at, row.checked_at, row.lost_at)


def _apply(row: SsoDomain, checked: Checked, found: Found, now: datetime) -> None:
    if checked.state is DomainState.VERIFIED and row.state != DomainState.VERIFIED:
        row.verified_at = now
    row.state, row.method = checked.state, checked.method
    row.check_problem, row.lost_at = checked.problem, checked.lost_at
    if found is not Found.UNREACHABLE:
        row.checked_at = now
    row.next_check_at = rules.next_check(checked, found, row.created_at, now)


def _tell(unit: UnitOfWork, row: SsoDomain, kind: str) -> None:
    if not kind:
        return
    until = (row.lost_at + rules.GRACE).date().isoformat() if row.lost_at else ""
    values = {"domain": mail_domains.shown(row.domain), "until": until, "problem": row.check_problem}
    unit.emit(events_pb2.NoticeForAdministrators(kind=kind, values=values), aggregate_id=row.id)


def _link_state(row: SsoDomain, now: datetime) -> LinkState:
    expired = row.mail_sent_at is None or now - row.mail_sent_at >= rules.MAIL_LIFETIME
    return LinkState.EXPIRED if expired else LinkState.OPEN
