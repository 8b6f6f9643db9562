"""The metrics of a suite at work: complete, bounded, and about nobody."""

import asyncio
import re

import httpx
import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from parvis_local.catalogue import SERVICES
from parvis_local.demo.portal import Person
from parvis_watch import metrics

#: With the first event, the first failure, the first second delivery.
APPEAR_LATER = {f"parvis_{name}" for name in ("events_handled", "event_seconds", "rpcs_failed", "events_redelivered")}
PROCESSES = (*SERVICES, "web")
#: What a label may say: names of our contracts, routes, outcomes, releases.
LABELS = {
    "method": re.compile(r"/?parvis\.[a-z.0-9]+\.\w+[./]\w+|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|other"),
    "route": re.compile(r"\(none\)|(/[a-z0-9_.\-]*|/\{\w+(:\w+)?\})+"),
    "status": re.compile(r"[1-5]\d\d"),
    "subject": re.compile(r"parvis\.\w+\.v1\.\w+"),
    "database": re.compile(r"[0-9]{4}"),
    "code": re.compile(r"[0-9]{4}|[a-z_]+"),
    "version": re.compile(r"[0-9.]+"),
    "major": re.compile(r"\d+"), "minor": re.compile(r"\d+"), "patchlevel": re.compile(r"\d+"),
    "generation": re.compile(r"\d"),
    "le": re.compile(r"[0-9.]+|\+Inf"),
}  # fmt: skip
WORD = re.compile(r"[A-Za-z_]*")
#: Of one process. A service with a hundred RPCs has some two thousand.
MOST_SERIES = 6_000


@pytest.fixture(scope="module")
async def told(suite, portal):
    """The metrics of each process, after people have worked: samples by process."""
    for identifier, slug, start in (
        ("claire.orsel@orsel.example", "", "/o/cabinet-orsel/"),
        ("C0001", "cabinet-orsel", "/o/cabinet-orsel/"),
    ):
        person = Person(portal, identifier, slug=slug)
        await person.sign_in()
        await person.open(start)
        await person.open("/o/cabinet-orsel/contacts", follow=False)
        await person.open("/o/cabinet-orsel/contacts/claire.orsel@orsel.example", follow=False)
        await person.open("/nowhere/claire.orsel", follow=False)
        await person.close()
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        urls = [f"http://{suite.environment(name)['PARVIS_HTTP_LISTEN']}/metrics" for name in PROCESSES]
        pages = await asyncio.gather(*(http.get(url) for url in urls))
    return {
        name: [sample for family in text_string_to_metric_families(page.text) for sample in family.samples]
        for name, page in zip(PROCESSES, pages, strict=True)
    }


@pytest.mark.parametrize("process", PROCESSES)
async def test_labels_are_words_of_ours(told, process):
    wrong = {
        (sample.name, name, value)
        for sample in told[process]
        for name, value in sample.labels.items()
        if not LABELS.get(name, WORD).fullmatch(value)
    }
    assert wrong == set()


@pytest.mark.parametrize("process", PROCESSES)
async def test_a_process_has_a_bounded_number_of_series(told, process):
    assert len(told[process]) < MOST_SERIES


@pytest.mark.parametrize("process", PROCESSES)
async def test_a_process_knows_how_it_stands(told, process):
    found = {sample.name: sample for sample in told[process] if not sample.labels or "service" in sample.labels}
    assert found["parvis_build_info"].labels["service"] == process
    stands = ("parvis_database_up", "parvis_broker_up", "parvis_schema_difference")
    assert [found[name].value for name in stands] == [1, 1, 0]
    assert found["parvis_dead_letters"].value >= 0  # looked at every few seconds: other tests' letters stand a moment
    assert abs(found["parvis_clock_drift_seconds"].value) < 1
    assert found["parvis_revocations_silence_seconds"].value < 60


async def test_every_probe_works(told):
    failed = [
        (process, sample.labels["probe"])
        for process, samples in told.items()
        for sample in samples
        if sample.name == "parvis_probe_failed" and sample.value
    ]
    assert failed == []


async def test_what_was_done_is_counted(told):
    def total(process, name, **labels):
        return sum(
            sample.value for sample in told[process] if sample.name == name and labels.items() <= sample.labels.items()
        )

    assert total("web", "parvis_http_requests_total", route="/o/{slug}/", status="200") >= 2
    assert total("identity", "parvis_http_requests_total", route="/login", method="POST") >= 1
    assert total("tenancy", "parvis_rpcs_handled_total", code="ok") >= 1
    assert total("tenancy", "parvis_rpc_seconds_count") >= 1
    assert total("web", "parvis_rpcs_sent_total") >= 1
    assert total("web", "parvis_rpc_sent_seconds_count", peer="tenancy") >= 1
    assert total("identity", "parvis_database_connections_limit") >= 1
    assert total("identity", "parvis_certificate_end_timestamp_seconds", certificate="own") > 1e9


async def test_every_metric_of_the_list_is_told(told):
    names = {sample.name for samples in told.values() for sample in samples}
    listed = {each._name for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)}
    missing = {name for name in listed if not any(each.startswith(name) for each in names)}
    assert missing <= APPEAR_LATER
