"""What stands around every page, and on the home page."""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import unauthenticated
from parvis_kit.grants import ALL
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.records import LegalRecord, missing_mentions
from parvis_tenancy.domain.states import MembershipState
from parvis_tenancy.service import messages
from parvis_tenancy.store import home


async def frame(unit: UnitOfWork) -> tenancy_pb2.Frame:
    """The organisation, the caller's membership and rights: one statement, the rights being in the cached grant set."""
    grants = unit.grants
    row = await home.frame(unit, grants.membership_id)
    if row is None or row["state"] != MembershipState.ACTIVE:
        raise unauthenticated("membership_ended")
    return messages.frame(row, grants)


async def compose(unit: UnitOfWork) -> tenancy_pb2.Home:
    """The frame, the products, what awaits the caller: three statements for staff, one for a portal access."""
    grants = unit.grants
    around = await frame(unit)
    if grants.kind == "portal":
        return tenancy_pb2.Home(frame=around)
    answer = tenancy_pb2.Home(frame=around, products=await my_products(unit, grants.membership_id))
    manages = grants.scope("accesses.manage")
    if not (grants.allows("members.invite") or manages or grants.allows("organisation.manage")):
        return answer
    row = await home.pending(
        unit,
        invitations=grants.allows("members.invite"),
        accesses=manages is not None,
        advisers=None if manages is None or manages == ALL else list(manages),
    )
    answer.pending_invitations = row["invitations"]
    answer.pending_accesses = row["accesses"]
    answer.pending_requests = row["requests"]
    if grants.allows("organisation.manage"):
        record = LegalRecord(
            legal_name=row["legal_name"],
            legal_form=row["legal_form"],
            capital=row["capital"],
            siren=row["siren"],
            registry=row["registry_entry"],
            vat_number=row["vat_number"],
            address_complete=row["address_complete"],
        )
        answer.missing_mentions.extend(missing_mentions(record))
    return answer


async def my_products(unit: UnitOfWork, membership_id: UUID) -> list[tenancy_pb2.MyProduct]:
    """The provider's products as a member sees them; with the names of who can assign those that they lack."""
    rows = await home.products(unit, membership_id)
    may_assign = unit.grants.allows("products.assign")
    shown = []
    for row in rows:
        product = tenancy_pb2.MyProduct(
            id=str(row["id"]),
            name=row["name"],
            description=row["description"],
            state=tenancy_pb2.PRODUCT_STATE_NOT_SUBSCRIBED,
            closed=row["closed"],
        )
        if row["assigned"]:
            product.state = tenancy_pb2.PRODUCT_STATE_ASSIGNED
            # Nobody is signed in to a closed product, nor to any while they view the portal as somebody else.
            product.launch_url = "" if unit.caller.actor or product.closed else row["launch_url"]
        elif row["subscribed"]:
            product.state = tenancy_pb2.PRODUCT_STATE_NOT_ASSIGNED
            product.assigners.extend(row["assigners"])
            product.may_assign = may_assign
        shown.append(product)
    return shown
