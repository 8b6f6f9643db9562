"""Questions about rights: answered, explained, turned round (what may they; who may); from the tables each time."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast, get_args
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import paging
from parvis_kit.errors import forbidden, invalid, not_found
from parvis_kit.grants import ALL
from parvis_kit.ids import parse, parse_optional
from parvis_kit.paging import Cursor
from parvis_kit.server import Begin
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import explanations
from parvis_tenancy.domain.catalogue import PORTAL_RIGHTS, RIGHTS
from parvis_tenancy.domain.decisions import Answer, Question, ResourceType, decide
from parvis_tenancy.domain.explanations import Change, ChangeKind, Fact
from parvis_tenancy.domain.facts import Facts
from parvis_tenancy.domain.scopes import Scope
from parvis_tenancy.domain.states import ContactKind, MembershipKind, MembershipState
from parvis_tenancy.service import authority, messages, reach
from parvis_tenancy.service.fields import moment_of
from parvis_tenancy.service.rights import compiled_message
from parvis_tenancy.store import contact_lists, contacts, decisions, facts, rights
from parvis_tenancy.store.contact_reach import EVERYTHING, Reach, narrower
from parvis_tenancy.store.facts import Moment, Read
from parvis_tenancy.store.known import Known
from parvis_tenancy.store.rights import Holder

_MOST_QUESTIONS = 200
_MOST_CHANGES = 200
_LONGEST_WAIT = 20.0
_LOOK_AGAIN = 0.25
_TYPES = frozenset(get_args(ResourceType))
#: With which right what could be done is done.
_DONE_WITH = {
    ChangeKind.ASSIGN: "products.assign",
    ChangeKind.ADVISE: "contacts.edit",
    ChangeKind.ATTACH: "members.manage",
    ChangeKind.LIFT_TIER: "members.manage",
    ChangeKind.ACT_FOR: "accesses.manage",
}


async def batch(
    unit: UnitOfWork, known: Known, request: tenancy_pb2.BatchCheckRequest
) -> tenancy_pb2.BatchCheckResponse:
    """See RightsService.BatchCheck."""
    if len(request.questions) > _MOST_QUESTIONS:
        raise invalid("too_many_questions", most=str(_MOST_QUESTIONS))
    moment = await _moment(unit, moment_of(request, "at"))
    answers = []
    for each in request.questions:
        question = await _question(unit, each)
        read = await _read(unit, known, moment, question)
        answers.append(tenancy_pb2.Decision(**_reason(_answer(read, question, moment.at).reason)))
    return tenancy_pb2.BatchCheckResponse(decisions=answers, revision=await _revision(unit, moment))


async def explain(unit: UnitOfWork, known: Known, request: tenancy_pb2.ExplainRequest) -> tenancy_pb2.Explanation:
    """See RightsService.Explain."""
    moment = await _moment(unit, moment_of(request, "at"))
    question = await _question(unit, request.question)
    read = await _read(unit, known, moment, question)
    answer = _answer(read, question, moment.at)
    if answer.allowed:
        links = explanations.chain(read.facts, question, answer)
        named = await _names(unit, links)
        return tenancy_pb2.Explanation(
            allowed=True, chain=[_fact(each, named) for each in links], revision=moment.revision or read.revisions[0]
        )
    exists = question.type == "product" or question.right in read.facts.catalogue
    asked_now = moment.revision is None and exists
    found = explanations.remedies(read.facts, question, moment.at) if asked_now else ()
    named = await _names(unit, [change for remedy in found for change in remedy])
    return tenancy_pb2.Explanation(
        reason=answer.reason,
        remedies=[
            tenancy_pb2.Remedy(changes=[await _change(unit, read.facts, question, each, named) for each in remedy])
            for remedy in found
        ],
        revision=moment.revision or read.revisions[0],
    )


async def objects(unit: UnitOfWork, request: tenancy_pb2.ListObjectsRequest) -> tenancy_pb2.ListObjectsResponse:
    """See RightsService.ListObjects."""
    membership_id = await _subject(unit, request.membership_id)
    if request.type not in _TYPES - {""}:
        raise invalid("type_unknown", type=request.type)
    size, after = paging.size(request.page_size), paging.cursor(request.page_token)
    found = await rights.holder(unit, membership_id)
    if found is None:
        raise not_found("membership_not_found")
    if found.state != MembershipState.ACTIVE:
        return tenancy_pb2.ListObjectsResponse(revision=found.revision)
    if request.type == "product":
        ids = map(str, found.compiled.products)
        return tenancy_pb2.ListObjectsResponse(ids=ids, revision=found.revision)
    right = await authority.known_right(unit, request.right)
    held = {each.code: each for each in found.compiled.rights}.get(right.code)
    rows: Sequence[Any] = ()
    if request.type == "contact":
        if membership_id != unit.caller.membership_id and not unit.caller.is_service:
            _may_see_all(unit)
        kinds = [int(each) for each in ContactKind]
        reached = _reach(found, right.code)
        if not unit.caller.is_service and membership_id == unit.caller.membership_id:
            reached = narrower(reached, _reach(found, "contacts.read"))  # no more than they may know of
        rows = await contact_lists.keys(unit, kinds, reached, after=after, size=size + 1)
    elif held is not None:
        rows = await decisions.members_of(unit, held.structures, after=after, size=size + 1)
    page, following = paging.cut(rows, size, lambda row: Cursor(row["key"], row["id"], 0))
    return tenancy_pb2.ListObjectsResponse(
        ids=[str(row["id"]) for row in page], next_page_token=following, revision=found.revision
    )


def _reach(found: Holder, code: str) -> Reach:
    """The contacts that a membership reaches with a right."""
    if found.kind == MembershipKind.PORTAL:
        return Reach(contacts=frozenset(found.compiled.contacts)) if code in PORTAL_RIGHTS else reach.NOTHING
    held = {each.code: each for each in found.compiled.rights}.get(code)
    if held is None:
        return reach.NOTHING
    return EVERYTHING if held.advisers is None else Reach(advisers=held.advisers)


async def subjects(unit: UnitOfWork, request: tenancy_pb2.ListSubjectsRequest) -> tenancy_pb2.ListSubjectsResponse:
    """See RightsService.ListSubjects."""
    _may_ask_of_others(unit)
    right = await authority.known_right(unit, request.right)
    if request.resource.type not in {"", "contact"}:
        raise invalid("type_unknown", type=request.resource.type)
    contact_id = parse(request.resource.id, "resource.id") if request.resource.type else None
    if contact_id is not None:
        await _know(unit, contact_id)
    size, after = paging.size(request.page_size), paging.cursor(request.page_token)
    exists = right.code in await rights.existing(unit)
    rows = await decisions.subjects(unit, right, contact_id, after=after, size=size + 1) if exists else []
    page, following = paging.cut(rows, size, lambda each: Cursor(each.sort_key, each.id, 0))
    return tenancy_pb2.ListSubjectsResponse(
        subjects=[
            tenancy_pb2.RightsSubject(membership_id=str(each.id), kind=each.kind, name=each.name)  # type: ignore[arg-type] # the numbers of the contract
            for each in page
        ],
        next_page_token=following,
        revision=await facts.revision_now(unit),
    )


async def rights_at(unit: UnitOfWork, asked: str, at: datetime | None) -> tenancy_pb2.RightsAt:
    """See RightsService.GetRightsAt."""
    membership_id = await _subject(unit, asked)
    if at is not None and at > unit.now:
        raise invalid("moment_in_the_future")
    found = await rights.holder(unit, membership_id, at)
    if found is None:
        raise not_found("membership_not_found")
    if found.kind == MembershipKind.PORTAL and membership_id != unit.caller.membership_id:
        _may_see_all(unit)
    return tenancy_pb2.RightsAt(
        kind=found.kind.value,  # type: ignore[arg-type] # the numbers of the contract
        state=found.state,  # type: ignore[arg-type] # idem
        rights=[
            tenancy_pb2.GrantedRight(code=code, scope=int(scope))  # type: ignore[arg-type] # idem
            for code, scope in found.rights.items()
        ],
        grants=compiled_message(unit, membership_id, found),
    )


async def watch(begin: Begin, after_revision: int, wait: float) -> tenancy_pb2.WatchResponse:
    """See RightsService.Watch. Between two looks it holds no connection."""
    until = time.monotonic() + min(max(wait, 0.0), _LONGEST_WAIT)
    while True:
        async with begin() as unit:
            rows = await facts.changes_after(unit, after_revision, _MOST_CHANGES)
        if rows or time.monotonic() >= until:
            break
        await asyncio.sleep(_LOOK_AGAIN)
    return tenancy_pb2.WatchResponse(
        changes=map(messages.rights_change, rows),
        revision=rows[-1]["revision"] if rows else after_revision,
    )


async def _moment(unit: UnitOfWork, at: datetime | None) -> Moment:
    if at is None:
        return Moment(unit.now)
    if at > unit.now:
        raise invalid("moment_in_the_future")
    revision = await facts.revision_at(unit, at)
    if revision is None:
        raise not_found("no_rights_then")
    return Moment(at, revision)


async def _revision(unit: UnitOfWork, moment: Moment) -> int:
    return moment.revision if moment.revision is not None else await facts.revision_now(unit)


async def _question(unit: UnitOfWork, asked: tenancy_pb2.Question) -> Question:
    """What is asked, when whoever asks may. Raises INVALID, FORBIDDEN right_missing, NOT_FOUND."""
    if asked.resource.type not in _TYPES:
        raise invalid("type_unknown", type=asked.resource.type)
    membership_id = await _subject(unit, asked.membership_id)
    if asked.resource.type != "product":
        await authority.known_right(unit, asked.right)
    resource = parse_optional(asked.resource.id, "resource.id")
    if asked.resource.type and resource is None:
        raise invalid("resource_missing")
    return Question(membership_id, asked.right, cast("ResourceType", asked.resource.type), resource)


async def _subject(unit: UnitOfWork, membership_id: str) -> UUID:
    own = unit.caller.membership_id
    asked = parse_optional(membership_id, "membership_id") or own
    if asked is None:
        raise not_found("no_membership")
    if asked != own:
        _may_ask_of_others(unit)
    return asked


def _may_ask_of_others(unit: UnitOfWork) -> None:
    if not unit.caller.is_service and not unit.grants.allows("members.read"):
        raise forbidden("right_missing", right="members.read")


def _may_see_all(unit: UnitOfWork) -> None:
    """Which contacts another reaches is told to whoever sees them all."""
    if unit.grants.scope("contacts.read") != ALL:
        raise forbidden("out_of_scope", right="contacts.read")


async def _know(unit: UnitOfWork, contact_id: UUID) -> None:
    """Raises NOT_FOUND contact_not_found where whoever asks may not know that a contact exists."""
    visible = EVERYTHING if unit.caller.is_service else reach.of_caller(unit)
    if not await contacts.is_reached(unit, contact_id, visible):
        raise not_found("contact_not_found")


async def _read(unit: UnitOfWork, known: Known, moment: Moment, question: Question) -> Read:
    """The facts for a question. Raises NOT_FOUND of what the one who asks may not know."""
    contact_id = question.resource if question.type == "contact" else None
    if contact_id is not None:
        await _know(unit, contact_id)
    member_id = question.resource if question.type == "member" else None
    if moment.revision is None and question.type in {"", "contact"}:
        read = (await known.for_question(unit, question.membership, question.right, contact_id)).read
    else:
        read = await facts.for_question(unit, moment, question.membership, contact_id=contact_id, member_id=member_id)
    if question.membership not in read.states:
        raise not_found("membership_not_found")
    if member_id is not None and member_id not in read.states:
        raise not_found("member_not_found")
    return read


def _answer(read: Read, question: Question, at: datetime) -> Answer:
    """The answer. A right that the organisation does not have is held by nobody."""
    exists = question.type == "product" or question.right in read.facts.catalogue
    return decide(read.facts, question, at) if exists else Answer("right_missing")


def _reason(reason: str) -> dict[str, Any]:
    return {"reason": reason} if reason else {"allowed": True}


async def _names(unit: UnitOfWork, links: Iterable[Fact | Change]) -> dict[UUID, str]:
    ids = {each for link in links for each in (link.subject, link.object) if each is not None}
    return dict(await facts.names(unit, sorted(ids))) if ids else {}


def _fact(fact: Fact, named: dict[UUID, str]) -> tenancy_pb2.ExplainedFact:
    return tenancy_pb2.ExplainedFact(until=messages.instant(fact.until), **_linked(fact, named))


def _linked(link: Fact | Change, named: dict[UUID, str]) -> dict[str, Any]:
    return {
        "kind": link.kind.value,
        "subject_id": str(link.subject),
        "subject_name": named.get(link.subject, ""),
        "object_id": str(link.object or ""),
        "object_name": named.get(link.object, "") if link.object else "",
        "right": link.right,
        "scope": int(link.scope or 0),
    }


async def _change(
    unit: UnitOfWork, found: Facts, question: Question, change: Change, named: dict[UUID, str]
) -> tenancy_pb2.Change:
    by = await _by(unit, found, question, change)
    own = unit.caller.membership_id
    return tenancy_pb2.Change(
        by=[name for each, name in by if each != own][:5],
        by_caller=own is not None and own in {each for each, _ in by},
        **_linked(change, named),
    )


async def _by(unit: UnitOfWork, found: Facts, question: Question, change: Change) -> list[tuple[UUID, str]]:
    """Who can make a change: six at most."""
    if change.kind is ChangeKind.SUBSCRIBE:
        return []  # the provider's
    if change.kind is ChangeKind.GRANT:
        right = found.catalogue[change.right]
        return await decisions.granters(unit, right, change.scope or Scope.ALL, ("members.manage",))
    needed = _DONE_WITH.get(change.kind) or (
        "accesses.manage" if question.membership in found.portals else "members.manage"
    )
    contact_id = question.resource if change.kind in {ChangeKind.ADVISE, ChangeKind.ACT_FOR} else None
    rows = await decisions.subjects(unit, RIGHTS[needed], contact_id, after=None, size=6)
    return [(each.id, each.name) for each in rows if each.kind == MembershipKind.STAFF]
