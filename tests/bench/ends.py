"""From the end of a session to its refusal by each service and by the gateway, while others go on working.

A person signs in, opens the portal, and every service answers them; then the session is ended as the list of devices
does it (SessionService.EndMySession). The clock runs from before that call; each service is asked again five
milliseconds after its last answer, so what is measured is rather too long than too short.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
from stage import ADMINISTRATOR, FIRM, Seat

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.identity.v1 import identity_pb2, identity_pb2_grpc
from parvis.notify.v1 import notify_pb2, notify_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_local.demo.portal import Person

PAUSE = 0.005
PATIENCE = 10.0
PART = "gateway"
Ask = Callable[[], Awaitable[object]]


def asked(seat: Seat) -> dict[str, Ask]:
    """A cheap question to each service: what nobody has. Whoever may not ask hears so before that."""
    peers, nothing = seat.portal.peers, str(uuid7())
    identity = identity_pb2_grpc.AccountServiceStub(peers.channel("identity"))
    tenancy = tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy"))
    documents = documents_pb2_grpc.DocumentServiceStub(peers.channel("documents"))
    notify = notify_pb2_grpc.MessageServiceStub(peers.channel("notify"))
    billing = billing_pb2_grpc.InvoiceServiceStub(peers.channel("billing"))
    return {
        "identity": lambda: identity.GetMyAccount(identity_pb2.GetMyAccountRequest()),
        "tenancy": lambda: tenancy.GetContact(tenancy_pb2.GetContactRequest(id=nothing)),
        "documents": lambda: documents.GetDocument(documents_pb2.GetDocumentRequest(id=nothing)),
        "notify": lambda: notify.GetMessage(notify_pb2.GetMessageRequest(id=nothing)),
        "billing": lambda: billing.GetInvoice(billing_pb2.GetInvoiceRequest(id=nothing)),
    }


async def is_refused(ask: Ask) -> bool:
    """Whether a service lets the caller in no more."""
    try:
        await ask()
    except ServiceError as error:
        if error.kind is Kind.UNAUTHENTICATED:
            return True
        if error.kind is not Kind.NOT_FOUND:
            raise
    return False


async def one_end(seat: Seat) -> dict[str, float]:
    """Signs somebody in and out; the milliseconds after which each service refused them."""
    person = Person(seat.portal, ADMINISTRATOR)
    try:
        await person.sign_in()
        (await person.open(f"/o/{FIRM}/account")).raise_for_status()

        async def page() -> None:
            answer = await person.open(f"/o/{FIRM}/account", follow=False)
            if answer.status_code != httpx.codes.OK:
                raise ServiceError(Kind.UNAUTHENTICATED, "session_ended")

        questions = {**asked(seat), PART: page}
        async with person.acting_for(seat.organisation_id):
            for part, ask in questions.items():
                if await is_refused(ask):
                    raise RuntimeError(f"{part} refuses somebody who has just signed in.")
            sessions = identity_pb2_grpc.SessionServiceStub(seat.portal.peers.channel("identity"))
            mine = await sessions.ListMySessions(identity_pb2.ListMySessionsRequest())
            ends = identity_pb2.EndMySessionRequest(session_id=next(each.id for each in mine.sessions if each.current))
            started = time.perf_counter()

            async def until_refused(ask: Ask) -> float:
                while not await is_refused(ask):
                    if time.perf_counter() > started + PATIENCE:
                        raise RuntimeError(f"A session that ended is still good after {PATIENCE:g} s.")
                    await asyncio.sleep(PAUSE)
                return 1000 * (time.perf_counter() - started)

            waiting = [asyncio.create_task(until_refused(ask)) for ask in questions.values()]
            await sessions.EndMySession(ends)
            return dict(zip(questions, await asyncio.gather(*waiting), strict=True))
    finally:
        await person.close()


async def ends(seat: Seat, count: int, load: Callable[[], Awaitable[None]]) -> list[dict[str, float]]:
    """That many, one after another, while `load` runs."""
    working = asyncio.create_task(load())
    try:
        made = []
        for _ in range(count):
            made.append(await one_end(seat))
            if working.done():
                working.result()
        return made
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
