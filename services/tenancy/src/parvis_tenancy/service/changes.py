"""The history of rights: who changed them when, and why."""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import paging
from parvis_kit.errors import not_found
from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import messages
from parvis_tenancy.store import changes, members

_NOBODY = UUID(int=0)


async def page(
    unit: UnitOfWork, about: UUID | None, page_size: int, page_token: str
) -> tenancy_pb2.ListRightsChangesResponse:
    """Changes of rights, the newest first; of one member: those that changed what they may do. Raises NOT_FOUND
    member_not_found.
    """
    if about is not None and await members.one(unit, about) is None:
        raise not_found("member_not_found")
    size, after = paging.size(page_size), paging.cursor(page_token)
    if after is not None and not (after.key.isascii() and after.key.isdigit() and int(after.key) < 2**63):
        raise paging.refusal()
    rows = await changes.page(unit, about, before=None if after is None else int(after.key), size=size + 1)
    total = await changes.count(unit, about) if after is None else after.total
    shown, token = paging.cut(rows, size, lambda row: Cursor(str(row["revision"]), _NOBODY, total))
    return tenancy_pb2.ListRightsChangesResponse(
        changes=map(messages.rights_change, shown), next_page_token=token, total=total
    )
