"""The organisation of a transaction, where the request names it: sign-in, first start, a new customer."""

from uuid import UUID

from parvis_kit import audit
from parvis_kit.unit import UnitOfWork


async def enter(unit: UnitOfWork, organisation_id: UUID) -> None:
    """From here on the transaction sees and writes this organisation, and no other.

    Only for calls of services in their own name, and for the provider that makes a customer: nothing that a person
    sends ever chooses the organisation.
    """
    await unit.flush()
    # Acts are of the organisation in which they were done: they are written before it is left.
    acts, unit._acts[:] = list(unit._acts), []  # noqa: SLF001 - the kit has no public way to change organisations
    await audit.append(unit.connection, *acts)
    await unit.fetch("SELECT set_config('parvis.organisation', $1, true)", str(organisation_id))
    unit.organisation_or_none = organisation_id


async def as_account(unit: UnitOfWork, account_id: UUID) -> None:
    """The transaction may read the memberships of this account, wherever they are."""
    await unit.fetch("SELECT set_config('parvis.account', $1, true)", str(account_id))
