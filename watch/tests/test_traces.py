"""Trace contexts, with and without somebody who collects spans."""

import re

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from parvis_watch import traces
from parvis_watch.traces import child, configure_traces, edge, new_traceparent, traceparent

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = GIVEN[:-2] + "00"


@pytest.fixture
def spans(monkeypatch):
    """Spans that were made, in the order of their ends."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(traces, "_exporter", traces._Exporter(provider, 1.0))
    return kept.get_finished_spans


def test_without_a_collector_a_request_has_a_context_that_is_carried_and_no_span():
    with edge("page", "SERVER", GIVEN):
        assert traceparent() == GIVEN
        with child("call", "CLIENT"):
            assert traceparent() == GIVEN
    assert traceparent() == ""


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        GIVEN.upper(),
        GIVEN + "-more",
        "00-" + "0" * 32 + GIVEN[35:],
        GIVEN.replace("00f067aa0ba902b7", "0" * 16),
    ],
)
def test_what_is_no_context_makes_a_new_one(given):
    with edge("page", "SERVER", given):
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", traceparent())
        assert given.lower() != traceparent()


def test_a_step_stands_below_the_request_and_goes_out_with_a_context_of_its_own(spans):
    with edge("page", "SERVER", GIVEN), child("call", "CLIENT"):
        outgoing = traceparent()
    call, page = spans()
    assert (call.name, page.name) == ("call", "page")
    assert call.parent.span_id == page.context.span_id
    assert f"{page.parent.span_id:016x}" == GIVEN.split("-")[2]
    assert outgoing == f"{GIVEN[:35]}-{call.context.span_id:016x}-01"


def test_a_trace_that_somebody_chose_not_to_keep_makes_no_span(spans):
    with edge("page", "SERVER", UNSAMPLED), child("call", "CLIENT"):
        assert traceparent() == UNSAMPLED
    assert spans() == ()


def test_a_failed_step_tells_the_kind_of_its_error_and_not_its_words(spans):
    with pytest.raises(ValueError, match="Kerautret"), edge("page", "SERVER", GIVEN):
        raise ValueError("Kerautret")
    [span] = spans()
    assert (span.status.description, span.events) == ("ValueError", ())


@pytest.mark.parametrize(("ratio", "kept"), [(1.0, "01"), (0.0, "00")])
def test_as_many_traces_are_kept_as_is_said(spans, ratio, kept):
    traces._exporter.ratio = ratio
    assert new_traceparent().endswith(kept)


def test_what_begins_a_transaction_is_told_without_whose_it_is(spans):
    with edge("page", "SERVER", GIVEN):
        traces._statement("BEGIN; SET LOCAL parvis.organisation = 'f0e1';", 1, 2, "")
        traces._statement("SELECT  name\n FROM contacts WHERE id = $1", 1, 2, "UniqueViolationError")
    begin, select, _ = spans()
    assert begin.attributes["db.query.text"] == "BEGIN"
    assert select.attributes["db.query.text"] == "SELECT name FROM contacts WHERE id = $1"
    assert (select.name, select.status.description) == ("SQL SELECT", "UniqueViolationError")


async def test_a_collector_that_is_away_holds_up_neither_work_nor_the_stop(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(traces, "_exporter", None)
    monkeypatch.setattr(traces, "_FAREWELL", 0.2)
    stop = configure_traces("sample")
    with edge("page", "SERVER", GIVEN), child("call", "CLIENT"):
        pass
    await stop()
    assert not traces.exporting()


async def test_without_the_variable_nothing_is_made(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    stop = configure_traces("sample")
    assert not traces.exporting()
    await stop()
