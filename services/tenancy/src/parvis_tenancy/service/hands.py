"""What of a member the firm's directory decides, and so nobody changes here."""

from uuid import UUID

from parvis_kit.errors import precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import directory
from parvis_tenancy.domain.directory import Hand
from parvis_tenancy.models import Membership
from parvis_tenancy.store import directory as store


async def decided(unit: UnitOfWork, account_id: UUID) -> frozenset[str]:
    """What is decided of a member in the directory's hand: "profile", and maybe "structure", "function"."""
    found = await store.people(unit, [account_id])
    if not found:
        return frozenset()
    mapped, person = await store.mapping(unit), found[0].person
    given = directory.place(mapped.rules, mapped.default_profile_id, person)
    said = {"profile": True, "structure": given.structure_id is not None, "function": bool(person.latest.title)}
    return frozenset(name for name, decides in said.items() if decides)


async def left_to(unit: UnitOfWork, membership: Membership, changed: dict[str, bool]) -> None:
    """Raises PRECONDITION directory_decides when somebody changes what the directory decides."""
    asked = {name for name, otherwise in changed.items() if otherwise}
    if membership.directory != Hand.FOLLOWED or not asked:
        return
    if theirs := asked & await decided(unit, membership.account_id):
        raise precondition("directory_decides", fields=", ".join(sorted(theirs)))
