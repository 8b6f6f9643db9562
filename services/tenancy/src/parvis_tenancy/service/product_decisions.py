"""The decisions behind what products ask, in the organisation of the transaction."""

from uuid import UUID

from parvis_kit.paging import Cursor, cursor, cut, size
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import decisions as rules
from parvis_tenancy.domain.catalogue import PORTAL_RIGHTS
from parvis_tenancy.domain.questions import Listed, Wanted
from parvis_tenancy.domain.states import ContactKind
from parvis_tenancy.store import asking, contact_lists, contacts, decisions, facts, rights
from parvis_tenancy.store.contact_reach import EVERYTHING, Reach
from parvis_tenancy.store.facts import Moment
from parvis_tenancy.store.search import by_name


class Decisions:
    """Answers `service.asking.Engine` from the tables."""

    async def check(self, unit: UnitOfWork, membership_id: UUID, right: str, contact_id: UUID | None) -> str:
        """Why a member may not, by its code; empty when they may."""
        read = await facts.for_question(unit, Moment(unit.now), membership_id, contact_id=contact_id)
        if right not in read.facts.catalogue:
            return "right_missing"
        question = rules.Question(membership_id, right, "contact" if contact_id is not None else "", contact_id)
        reason = rules.decide(read.facts, question, unit.now).reason
        if reason or contact_id is None or read.facts.advisers[contact_id]:
            return reason
        return "" if await contacts.is_reached(unit, contact_id, EVERYTHING) else "resource_unknown"

    async def uses(self, unit: UnitOfWork, membership_id: UUID, product_id: UUID) -> str:
        """Why a member may not launch a product; empty when they may."""
        read = await facts.for_question(unit, Moment(unit.now), membership_id)
        return rules.decide(read.facts, rules.Question(membership_id, "", "product", product_id), unit.now).reason

    async def contacts(self, unit: UnitOfWork, membership_id: UUID, right: str, wanted: Wanted) -> Listed:
        """The contacts that a member's right reaches, by name; of the total what is counted at little cost."""
        reach = await self._reach(unit, membership_id, right)
        kinds, after, many = list(ContactKind), cursor(wanted.token), size(wanted.limit)
        total = after.total if after is not None else await contact_lists.count(unit, kinds, reach)
        rows = await contact_lists.keys(unit, kinds, reach, after=after, size=many + 1, total=total)
        page, token = cut(rows, many, lambda row: Cursor(row["key"], row["id"], total))
        return Listed([row["id"] for row in page], token, total if total <= contact_lists.MOST_COUNTED else None)

    async def members(self, unit: UnitOfWork, right: str, contact_id: UUID | None, wanted: Wanted) -> Listed:
        """Those who hold a right, over a contact when one is named, by name."""
        many, after = size(wanted.limit), cursor(wanted.token)
        known = (await rights.existing(unit)).get(right)
        there = contact_id is None or await contacts.is_reached(unit, contact_id, EVERYTHING)
        if known is None or not there:
            return Listed(total=0)
        found = await decisions.subjects(unit, known, contact_id, after=after, size=many + 1)
        page, token = cut(found, many, lambda each: Cursor(each.sort_key, each.id, 0))
        return Listed([each.id for each in page], token)

    async def users(self, unit: UnitOfWork, product_id: UUID, wanted: Wanted) -> Listed:
        """Those who may launch a product, by name."""
        many = size(wanted.limit)
        rows = await asking.users(unit, product_id, cursor(wanted.token), many + 1)
        page, token = cut(rows, many, by_name(0))
        return Listed([row["id"] for row in page], token)

    @staticmethod
    async def _reach(unit: UnitOfWork, membership_id: UUID, right: str) -> Reach:
        read = await facts.for_question(unit, Moment(unit.now), membership_id)
        known = read.facts.catalogue.get(right)
        portal = read.facts.portals.get(membership_id)
        if portal is not None:
            return Reach(contacts=portal.contacts if portal.active and right in PORTAL_RIGHTS else frozenset())
        if known is None:
            return Reach(contacts=frozenset())
        return Reach(advisers=await decisions.reach(unit, known, membership_id))
