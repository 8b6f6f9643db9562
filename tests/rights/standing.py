"""People of drawn organisations as they call tenancy over gRPC: the stage of tenancy's own tests, and tokens."""

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2

sys.path.insert(0, str(Path(__file__).parents[2] / "services" / "tenancy" / "tests"))
from tenancy_stage import at_work

__all__ = ["at_work", "wear"]


def wear(stage: Any, organisation: UUID, member: UUID) -> Any:
    """A member, whose account has the member's identifier, as somebody who calls."""
    membership = tenancy_pb2.Membership(
        id=str(member),
        account_id=str(member),
        organisation_id=str(organisation),
        kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF,
    )
    return stage.wear(membership)
