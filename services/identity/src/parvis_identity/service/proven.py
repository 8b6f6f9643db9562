"""Requests for an account whose address is proven: tenancy is told once their owner can sign in."""

from parvis.identity.v1 import events_pb2
from parvis_identity.models import AccessRequest, Account
from parvis_identity.store import requests as store
from parvis_kit.unit import UnitOfWork


async def send_all(unit: UnitOfWork, account: Account) -> None:
    """Tells of what an account asked for before it had a password. The unit is in their organisations afterwards."""
    for request in await store.proven(unit, account.id):
        await unit.enter(request.organisation_id)
        send(unit, request, account)


def send(unit: UnitOfWork, request: AccessRequest, account: Account) -> None:
    """Tells of one request, locked, in its organisation."""
    request.account_id, request.sent_at = account.id, unit.now
    event = events_pb2.AccessRequested(
        request_id=str(request.id),
        account_id=str(account.id),
        mail=account.mail,
        given_name=account.given_name or request.given_name,
        family_name=account.family_name or request.family_name,
        locale=account.locale,
        message=request.message,
    )
    unit.emit(event, aggregate_id=request.id)
    unit.record("request.sent", target_kind="request", target_id=request.id, account=str(account.id))
