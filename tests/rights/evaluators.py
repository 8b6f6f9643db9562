"""The product's own evaluators, asked about an organisation in a real database, and compared with the rules as written.

* *decided*: single questions, followed upwards from the advisers of one contact (`domain.decisions.decide`);
* *compiled*: grant sets, as other services keep them, over the advisers that a contact's row carries;
* *queried*: PostgreSQL, which finds all who may, and all that may be reached, in one statement.

The first two are given facts that were read once for a moment; one question in ten reads its own, as `Check` does.
The third finds all answers about one contact, or one right, at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

import reference
from facts import PORTAL_RIGHTS, Answer, Facts, MembershipKind, Question, kind_of, number_of, uuid_of
from writing import name_of

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import decisions as domain
from parvis_tenancy.domain.catalogue import Right
from parvis_tenancy.domain.facts import Facts as ProductFacts
from parvis_tenancy.domain.facts import Portal
from parvis_tenancy.store import contact_lists, decisions, rights
from parvis_tenancy.store import facts as stored
from parvis_tenancy.store.contact_reach import Reach
from parvis_tenancy.store.facts import Moment

#: So short that most lists have several.
PAGE = 4
KINDS_OF_CONTACTS = (1, 2, 3)
#: One question in so many reads facts of its own; more of those to whom something is lent, where there is more to read.
ALONE, ALONE_OF_TAKERS = 12, 2
_ADVISERS = "SELECT contact_id, membership_id FROM contact_advisers WHERE organisation_id = $1"
_ACCESSES = """
SELECT m.id, m.state = 2 AS active, array_agg(x.contact_id) AS contacts FROM memberships m
JOIN access_contacts x ON x.organisation_id = m.organisation_id AND x.membership_id = m.id
WHERE m.organisation_id = $1 AND m.kind = 2 GROUP BY m.id, m.state"""


@dataclass(slots=True)
class Verdict:
    """How many questions were asked, and where an evaluator said something else than the rules."""

    questions: int = 0
    wrong: list[str] = field(default_factory=list)

    def same(self, evaluator: str, asked: object, found: object, expected: object) -> None:
        """Compares one answer, or one set of them."""
        if found != expected:
            self.wrong.append(f"{evaluator}: {asked}: found {found}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation of a database: its number there, and its facts."""

    number: int
    facts: Facts

    def id(self, kind: MembershipKind | str, each: int) -> UUID:
        """The UUID of something in it."""
        return uuid_of(self.number, kind, each)  # type: ignore[arg-type] # a kind

    def asked(self, question: Question) -> domain.Question:
        """A question as the product is asked it."""
        resource = self.id(question.target, question.what) if question.target else None
        return domain.Question(self.id(question.kind, question.who), question.right, question.target, resource)


async def compare(unit: UnitOfWork, place: Place, questions: Sequence[Question], verdict: Verdict) -> None:
    """Puts questions to all evaluators, in a transaction of the organisation."""
    for at, asked in groupby(sorted(questions, key=lambda each: each.at), key=lambda each: each.at):
        unit.now = at
        await _at(unit, place, await everything_at(unit, place, at), list(asked), verdict)


async def everything_at(unit: UnitOfWork, place: Place, at: datetime) -> ProductFacts:
    """All facts of an organisation at a moment, those of contacts and portal accesses included."""
    advisers: dict[UUID, frozenset[UUID]] = {place.id("contact", each): frozenset() for each in place.facts.contacts}
    for row in await unit.fetch(_ADVISERS, unit.organisation_id):
        advisers[row["contact_id"]] |= {row["membership_id"]}
    portals = {
        row["id"]: Portal(row["id"], row["active"], frozenset(row["contacts"]))
        for row in await unit.fetch(_ACCESSES, unit.organisation_id)
    }
    return replace((await stored.of_staff(unit, Moment(at))).facts, advisers=advisers, portals=portals)


async def _at(
    unit: UnitOfWork, place: Place, read: ProductFacts, questions: Sequence[Question], verdict: Verdict
) -> None:
    at = questions[0].at
    compiled: dict[UUID, domain.Compiled] = {}
    verdict.questions += len(questions)
    takers = {each.taker for each in place.facts.delegations}
    for number, question in enumerate(questions):
        expected = reference.decide(place.facts, question)
        verdict.same("decided", question, decided(place, read, question), expected)
        if expected.reason == "right_unknown":
            continue
        who = place.id(question.kind, question.who)
        if question.kind == "member" and who not in compiled:
            compiled[who] = domain.compile_staff(read, read.members[who], at)
        found = from_grants(place, read, question, compiled.get(who))
        verdict.same("compiled", question, found, expected.allowed)
        if number % (ALONE_OF_TAKERS if question.who in takers else ALONE) == 0:
            await _alone(unit, place, read, question, expected, verdict)
    await _queried(unit, place, read, questions, verdict)


def by_name(place: Place, found: Iterable[tuple[MembershipKind, int]]) -> list[tuple[MembershipKind, int]]:
    """Memberships in the order of lists: by name, then by identifier."""
    return sorted(found, key=lambda each: (name_of(each[1]), place.id(*each)))


def decided(place: Place, read: ProductFacts, question: Question) -> Answer:
    """The answer to a single question."""
    if question.right and question.right not in read.catalogue:
        ended = not _is_active(place, read, question)
        return Answer(allowed=False, reason="membership_ended" if ended else "right_unknown")
    answer = domain.decide(read, place.asked(question), question.at)
    return Answer(answer.allowed, answer.reason)


def _is_active(place: Place, read: ProductFacts, question: Question) -> bool:
    everybody = read.members if question.kind == "member" else read.portals
    return everybody[place.id(question.kind, question.who)].active


def from_grants(place: Place, read: ProductFacts, question: Question, grants: domain.Compiled | None) -> bool:
    """What a service answers that keeps the grant set of a member: there is none of one that is not active."""
    if not _is_active(place, read, question):
        return False
    what = place.id(question.target, question.what) if question.target else None
    if grants is None:
        portal = read.portals[place.id("portal", question.who)]
        return question.right in PORTAL_RIGHTS and (what is None or what in portal.contacts)
    if question.target == "product":
        return what in grants.products
    right = next((each for each in grants.rights if each.code == question.right), None)
    return right is not None and (what is None or _is_within(read, right, question.target, what))


def _is_within(read: ProductFacts, right: domain.CompiledRight, target: str, what: UUID) -> bool:
    if target == "member":
        return right.structures is None or read.members[what].structure in right.structures
    return right.advisers is None or not right.advisers.isdisjoint(read.advisers[what])


async def _alone(
    unit: UnitOfWork, place: Place, shared: ProductFacts, question: Question, expected: Answer, verdict: Verdict
) -> None:
    """As `Check` answers, and as a grant set is made for one membership: each reads what it needs, and no more."""
    who = place.id(question.kind, question.who)
    what = place.id(question.target, question.what) if question.target else None
    contact, member = (what if question.target == each else None for each in ("contact", "member"))
    read = await stored.for_question(unit, Moment(question.at), who, contact_id=contact, member_id=member)
    verdict.same("decided alone", question, decided(place, read.facts, question), expected)
    holder = await rights.holder(unit, who)
    assert holder is not None
    if question.kind == "member":
        found = from_grants(place, shared, question, holder.compiled)
        verdict.same("compiled alone", question, found, expected.allowed)


async def _queried(
    unit: UnitOfWork, place: Place, read: ProductFacts, questions: Iterable[Question], verdict: Verdict
) -> None:
    """Whom, and what, every question is about, found at once: the sets are those of all answers."""
    at = unit.now
    asked = [each for each in questions if each.right in read.catalogue]
    for code, contact in {(each.right, each.what) for each in asked if each.target == "contact"}:
        subjects = await _subjects(unit, read.catalogue[code], place.id("contact", contact))
        expected = by_name(place, reference.subjects(place.facts, code, contact, at))
        verdict.same("queried subjects", (code, contact, at), subjects, expected)
    for code in {each.right for each in asked if each.target == "" and each.kind == "member"}:
        holders = await _subjects(unit, read.catalogue[code], None)
        expected = by_name(place, (("member", who) for who in reference.holders(place.facts, code, at)))
        verdict.same("queried holders", (code, at), holders, expected)
    pairs = sorted({(each.who, each.right) for each in asked if each.target == "contact" and each.kind == "member"})
    for who, code in pairs[::ALONE]:
        reach = Reach(await decisions.reach(unit, read.catalogue[code], place.id("member", who)))
        found = reference.objects(place.facts, "member", who, code, at)
        in_order = sorted(found, key=lambda each: (place.facts.contacts[each].key, each))
        verdict.same("queried objects", (who, code, at), await _objects(unit, reach), in_order)


async def _subjects(
    unit: UnitOfWork, right: Right, contact: UUID | None, size: int = PAGE
) -> list[tuple[MembershipKind, int]]:
    """All pages, in the order in which they come."""
    found: list[decisions.Subject] = []
    after = None
    while True:
        page = await decisions.subjects(unit, right, contact, after=after, size=size)
        found += page
        if len(page) < size:
            return [(_kind(each), number_of(each.id)) for each in found]
        after = Cursor(page[-1].sort_key, page[-1].id, 0)


def _kind(subject: decisions.Subject) -> MembershipKind:
    return "portal" if kind_of(subject.id) == "portal" else "member"


async def _objects(unit: UnitOfWork, reach: Reach) -> list[int]:
    """All contacts in reach, over all pages of a list."""
    found: list[int] = []
    after = None
    while True:
        page = await contact_lists.keys(unit, KINDS_OF_CONTACTS, reach, after=after, size=PAGE)
        found += [number_of(row["id"]) for row in page]
        if len(page) < PAGE:
            return found
        after = Cursor(page[-1]["key"], page[-1]["id"], 0)
