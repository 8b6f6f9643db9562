"""Structured logs, metrics, and trace context.

Logs are one JSON object a line on standard output. Metrics are Prometheus'. Trace context (W3C `traceparent`) is
made at the edge and
carried through gRPC, the outbox and NATS, and stands in every log line: one request can be followed through all
services.
"""

import logging
import secrets
import sys

import structlog
from prometheus_client import Counter, Histogram

from parvis_kit.caller import acting

STATEMENTS = Counter("parvis_sql_statements", "SQL statements, BEGIN and COMMIT aside", ["origin"])
CALLS = Counter("parvis_rpcs_sent", "RPCs sent to other services", ["method"])
RPCS = Counter("parvis_rpcs_handled", "RPCs answered", ["method", "code"])
RPC_SECONDS = Histogram(
    "parvis_rpc_seconds",
    "Time to answer an RPC, in seconds",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def configure_logs(service: str, level: str) -> None:
    """Every logger, the standard library's included, writes JSON lines that name the service."""
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _trace,
        lambda _, __, line: {**line, "service": service},
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without local variables: they hold tokens, passwords and people's names.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)


def _trace(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The trace of the request or event at hand, read when something is written: nothing is paid for it otherwise."""
    if traceparent := acting().traceparent:
        line["trace_id"] = traceparent.split("-")[1]
    return line


def new_traceparent() -> str:
    """The context of a new trace (W3C Trace Context, section 3.2), not sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
