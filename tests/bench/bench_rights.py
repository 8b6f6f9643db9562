"""Rights: decisions over gRPC, in a process and beside others', pages of contacts under every reach, memory.

The firm has 3,000 members in a hierarchy; for questions 300,000 contacts, for pages 3 million (`PARVIS_BENCH_CONTACTS`
says another number). Making them takes minutes, which are said.
"""

import os
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import rights_checks
import rights_freshness
import rights_http
import rights_lists
import rights_moves
from machine import Watch, median, percentile, quietest, sized, wait_for_quiet
from report import Figure, console, show
from rights_lists import Pages
from rights_peers import by_casbin, cerbos
from rights_population import LargeFirm, settled
from rights_process import CACHED, rates, weigh
from rights_questions import Question, drawn
from stage import Seat, administrator, run, running_suite, used

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_local.suite import Suite

MEMBERS = 3000
ASKED_ABOUT = sized(300_000, 50_000)
LISTED = int(os.environ.get("PARVIS_BENCH_CONTACTS", sized(3_000_000, 200_000)))
QUESTIONS = sized(2000, 400)
ROUNDS = sized(3, 1)
WARMING = 200


async def main() -> None:
    """Measures and prints."""
    with running_suite() as suite:
        async with administrator(suite) as seat:
            await rights_freshness.measure(seat)
            firm = await made(seat, ASKED_ABOUT)
            questions = await drawn(suite, firm, QUESTIONS)
            wait_for_quiet()
            await report_calls(seat, firm, questions)
            await report_moves(seat, firm)
            report_process(firm, questions)
            await report_peers(firm, questions)
            await report_products(suite, firm, questions)
            await report_pages(suite, await made(seat, LISTED))


async def made(seat: Seat, contacts: int) -> LargeFirm:
    """A large firm, whose director is the demonstration's administrator."""
    console.print(f"making {MEMBERS:,} members and {contacts:,} contacts", style="dim")
    account = await account_of(seat)
    firm = await settled(seat.suite, members=MEMBERS, contacts=contacts, account_id=account)
    console.print(f"made within {firm.seconds:.0f} s", style="dim")
    return firm


async def report_moves(seat: Seat, firm: LargeFirm) -> None:
    """A part of the hierarchy moves to and fro."""
    previews, took = await rights_moves.moves(seat, firm)
    below = len(firm.below(rights_moves.MOVED))
    show(
        f"A member with {below - 1} others below is attached to another superior, in a firm of {len(firm.members):,}",
        [
            Figure("moved, p50", median(took), "ms", at_most=100),
            Figure("moved, p95", percentile(took, 0.95), "ms"),
            Figure("what the move would change, shown before, p50", median(previews), "ms"),
        ],
        f"{rights_moves.MOVES} moves over gRPC, each with the check that nobody is lifted above the ceiling",
    )


async def report_calls(seat: Seat, firm: LargeFirm, questions: Sequence[Question]) -> None:
    """Questions over gRPC beside an RPC that does nothing."""
    async with rights_checks.empty_server(seat) as (stub, process):
        bench = rights_checks.Bench(seat, firm, questions, stub, process)

        async def turn(_: int) -> tuple[Watch, rights_checks.Round]:
            with Watch(lambda: sum(used(seat.suite).values()) + sum(process.cpu_times()[:2])) as watch:
                result = await bench.round_of()
            return watch, result

        rounds, note = await quietest(turn, ROUNDS)

    def of(part: str) -> tuple[list[float], float, float]:
        found = [getattr(each, part) for each in rounds]
        took = [took for each in found for took in each.took]
        return took, median(each.server for each in found), median(each.postgres for each in found)

    empty, empty_cpu, _ = of("empty")
    figures, spent = [], [f"nothing {empty_cpu:.2f} of the empty server's"]
    for part, name, half, most in (
        ("own", "Check, of the caller on a contact", 1, 3),
        ("others", "BatchCheck, one question about any member", None, None),
        ("yes", "Explain, why", None, 5),
        ("no", "Explain, why not", None, 5),
    ):
        took, server, postgres = of(part)
        figures += [
            Figure(
                f"{name}, p50", median(took), "ms", baseline=median(empty), ratio=median(took) / median(empty),
                at_most=half,
            ),
            Figure(
                f"{name}, p95", percentile(took, 0.95), "ms", baseline=percentile(empty, 0.95),
                ratio=percentile(took, 0.95) / percentile(empty, 0.95), at_most=most,
            ),
        ]  # fmt: skip
        spent.append(f"{name} {server:.2f} of tenancy's and {postgres:.2f} of PostgreSQL's")
    show(
        f"Questions over gRPC with mutual TLS, {len(firm.members):,} members, {firm.contacts:,} contacts",
        figures,
        note,
        "baseline: the same call by the same caller to a server with nothing behind it (no rule, no database)",
        f"one after the other; CPU of a call, ms: {'; '.join(spent)}",
    )


def report_process(firm: LargeFirm, questions: Sequence[Question]) -> None:
    """Decisions from grant sets in this process, and what the sets weigh."""
    found, weight = rates(firm, questions), weigh(firm)
    show(
        "Decisions in a process that has the grant set",
        [
            Figure(
                "decisions", found.decisions, "/s", baseline=found.bare, ratio=found.decisions / found.bare,
                at_least=1_000_000,
            ),
            Figure(f"memory of a set, average of {CACHED:,} in a cache", weight.average / 1024, "KiB"),
            Figure(f"memory of the widest set ({weight.advisers:,} advisers)", weight.widest / 1024, "KiB"),
            Figure("the widest set on the wire", weight.widest_wire / 1024, "KiB"),
        ],
        "baseline: `isdisjoint` of the same frozensets, in the same loop",
        f"ten rights in a set, eight over contacts; of {len(firm.members):,} members in a hierarchy, a quarter each"
        " reaches mine, attached, group, all",
    )  # fmt: skip


async def report_peers(firm: LargeFirm, questions: Sequence[Question]) -> None:
    """The same questions to pycasbin and to Cerbos: all must answer alike."""
    enforce = by_casbin(firm, questions)
    by_others = {"pycasbin, in the process": timed(enforce, questions)}
    async with cerbos(firm) as server:
        bodies = {id(each): server.body(each) for each in questions}

        def ask(question: Question) -> bool:
            return server.ask(bodies[id(question)], question.right)

        timed(ask, questions[:WARMING])
        before = server.cpu_seconds()
        by_others["Cerbos, HTTP on this machine"] = timed(ask, questions)
        spent = 1000 * (server.cpu_seconds() - before) / len(questions)
    figures = []
    for name, took in by_others.items():
        figures += [
            Figure(f"{name}, p50", median(took), "ms"),
            Figure(f"{name}, p95", percentile(took, 0.95), "ms"),
        ]
    show(
        "The same rules and facts, decided by others",
        figures,
        f"a Cerbos decision took {spent:.2f} ms of its CPU; its facts come with the question, gathered beforehand",
        f"{len(questions):,} questions, half of them about contacts near the member: everybody answered alike",
    )


async def report_products(suite: Suite, firm: LargeFirm, questions: Sequence[Question]) -> None:
    """One evaluation over REST, as a product asks it (AuthZEN): through the gateway, and without it."""
    await rights_http.subscribed(suite, firm)
    addresses = {
        "through the gateway": suite.addresses["portal"],
        "at tenancy's own listener": f"http://127.0.0.1:{suite.ports.http('tenancy')}",
    }
    figures = []
    for name, address in addresses.items():
        with rights_http.product_of(suite, firm, address) as ask:
            timed(ask, questions[:WARMING])
            took = timed(ask, questions)
        figures += [
            Figure(f"an evaluation {name}, p50", median(took), "ms"),
            Figure(f"an evaluation {name}, p95", percentile(took, 0.95), "ms"),
        ]
    show(
        "A product asks who may do what (AuthZEN over HTTP)",
        figures,
        f"{len(questions):,} questions one after the other, each from the tables: no answer is kept anywhere",
    )


def timed(ask: Callable[[Question], bool], questions: Sequence[Question]) -> list[float]:
    """Milliseconds of each answer. Raises RuntimeError when one is wrong."""
    took = []
    for question in questions:
        began = time.perf_counter()
        answer = ask(question)
        took.append(1000 * (time.perf_counter() - began))
        if answer != question.expected:
            raise RuntimeError(f"{question} was answered {answer}.")
    return took


async def report_pages(suite: Suite, firm: LargeFirm) -> None:
    """Pages under every reach."""
    cursors = await rights_lists.places(suite, firm, rights_lists.PAGES)
    async with rights_lists.opened(suite) as (database, bare):

        async def turn(_: int) -> tuple[Watch, tuple[list[float], list[Pages]]]:
            with Watch(lambda: sum(used(suite).values())) as watch:
                scanned = await rights_lists.scan(bare, firm.organisation_id, cursors)
                found = [
                    await rights_lists.pages(database, firm, name, reach, cursors)
                    for name, reach in rights_lists.reaches(firm).items()
                ]
            return watch, (scanned, found)

        await turn(0)
        rounds, note = await quietest(turn, ROUNDS)
    scanned = [took for scan, _ in rounds for took in scan]
    figures = []
    for each in zip(*(found for _, found in rounds), strict=True):
        advisers = "" if each[0].advisers is None else f" ({each[0].advisers:,} advisers)"
        took = [took for pages in each for took in pages.took]
        figures += [
            Figure(
                f"{each[0].name}{advisers}, p95", percentile(took, 0.95), "ms", baseline=percentile(scanned, 0.95),
                ratio=percentile(took, 0.95) / percentile(scanned, 0.95), at_most=5,
            ),
            Figure(
                f"{each[0].name}, p50", median(took), "ms", baseline=median(scanned),
                ratio=median(took) / median(scanned),
            ),
        ]  # fmt: skip
    show(
        f"A page of fifty contacts by name, of {firm.contacts:,} in one firm",
        figures,
        note,
        "baseline: the bare index scan over all contacts, one statement, keys only, on a connection in a transaction",
        "a page: a whole unit of work (BEGIN, keys, contacts with advisers and accesses, COMMIT); a third are first"
        " pages with their totals, the others begin anywhere; one kind, or all",
        "PostgreSQL itself keeps 64 MiB here: what a round reads stands in the system's memory since the round before",
    )


async def account_of(seat: Seat) -> UUID:
    """The account of whoever sits there."""
    organisations = tenancy_pb2_grpc.OrganisationServiceStub(seat.portal.peers.channel("tenancy"))
    async with seat.acting():
        return UUID((await organisations.GetFrame(tenancy_pb2.GetFrameRequest())).membership.account_id)


if __name__ == "__main__":
    run(main)
