"""A product asks over REST (AuthZEN): through the gateway, and at tenancy's own listener."""

import http.client
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
from rights_population import LargeFirm
from rights_questions import Question

from parvis_local.suite import Suite

PATH = "/api/tenancy/access/v1/evaluation"
_SUBSCRIBED = """
INSERT INTO subscriptions (organisation_id, product_id, provider_id)
SELECT $1, id, provider_id FROM products WHERE client_id = $2 ON CONFLICT DO NOTHING"""


@contextmanager
def product_of(suite: Suite, firm: LargeFirm, address: str) -> Iterator[Callable[[Question], bool]]:
    """What the demonstration's product, which the firm subscribes, is answered at an address: may they see the
    contact?
    """
    token, place = _token(suite), urlsplit(address)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 80)

    def ask(question: Question) -> bool:
        asked = {
            "subject": {"type": "member", "id": str(firm.members[question.member])},
            "action": {"name": "contacts.read"},
            "resource": {"type": "contact", "id": str(question.contact)},
            "context": {"organisation": firm.slug},
        }
        connection.request("POST", PATH, json.dumps(asked), headers)
        return json.loads(connection.getresponse().read())["decision"]

    try:
        yield ask
    finally:
        connection.close()


async def subscribed(suite: Suite, firm: LargeFirm) -> None:
    """Gives the firm the demonstration's product."""
    connection = await asyncpg.connect(suite.superuser_url("tenancy"))
    try:
        await connection.execute(_SUBSCRIBED, firm.organisation_id, _client(suite)["client_id"])
    finally:
        await connection.close()


def _client(suite: Suite) -> dict[str, str]:
    return json.loads(suite.context.product_file.read_text())


def _token(suite: Suite) -> str:
    known, place = _client(suite), urlsplit(suite.addresses["portal"])
    basic = b64encode(f"{known['client_id']}:{known['client_secret']}".encode()).decode()
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 80)
    sent = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/oauth2/token", "grant_type=client_credentials", sent)
    return json.loads(connection.getresponse().read())["access_token"]
