"""Traces: one request followed from the gateway through pages, services, SQL and events to whoever handles them.

Every request and event has a trace context (W3C Trace Context, `traceparent`): made at the edge, carried through gRPC,
the outbox and NATS, and in every log line. Spans are made and sent (OTLP over HTTP) only where
OTEL_EXPORTER_OTLP_ENDPOINT names a collector and the trace is sampled; elsewhere nothing is even imported for them.

    with edge("GET", "SERVER", parent=header) as span:      # where a request or event comes in
        with child("/parvis.tenancy.v1.RightsService/GetGrantSet", "CLIENT"):
            … traceparent()                                 # what goes out with it

Names and attributes are ours (methods, templates of routes, subjects, statements with placeholders), never values:
paths, parameters and the messages of exceptions hold names and secrets.
"""

import asyncio
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Final, Literal, Self

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span, TracerProvider

Kind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"]

_SHAPE: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SAMPLED: Final = 1
#: Characters of a statement that are told: enough to recognise it.
_STATEMENT: Final = 500
#: Seconds that spans which are left may take to leave when the process stops.
_FAREWELL: Final = 2.0
_current: ContextVar[str] = ContextVar("parvis_traceparent", default="")


class _Exporter:
    """What makes and sends spans; there is one or none in a process."""

    def __init__(self, provider: "TracerProvider", ratio: float) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - only where somebody collects traces

        self.provider = provider
        self.ratio = ratio
        self._trace = trace
        self._tracer = provider.get_tracer("parvis")

    def start(
        self, name: str, kind: Kind, parent: str, attributes: Mapping[str, str], began: int | None = None
    ) -> "Span":
        """A span below `parent`."""
        trace = self._trace
        _, trace_id, span_id, flags = parent.split("-")
        above = trace.SpanContext(int(trace_id, 16), int(span_id, 16), True, trace.TraceFlags(int(flags, 16)))  # noqa: FBT003
        context = trace.set_span_in_context(trace.NonRecordingSpan(above))
        return self._tracer.start_span(  # type: ignore[return-value] # the SDK's, which records
            name, context=context, kind=trace.SpanKind[kind], attributes=attributes, start_time=began
        )

    def fail(self, span: "Span", what: str) -> None:
        """Marks a span as failed, with the kind of the error alone."""
        span.set_status(self._trace.StatusCode.ERROR, what)


_exporter: _Exporter | None = None


class Traced:
    """A block of code with a trace context of its own, and a span where it is exported."""

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, context: str, span: "Span | None" = None) -> None:
        self._context = context
        self._span = span
        self._token: Token[str] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self._context)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if self._span is not None and _exporter is not None:
            if kind is not None:
                _exporter.fail(self._span, kind.__name__)
            self._span.end()

    def says(self, name: str, attributes: Mapping[str, str | int]) -> None:
        """What was learned on the way: a better name, attributes."""
        if self._span is not None:
            self._span.update_name(name)
            self._span.set_attributes(attributes)


def traceparent() -> str:
    """The trace context of the request or event at hand, "" outside of one."""
    return _current.get()


def carried() -> dict[str, str]:
    """What goes out with a call or an event: the context under its name, nothing outside of a request."""
    return {"traceparent": now} if (now := _current.get()) else {}


def new_traceparent() -> str:
    """The context of a new trace (W3C Trace Context, section 3.2); sampled where spans are exported, and as often."""
    sampled = _exporter is not None and random.random() < _exporter.ratio  # noqa: S311 - chooses, protects nothing
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{int(sampled):02x}"


def edge(name: str, kind: Kind, parent: str, *, begins: bool = True, **attributes: str) -> Traced:
    """Where a request or an event comes in, with the context that it carries; where that is none, a new one, or none
    for what `begins` nothing.
    """
    if not _SHAPE.fullmatch(parent):
        if not begins:
            return Traced("")
        parent = new_traceparent()
    return _below(name, kind, parent, attributes) or Traced(parent)


def child(name: str, kind: Kind, **attributes: str) -> Traced:
    """A step of the request or event at hand."""
    now = _current.get()
    return _below(name, kind, now, attributes) or Traced(now)


def _below(name: str, kind: Kind, parent: str, attributes: dict[str, str]) -> Traced | None:
    if _exporter is None or not _sampled(parent):
        return None
    span = _exporter.start(name, kind, parent, attributes)
    made = span.get_span_context()
    return Traced(f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}", span)


def _sampled(context: str) -> bool:
    return bool(context) and bool(int(context[-2:], 16) & _SAMPLED)


def exporting() -> bool:
    """Whether spans are made in this process."""
    return _exporter is not None


def statement_done(record: Any) -> None:
    """Asyncpg's query logger: a span for a statement that has just ended. Its arguments are nobody's business."""
    now = time.time_ns()
    error = type(record.exception).__name__ if record.exception is not None else ""
    _statement(record.query, now - int(record.elapsed * 1e9), now, error)


def statement_begins(*arguments: Any) -> None:
    """SQLAlchemy's `before_cursor_execute`: notes when a statement began."""
    arguments[4].parvis_began = time.time_ns()


def statement_ends(*arguments: Any) -> None:
    """SQLAlchemy's `after_cursor_execute`."""
    _statement(arguments[2], arguments[4].parvis_began, time.time_ns(), "")


def _statement(query: str, began: int, ended: int, error: str) -> None:
    parent = _current.get()
    if _exporter is None or not _sampled(parent):
        return
    words = query.split(None, 1)
    verb = words[0].rstrip(";").upper() if words else "?"
    # What begins a transaction names the organisation and the account.
    text = verb if verb == "BEGIN" else " ".join(query.split())[:_STATEMENT]
    named = {"db.system.name": "postgresql", "db.operation.name": verb, "db.query.text": text}
    span = _exporter.start(f"SQL {verb}", "CLIENT", parent, named, began)
    if error:
        _exporter.fail(span, error)
    span.end(ended)


def configure_traces(service: str) -> Callable[[], Any]:
    """Makes spans from here on, where OTEL_EXPORTER_OTLP_ENDPOINT says where to; after a fork, inside the running
    loop. Returns what sends the last ones when the process stops (a coroutine function).

    OTEL_TRACES_SAMPLER_ARG: the part of the traces begun here that is kept, 0 to 1 (default 1); of a trace that
    somebody else began, its own mark counts. The exporter's other variables (headers, certificate, timeout) are
    OpenTelemetry's.
    """
    global _exporter  # noqa: PLW0603 - one process, one exporter
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415 - who is sampled is decided above

        resource = Resource.create({"service.name": service, "service.namespace": "parvis"})
        provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=1000))
        _exporter = _Exporter(provider, float(os.environ.get("OTEL_TRACES_SAMPLER_ARG") or 1))
    return _stop


async def _stop() -> None:
    """Sends what is left; a collector that is away holds nobody up."""
    global _exporter  # noqa: PLW0603 - idem
    if (exporter := _exporter) is not None:
        _exporter = None
        leaving = asyncio.get_running_loop().run_in_executor(None, exporter.provider.shutdown)
        await asyncio.wait([leaving], timeout=_FAREWELL)
