"""What somebody is told by mail of their second factors: every change, whoever made it. notify writes the mails."""

from datetime import datetime
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.models import Account
from parvis_kit.unit import UnitOfWork


def tell(
    unit: UnitOfWork,
    account: Account,
    change: events_pb2.FactorsChange.ValueType,
    *,
    factor: str = "",
    device: str = "",
    codes_left: int = 0,
    organisation: str = "",
    reset_id: UUID | None = None,
    due_at: datetime | None = None,
) -> None:
    """Says to the owner of an account what changed; nothing to whoever has no address."""
    if not account.mail:
        return
    event = events_pb2.FactorsChanged(
        account_id=str(account.id),
        mail=account.mail,
        given_name=account.given_name,
        family_name=account.family_name,
        locale=account.locale,
        change=change,
        factor=factor,
        device=device,
        codes_left=codes_left,
        organisation_name=organisation,
        reset_id=str(reset_id or ""),
    )
    if due_at is not None:
        event.due_at.FromDatetime(due_at)
    unit.emit(event, aggregate_id=account.id)
