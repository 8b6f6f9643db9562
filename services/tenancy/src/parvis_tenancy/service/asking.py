"""What products ask: may this one do that to this, who may, what may they? (OpenID AuthZEN Authorization API 1.0).

A product asks in its own name about organisations that subscribe it; any other is to it as if it did not exist. Its
actions are the rights that it declares, `contacts.read`, and `use` of itself. A no is an answer with a reason; what
cannot be answered (a kind of subject that does not exist, a revision of the future) is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from asyncpg import Record

from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError, forbidden, invalid
from parvis_kit.unit import Database, UnitOfWork
from parvis_tenancy.domain.questions import Answer, Asker, Found, Listed, Question, Semantic, Thing, Wanted
from parvis_tenancy.store import asking as store

#: The action of launching the product.
USE = "use"
#: A right of ours that every product may ask for, over the contacts that it works with.
READ_CONTACTS = "contacts.read"
#: Organisations that are looked through for the one that is meant; whoever has more says which.
_MOST_LOOKED_AT = 20


class Engine(Protocol):
    """The decisions that answers rest on, in the organisation of the transaction."""

    async def check(self, unit: UnitOfWork, membership_id: UUID, right: str, contact_id: UUID | None) -> str:
        """Why a member may not, by its code; empty when they may. Without a contact: whether they hold it at all."""
        ...

    async def uses(self, unit: UnitOfWork, membership_id: UUID, product_id: UUID) -> str:
        """Why a member may not launch a product; empty when they may."""
        ...

    async def contacts(self, unit: UnitOfWork, membership_id: UUID, right: str, wanted: Wanted) -> Listed:
        """The contacts that a member's right reaches."""
        ...

    async def members(self, unit: UnitOfWork, right: str, contact_id: UUID | None, wanted: Wanted) -> Listed:
        """Those who hold a right, over a contact when one is named."""
        ...

    async def users(self, unit: UnitOfWork, product_id: UUID, wanted: Wanted) -> Listed:
        """Those who may launch a product."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    """A product in an organisation that subscribes it, and its rights that are limited to contacts, or not."""

    organisation_id: UUID
    product_id: UUID
    revision: int
    scoped: frozenset[str]
    plain: tuple[str, ...]


class _Nothing(Exception):
    """What was named is not there: no, or an empty list."""

    def __init__(self, reason: str, revision: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.revision = revision


class Asking:
    """See the module."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine

    async def evaluate(self, asker: Asker, question: Question) -> Answer:
        """One answer. Raises INVALID subject_type_unknown, subject_type_pairwise, resource_type_unknown,
        organisation_needed, revision_from_the_future; FORBIDDEN product_closed.
        """
        async with self._database.begin(Caller(self._database.service)) as unit:
            return await _Conversation(unit, asker, self._engine).answer(question)

    async def evaluate_all(
        self, asker: Asker, questions: Sequence[Question | ServiceError], semantic: Semantic
    ) -> list[Answer | ServiceError]:
        """The answers in order, up to the one that settles it. What is wrong with one question is its answer."""
        answers: list[Answer | ServiceError] = []
        async with self._database.begin(Caller(self._database.service)) as unit:
            conversation = _Conversation(unit, asker, self._engine)
            for question in questions:
                answer = await self._one(conversation, question)
                answers.append(answer)
                allowed = isinstance(answer, Answer) and answer.allowed
                if semantic != "execute_all" and allowed == (semantic == "permit_on_first_permit"):
                    break
        return answers

    @staticmethod
    async def _one(conversation: "_Conversation", question: Question | ServiceError) -> Answer | ServiceError:
        if isinstance(question, ServiceError):
            return question
        try:
            return await conversation.answer(question)
        except ServiceError as error:
            return error

    async def subjects(self, asker: Asker, question: Question, wanted: Wanted) -> Found:
        """Who may. Raises as `evaluate`, but for kinds that do not exist: there is nobody of those."""
        async with self._database.begin(Caller(self._database.service)) as unit:
            return await _Conversation(unit, asker, self._engine).subjects(question, wanted)

    async def resources(self, asker: Asker, question: Question, wanted: Wanted) -> Found:
        """To what. Raises as `subjects`."""
        async with self._database.begin(Caller(self._database.service)) as unit:
            return await _Conversation(unit, asker, self._engine).resources(question, wanted)

    async def actions(self, asker: Asker, question: Question) -> Found:
        """What. Raises as `subjects`."""
        async with self._database.begin(Caller(self._database.service)) as unit:
            return await _Conversation(unit, asker, self._engine).actions(question)


class _Conversation:
    """The questions of one request, in one transaction. What was found for one question serves the next."""

    def __init__(self, unit: UnitOfWork, asker: Asker, engine: Engine) -> None:
        self._unit = unit
        self._asker = asker
        self._engine = engine
        self._places: dict[UUID, _Place | None] = {}
        self._meant: dict[tuple[str, Thing], UUID] = {}
        self._members: dict[tuple[UUID, Thing], UUID | None] = {}

    async def answer(self, question: Question) -> Answer:
        self._known_types(question)
        try:
            place = await self._place(question)
            member = await self._member(place, question.subject)
            reason = await self._against(place, member, question.action, question.resource)
        except _Nothing as nothing:
            return Answer(reason=nothing.reason, revision=nothing.revision)
        return Answer(allowed=not reason, reason=reason, revision=place.revision)

    async def subjects(self, question: Question, wanted: Wanted) -> Found:
        try:
            self._searchable(question)
            # Whoever is searched for names no organisation.
            place = await self._place(replace(question, subject=Thing(question.subject.type)))
            right, contact_id = self._target(place, question.action, question.resource)
            if right == USE:
                listed = await self._engine.users(self._unit, place.product_id, wanted)
            else:
                listed = await self._engine.members(self._unit, right, contact_id, wanted)
        except _Nothing as nothing:
            return Found(reason=nothing.reason, revision=nothing.revision)
        kind, ids = question.subject.type, listed.ids
        accounts = await store.accounts_of(self._unit, ids) if kind == "account" else {}
        things = [Thing(kind, str(accounts[each] if kind == "account" else each)) for each in ids]
        return Found(things, next_token=listed.next_token, total=listed.total, revision=place.revision)

    async def resources(self, question: Question, wanted: Wanted) -> Found:
        try:
            self._searchable(question)
            place = await self._place(question)
            member = await self._member(place, question.subject)
            if question.resource.type == "product":
                own = Thing("product", self._asker.client_id)
                reason = await self._against(place, member, question.action, own)
                return Found(() if reason else (own,), total=0 if reason else 1, revision=place.revision)
            if question.action not in place.scoped:
                raise self._unsuitable(place, question.action)
            listed = await self._engine.contacts(self._unit, member, question.action, wanted)
        except _Nothing as nothing:
            return Found(reason=nothing.reason, revision=nothing.revision)
        things = [Thing("contact", str(each)) for each in listed.ids]
        return Found(things, next_token=listed.next_token, total=listed.total, revision=place.revision)

    async def actions(self, question: Question) -> Found:
        try:
            self._searchable(question)
            place = await self._place(question)
            member = await self._member(place, question.subject)
            on_product = (USE, *place.plain) if question.resource.type == "product" else ()
            may = [
                action
                for action in (*on_product, *sorted(place.scoped))
                if not await self._against(place, member, action, question.resource)
            ]
        except _Nothing as nothing:
            return Found(reason=nothing.reason, revision=nothing.revision)
        return Found(actions=may, total=len(may), revision=place.revision)

    def _known_types(self, question: Question) -> None:
        if question.subject.type not in {"member", "account"}:
            raise invalid("subject_type_unknown", type=question.subject.type)
        if question.subject.type == "account" and self._asker.pairwise:
            raise invalid("subject_type_pairwise")
        if question.resource.type not in {"contact", "product"}:
            raise invalid("resource_type_unknown", type=question.resource.type)

    def _searchable(self, question: Question) -> None:
        """A kind that does not exist has nobody in it: that is an answer (certification scenario, 4.6)."""
        try:
            self._known_types(question)
        except ServiceError as error:
            raise _Nothing(error.reason) from error

    async def _against(self, place: _Place, member: UUID, action: str, resource: Thing) -> str:
        """Why not; empty: yes."""
        right, contact_id = self._target(place, action, resource)
        if right == USE:
            return await self._engine.uses(self._unit, member, place.product_id)
        return await self._engine.check(self._unit, member, right, contact_id)

    def _target(self, place: _Place, action: str, resource: Thing) -> tuple[str, UUID | None]:
        """The right that an action is and the contact that it is about, None when it is about the product itself: then
        it is whether the right is held at all. Raises _Nothing.
        """
        if resource.type == "product":
            if resource.id not in {self._asker.client_id, str(place.product_id)}:
                raise _Nothing("resource_unknown", place.revision)
            if action != USE and action not in place.scoped and action not in place.plain:
                raise _Nothing("action_unknown", place.revision)
            return action, None
        if action not in place.scoped:
            raise self._unsuitable(place, action)
        contact_id = _uuid(resource.id)
        if contact_id is None:
            raise _Nothing("resource_unknown", place.revision)
        return action, contact_id

    @staticmethod
    def _unsuitable(place: _Place, action: str) -> _Nothing:
        there = action == USE or action in place.plain
        return _Nothing("action_not_for_resource" if there else "action_unknown", place.revision)

    async def _member(self, place: _Place, subject: Thing) -> UUID:
        key = (place.organisation_id, subject)
        if key not in self._members:
            self._members[key] = await self._look_for(subject)
        found = self._members[key]
        if found is None:
            raise _Nothing("subject_unknown", place.revision)
        return found

    async def _look_for(self, subject: Thing) -> UUID | None:
        identifier = _uuid(subject.id)
        if identifier is None:
            return None
        if subject.type == "member":
            return await store.member(self._unit, identifier)
        return await store.member_of_account(self._unit, identifier)

    async def _place(self, question: Question) -> _Place:
        """The organisation that is meant, entered. Raises _Nothing, INVALID, FORBIDDEN."""
        key = (question.organisation, question.subject)
        if question.organisation:
            key = (question.organisation, Thing(""))
        if key not in self._meant:
            meant = await (self._named(question.organisation) if question.organisation else self._only_one(question))
            self._meant[key] = meant
        place = await self._enter(self._meant[key])
        if place is None:
            raise _Nothing("organisation_unknown")
        if question.revision > place.revision:
            raise invalid("revision_from_the_future", revision=str(place.revision))
        return place

    async def _named(self, name: str) -> UUID:
        found = _uuid(name) or await store.organisation_by_slug(self._unit, name)
        if found is None:
            raise _Nothing("organisation_unknown")
        return found

    async def _only_one(self, question: Question) -> UUID:
        """The only organisation, among those that subscribe the product, that the subject belongs to; for a search of
        subjects, the only one that subscribes it. Raises INVALID organisation_needed, _Nothing subject_unknown.
        """
        subject = question.subject
        identifier = _uuid(subject.id)
        if subject.id and identifier is None:
            raise _Nothing("subject_unknown")
        if subject.type == "account" and identifier is not None:
            await self._unit.as_account(identifier)
            candidates = await store.organisations_of_account(self._unit, identifier, _MOST_LOOKED_AT + 1)
        else:
            candidates = await self._subscribers()
        if len(candidates) > _MOST_LOOKED_AT:
            raise invalid("organisation_needed")
        found = [each for each in candidates if await self._is_there(each, subject)]
        if len(found) > 1:
            raise invalid("organisation_needed")
        if not found:
            raise _Nothing("subject_unknown" if subject.id else "organisation_unknown")
        return found[0]

    async def _is_there(self, organisation_id: UUID, subject: Thing) -> bool:
        if await self._enter(organisation_id) is None:
            return False
        return not subject.id or await self._look_for(subject) is not None

    async def _subscribers(self) -> list[UUID]:
        found: list[UUID] = []
        for provider in await store.providers(self._unit):
            await self._unit.enter(provider)
            found += await store.subscribers(self._unit, self._asker.client_id, _MOST_LOOKED_AT + 1)
        return found

    async def _enter(self, organisation_id: UUID) -> _Place | None:
        """The product in an organisation, whose transaction this is from now on; None when it is not subscribed there.
        Raises FORBIDDEN product_closed.
        """
        if self._unit.organisation_or_none != organisation_id:
            await self._unit.enter(organisation_id)
        if organisation_id not in self._places:
            row = await store.product(self._unit, self._asker.client_id)
            if row is not None and row["closed"]:
                raise forbidden("product_closed")
            self._places[organisation_id] = _place(organisation_id, row) if row is not None else None
        return self._places[organisation_id]


def _place(organisation_id: UUID, row: Record) -> _Place:
    scoped = frozenset((READ_CONTACTS, *row["scoped"]))
    return _Place(organisation_id, row["id"], row["revision"], scoped, tuple(row["plain"]))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
