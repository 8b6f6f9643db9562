"""Questions over gRPC, by a caller with a certificate of its own as any service is, beside an RPC that does nothing.

All are asked with the director's token: `Check` about themself, `BatchCheck` with one question about any member.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from rights_population import LargeFirm
from rights_questions import Question
from stage import Seat, used

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.client import Peers

WARMING = 200
EXPLAINED = 100


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls one after the other: milliseconds of each, and of CPU of tenancy (or the empty server) and PostgreSQL."""

    took: Sequence[float]
    server: float
    postgres: float


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of everything that is compared."""

    empty: Calls
    own: Calls
    others: Calls
    yes: Calls
    no: Calls


@asynccontextmanager
async def empty_server(seat: Seat) -> AsyncIterator[tuple[tenancy_pb2_grpc.RightsServiceStub, psutil.Process]]:
    """The server that does nothing, asked as tenancy is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(__file__).parent / "baseline" / "empty.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, str(port), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    settings = seat.portal.peers._settings
    peers = Peers(settings.model_copy(update={"peers": {"tenancy": f"127.0.0.1:{port}"}}))
    try:
        process.stdin.write(json.dumps(seat.suite.environment("tenancy")).encode() + b"\n")
        await process.stdin.drain()
        async with asyncio.timeout(60):
            if not await process.stdout.readline():
                raise RuntimeError("The empty server ended: its messages stand above.")
        yield tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy")), psutil.Process(process.pid)
    finally:
        await peers.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def calls(
    ask: Callable[[Question], Awaitable[bool]], questions: Sequence[Question], cpu: Callable[[], tuple[float, float]]
) -> Calls:
    """Asks one after the other. Raises RuntimeError when an answer is wrong."""
    took, before = [], cpu()
    for question in questions:
        began = time.perf_counter()
        answer = await ask(question)
        took.append(1000 * (time.perf_counter() - began))
        if answer != question.expected:
            raise RuntimeError(f"{question} was answered {answer}.")
    server, postgres = (1000 * (after - then) / len(questions) for after, then in zip(cpu(), before, strict=True))
    return Calls(took, server, postgres)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a round needs."""

    seat: Seat
    firm: LargeFirm
    questions: Sequence[Question]
    empty: tenancy_pb2_grpc.RightsServiceStub
    empty_process: psutil.Process

    @property
    def rights(self) -> tenancy_pb2_grpc.RightsServiceStub:
        """Tenancy's."""
        return tenancy_pb2_grpc.RightsServiceStub(self.seat.portal.peers.channel("tenancy"))

    async def ask_nothing(self, question: Question) -> bool:
        """The empty RPC, whose answer is no answer."""
        await self.empty.Check(tenancy_pb2.CheckRequest(right=question.right, contact_id=str(question.contact)))
        return question.expected

    async def ask_own(self, question: Question) -> bool:
        """The director, who may everything: as was expected when it is a yes."""
        request = tenancy_pb2.CheckRequest(right=question.right, contact_id=str(question.contact))
        allowed = (await self.rights.Check(request)).allowed
        return question.expected if allowed else not question.expected

    def _asked(self, question: Question) -> tenancy_pb2.Question:
        contact = tenancy_pb2.ResourceRef(type="contact", id=str(question.contact))
        return tenancy_pb2.Question(
            membership_id=str(self.firm.members[question.member]), right=question.right, resource=contact
        )

    async def ask(self, question: Question) -> bool:
        """Any member."""
        request = tenancy_pb2.BatchCheckRequest(questions=[self._asked(question)])
        return (await self.rights.BatchCheck(request)).decisions[0].allowed

    async def explain(self, question: Question) -> bool:
        """Why, or why not."""
        return (await self.rights.Explain(tenancy_pb2.ExplainRequest(question=self._asked(question)))).allowed

    def _cpu(self) -> tuple[float, float]:
        spent = used(self.seat.suite)
        return spent["tenancy"], spent["postgres"]

    def _empty_cpu(self) -> tuple[float, float]:
        return sum(self.empty_process.cpu_times()[:2]), 0.0

    async def round_of(self) -> Round:
        """One turn."""
        yes, no = ([each for each in self.questions if each.expected is wanted] for wanted in (True, False))
        async with self.seat.person.acting_for(str(self.firm.organisation_id)):
            await calls(self.ask_nothing, self.questions[:WARMING], self._empty_cpu)
            empty = await calls(self.ask_nothing, self.questions, self._empty_cpu)
            await calls(self.ask_own, self.questions[:WARMING], self._cpu)
            own = await calls(self.ask_own, self.questions, self._cpu)
            await calls(self.ask, self.questions[:WARMING], self._cpu)
            others = await calls(self.ask, self.questions, self._cpu)
            allowed = await calls(self.explain, yes[:EXPLAINED], self._cpu)
            refused = await calls(self.explain, no[:EXPLAINED], self._cpu)
        return Round(empty, own, others, allowed, refused)
