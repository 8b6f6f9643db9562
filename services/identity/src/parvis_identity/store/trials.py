"""Try-outs of clients."""

from parvis_identity.models import Trial
from parvis_kit.unit import UnitOfWork

_DELETE = """
DELETE FROM grants g USING authorization_codes c WHERE c.digest = $1 AND c.grant_id = g.id RETURNING g.organisation_name
"""


async def find(unit: UnitOfWork, digest: bytes, *, lock: bool = False) -> Trial | None:
    """The try-out with this `state`."""
    return await unit.get(Trial, digest, lock=lock)


async def delete_grant(unit: UnitOfWork, digest: bytes) -> str:
    """Deletes what a code granted, and with it every token; the name of the organisation that it was for."""
    rows = await unit.fetch(_DELETE, digest)
    return rows[0]["organisation_name"] if rows else ""
