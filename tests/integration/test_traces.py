"""A suite whose traces are collected: one request is one trace, from Traefik to those who handle its events, and
neither spans nor logs hold anything of the people who worked.

The suite is this file's own: it is told where the collector is (collector.py, a test double) when it starts.
"""

import asyncio
import json
import os
import re
import tempfile
from dataclasses import asdict
from pathlib import Path

import asyncpg
import httpx
import pytest
from collector import Collector

from parvis_kit.ids import uuid7
from parvis_local.demo.portal import PASSWORD, Person, Portal
from parvis_local.ports import free_base
from parvis_local.suite import Suite

NEW = "/o/cabinet-orsel/contacts/new"
#: Characters of a secret; shorter ones are words.
LONG = 12


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def watched(collector):
    """A suite that sends its traces."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
    try:
        with tempfile.TemporaryDirectory(prefix="parvis-watched-", ignore_cleanup_errors=True) as data:
            Path(data).chmod(0o755)  # PostgreSQL's account must reach its folder when the tests run as root
            with Suite(Path(data), port=free_base()) as suite:
                yield suite
    finally:
        del os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]


@pytest.fixture(scope="module")
async def watched_portal(watched):
    async with Portal(watched.context) as portal:
        yield portal


@pytest.fixture(scope="module")
async def worked(watched, watched_portal):
    """An administrator made a contact and failed to sign in somewhere; what was typed."""
    typed = {"name": f"Menuiserie Kerautret {uuid7()}", "mail": "gwenola.kerautret@kerautret.example"}
    claire = Person(watched_portal, "claire.orsel@orsel.example")
    await claire.sign_in()
    await claire.open("/o/cabinet-orsel/")
    made = await claire.fill(NEW, {"kind": "client", **typed})
    assert made.status_code == httpx.codes.OK
    await claire.open("/o/cabinet-orsel/contacts?q=Kerautret")
    await claire.close()
    await _refused_by_the_database(watched, typed["mail"])
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as stranger:
        for path in (
            "/activate/1a2b3c-secret-of-a-link",
            "/reset/1a2b3c-secret-of-a-link",
            "/login?login_hint=gwenola",
        ):
            await stranger.get(f"{watched_portal.url}{path}")
    return typed


async def _refused_by_the_database(suite, mail):
    """An error of PostgreSQL's whose details quote a row."""
    connection = await asyncpg.connect(suite.superuser_url("identity"))
    try:
        await connection.execute("CREATE TEMPORARY TABLE once (mail text PRIMARY KEY)")
        await connection.execute("INSERT INTO once VALUES ($1)", mail)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO once VALUES ($1)", mail)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def trace(collector, worked):
    """The spans of the request that made the contact, once all who handle its event have said so, and what led to
    them is there: each process sends its spans when it likes.
    """
    wanted = {"documents", "billing", "notify"}
    async with asyncio.timeout(60):
        while True:
            begun = [span.trace for span in collector.spans if span.name == "POST /o/{slug}/contacts/new"]
            spans = collector.trace(begun[-1]) if begun else []
            there = {span.service for span in spans if span.kind == "CONSUMER"}
            ids = {span.id for span in spans}
            if wanted <= there and [span.service for span in spans if span.parent not in ids] == ["traefik"]:
                return spans
            await asyncio.sleep(0.2)


async def test_one_request_is_one_trace_from_the_gateway_through_all_services_to_those_who_hear_of_it(trace):
    assert {span.service for span in trace} >= {"traefik", "web", "tenancy", "documents", "billing", "notify"}


async def test_each_span_stands_below_the_one_that_led_to_it(trace):
    by_id = {span.id: span for span in trace}
    [root] = [span for span in trace if span.parent not in by_id]
    assert (root.service, root.kind) == ("traefik", "SERVER")

    def way(span):
        return [*way(by_id[span.parent]), span] if span.parent in by_id else [span]

    consumed = next(span for span in trace if span.kind == "CONSUMER" and span.service == "billing")
    steps = [(span.service, span.kind) for span in way(consumed)]
    assert steps[0] == ("traefik", "SERVER")
    assert [step for step in steps if step[0] != "traefik"] == [
        ("web", "SERVER"), ("web", "CLIENT"), ("tenancy", "SERVER"), ("tenancy", "PRODUCER"), ("billing", "CONSUMER"),
    ]  # fmt: skip


async def test_sql_stands_below_what_asked_for_it(trace):
    statements = [span for span in trace if span.attributes.get("db.system.name")]
    assert {span.service for span in statements} >= {"tenancy", "documents", "billing", "notify"}
    parents = {span.id: span.kind for span in trace}
    assert {parents[span.parent] for span in statements} <= {"SERVER", "CONSUMER", "PRODUCER"}
    assert any("INSERT INTO contacts" in span.attributes["db.query.text"] for span in statements)


async def test_a_line_in_the_logs_and_a_trace_have_the_same_number(watched, trace, worked):
    lines = [
        json.loads(line)
        for log in watched.layout.logs.glob("*.log")
        for line in log.read_text("utf-8").splitlines()
        if line.startswith("{") and '"trace_id"' in line
    ]
    assert all(re.fullmatch(r"[0-9a-f]{32}", line["trace_id"]) for line in lines)


def _words(watched, typed):
    """What no log and no span may hold: names, addresses, passwords, keys of servers, secrets of links."""
    people = {"Kerautret", "gwenola", "Claire", "Orsel.", "Aubertin", "Benhaddou", "Mercadier", "orsel.example"}
    ours = {value for value in asdict(watched.credentials).values() if isinstance(value, str) and len(value) > LONG}
    return {word.lower() for word in {*typed.values(), *people, *ours, PASSWORD, "secret-of-a-link"}}


async def test_spans_hold_nothing_of_the_people(collector, watched, trace, worked):
    told = collector.received.decode("latin-1").lower()
    assert {word for word in _words(watched, worked) if word in told} == set()
    assert re.findall(r"eyj[a-z0-9_-]{20,}\.", told) == []


async def test_logs_hold_nothing_of_the_people(watched, trace, worked):
    found = {}
    for log in watched.layout.logs.glob("*.log"):
        if log.stem in {"demo", "mail"}:
            continue  # the demonstration's loader says whom it makes, the sink shows mails: neither is deployed
        text = log.read_text("utf-8", errors="replace").lower()
        if words := {word for word in _words(watched, worked) if word in text}:
            found[log.name] = words
        assert not re.search(r"eyj[a-z0-9_-]{20,}\.", text), log.name
    assert found == {}
