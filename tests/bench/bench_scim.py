"""A firm's directory over SCIM: ten thousand people in bulk requests of a thousand, until tenancy has heard of each;
and from the call that says somebody left to their refusal by every service and the gateway.

The clock of the bulk is the directory's: from its first request to its last answer. A leaver's runs from the answer of
the call; each part is asked again five milliseconds after its last answer, from before the call on.
"""

import asyncio
import hashlib
import secrets
import sys
import time
from uuid import UUID

import asyncpg
import httpx
from directories import everybody_advises
from ends import PAUSE, is_refused
from ends import asked as questions_of
from machine import percentile, sized, wait_for_quiet
from report import Figure, show
from stage import FIRM, Seat, administrator, running_suite, used

from parvis.identity.v1 import scim_pb2, scim_pb2_grpc
from parvis_kit.errors import Kind, ServiceError
from parvis_local.demo.portal import Person, eventually
from parvis_local.suite import Suite

PEOPLE, A_REQUEST, LEAVERS = sized(10_000, 2000), 1000, sized(40, 10)
PATIENCE = 600.0  # s, until tenancy has heard of everybody
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


async def main() -> None:
    """Measures and prints."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    with running_suite() as suite:
        async with administrator(suite) as seat:
            token = await made_token(seat)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
            base = f"{seat.portal.url}/scim/v2"
            async with httpx.AsyncClient(base_url=base, headers=headers, timeout=120, trust_env=False) as http:
                wait_for_quiet()
                await report_leavers(suite, seat, http)
                await report_bulk(suite, seat, http, people)


async def made_token(seat: Seat) -> str:
    """A token of the firm's directory."""
    tokens = scim_pb2_grpc.ScimServiceStub(seat.portal.peers.channel("identity"))
    async with seat.acting():
        for each in (await tokens.GetScim(scim_pb2.GetScimRequest())).tokens:
            await tokens.RevokeScimToken(scim_pb2.RevokeScimTokenRequest(id=each.id))
        return (await tokens.CreateScimToken(scim_pb2.CreateScimTokenRequest(name="bench", days=1))).secret


def bodies(run: str, people: int) -> list[dict[str, object]]:
    """Bulk requests, each of as many people as one may have."""
    operations = [
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": str(each),
            "data": {
                "schemas": [USER, ENTERPRISE],
                "userName": f"{run}-{each}",
                "externalId": f"{run}-{each}",
                "name": {"givenName": f"Prénom {each}", "familyName": f"Nom {each}"},
                "emails": [{"value": f"{run}-{each}@bench.example", "type": "work", "primary": True}],
                "active": True,
                "title": "Collaborateur",
                ENTERPRISE: {"department": f"Service {each % 40}"},
            },
        }
        for each in range(people)
    ]
    return [
        {"schemas": [BULK], "Operations": operations[start : start + A_REQUEST]}
        for start in range(0, people, A_REQUEST)
    ]


async def report_bulk(suite: Suite, seat: Seat, http: httpx.AsyncClient, people: int) -> None:
    """Everybody arrives; then tenancy is counted."""
    run = f"b{secrets.token_hex(4)}"
    requests = bodies(run, people)
    before = used(suite)
    started = time.perf_counter()
    made: list[str] = []
    for each in requests:
        answer = (await http.post("/Bulk", json=each)).raise_for_status().json()
        made += [one["location"] for one in answer["Operations"] if one["status"] == "201"]
    took = time.perf_counter() - started
    after = used(suite)
    busy = {name: after[name] - before.get(name, 0) for name in after}
    heard, waited = await heard_by_tenancy(suite, seat, run, len(made))
    figures = [
        Figure(f"bulk of {people:,} people", took, "s", at_most=60),
        Figure("of it a core: identity", busy.get("Identity", busy.get("identity", 0)), "s"),
        Figure("of it a core: PostgreSQL", busy.get("PostgreSQL", busy.get("postgres", 0)), "s"),
        Figure("people made", len(made), "people", at_least=people),
        Figure("events lost before tenancy", len(made) - heard, "events", at_most=0),
        Figure("until tenancy had heard of the last", took + waited, "s"),
    ]
    show("A directory sends its people", figures, f"{len(requests)} requests of {A_REQUEST}, one after the other")


async def heard_by_tenancy(suite: Suite, seat: Seat, run: str, people: int) -> tuple[int, float]:
    """How many people of the run tenancy knows in the end, and how long that took from now on."""
    connection = await asyncpg.connect(suite.superuser_url("tenancy"))
    started, heard = time.perf_counter(), -1
    try:
        while heard < people and time.perf_counter() - started < PATIENCE:
            query = "SELECT count(*) FROM directory_people WHERE organisation_id = $1 AND scim->>'user_name' LIKE $2"
            heard = await connection.fetchval(query, seat.organisation_id, f"{run}-%")
            await asyncio.sleep(0.2)
    finally:
        await connection.close()
    return heard, time.perf_counter() - started


async def report_leavers(suite: Suite, seat: Seat, http: httpx.AsyncClient) -> None:
    """People come in, work, and leave by one call of the directory."""
    await everybody_advises(seat)
    took: dict[str, list[float]] = {}
    connection = await asyncpg.connect(suite.superuser_url("identity"))
    try:
        for _ in range(LEAVERS):
            for part, milliseconds in (await one_leaver(suite, seat, http, connection)).items():
                took.setdefault(part, []).append(milliseconds)
    finally:
        await connection.close()
    figures = []
    for part, found in took.items():
        figures += [
            Figure(f"{part}: refused, p50", percentile(found, 0.5), "ms"),
            Figure(f"{part}: refused, p99", percentile(found, 0.99), "ms", at_most=1000),
        ]
    show("Somebody leaves", figures, f"{LEAVERS} people who were at work; the clock runs from the answer of the call")


async def one_leaver(
    suite: Suite, seat: Seat, http: httpx.AsyncClient, connection: asyncpg.Connection
) -> dict[str, float]:
    """Milliseconds after which each part refused somebody whom the directory lets in no more."""
    name = f"l{secrets.token_hex(5)}"
    made = (await http.post("/Users", json={"schemas": [USER], "userName": name})).raise_for_status().json()
    person = await at_work(suite, seat, connection, made["id"], name)
    try:

        async def page() -> None:
            answer = await person.open(f"/o/{FIRM}/account", follow=False)
            if answer.status_code != httpx.codes.OK:
                raise ServiceError(Kind.UNAUTHENTICATED, "session_ended")

        questions = {**questions_of(seat), "gateway": page}
        async with person.acting_for(seat.organisation_id):
            for part, ask in questions.items():
                if await is_refused(ask):
                    raise RuntimeError(f"{part} refuses somebody who has just come in.")
            leaves = {"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}

            async def answered() -> float:
                (await http.patch(f"/Users/{made['id']}", json=leaves)).raise_for_status()
                return time.perf_counter()

            async def refused(part: str) -> tuple[str, float]:
                while True:
                    if await is_refused(questions[part]):
                        return part, time.perf_counter()
                    await asyncio.sleep(PAUSE)

            told, *found = await asyncio.gather(answered(), *map(refused, questions))
            return {part: max(0.0, at - told) * 1000 for part, at in found}
    finally:
        await person.close()


async def at_work(suite: Suite, seat: Seat, connection: asyncpg.Connection, user_id: str, name: str) -> Person:
    """The person, in a session that their firm's provider would have begun."""
    secret = secrets.token_urlsafe(32)
    await connection.execute(_BEGIN, hashlib.sha256(secret.encode()).digest(), UUID(user_id))
    person = Person(seat.portal, name)
    cookie = f"{suite.environment('identity')['PARVIS_INSTANCE']}-identity"
    person._http.cookies.set(cookie, secret)
    await person.sign_in()

    async def opened() -> None:
        async with person.acting_for(seat.organisation_id):
            pass

    await eventually(opened)
    (await person.open(f"/o/{FIRM}/account")).raise_for_status()
    return person


_BEGIN = """
INSERT INTO sessions (id, digest, account_id, started_at, last_seen_at, auth_time, acr, amr, device, proof_at)
SELECT gen_random_uuid(), $1, u.account_id, now(), now(), now(), '1', '{pwd}', 'Bench', now()
  FROM scim_users u WHERE u.id = $2
"""


if __name__ == "__main__":
    asyncio.run(main())
