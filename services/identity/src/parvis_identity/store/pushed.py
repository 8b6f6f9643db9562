"""Authorization requests that clients sent ahead."""

import json
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_identity.models import PushedRequest
from parvis_kit.unit import UnitOfWork

_NAMES = ("digest", "client_id", "dpop_jkt", "created_at", "expires_at", "used_at")
_FIND = f"SELECT {', '.join(_NAMES)}, parameters FROM pushed_requests WHERE digest = $1"  # noqa: S608 - names of ours


async def save(unit: UnitOfWork, pushed: PushedRequest) -> None:
    """A new request."""
    await unit.execute(insert(PushedRequest).values(**pushed.model_dump()))


async def find(unit: UnitOfWork, digest: bytes) -> PushedRequest | None:
    """The request with this secret, old and used ones too."""
    rows = await unit.fetch(_FIND, digest)
    if not rows:
        return None
    parameters = rows[0]["parameters"]
    given = json.loads(parameters) if isinstance(parameters, str) else parameters
    return PushedRequest(parameters=given, **{name: rows[0][name] for name in _NAMES})


async def use(unit: UnitOfWork, digest: bytes, at: datetime) -> bool:
    """Marks a request answered; False when somebody else was first."""
    unused = (col(PushedRequest.digest) == digest, col(PushedRequest.used_at).is_(None))
    statement = update(PushedRequest).where(*unused).values(used_at=at)
    return (await unit.execute(statement.returning(col(PushedRequest.digest)))).first() is not None
