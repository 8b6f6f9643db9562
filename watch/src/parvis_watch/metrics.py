"""What every process counts, as Prometheus reads it. Labels are names of our contracts, templates of routes and
outcomes, never people, organisations or addresses: the number of series is bounded by the code, and nobody is in them.

Times are in seconds, moments in seconds since 1970. What is asked of the database or of the broker is as old as the
last `Probes.ask`.
"""

from contextlib import suppress
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

#: "request" or "background": what the statement counters are kept by.
origin: ContextVar[str] = ContextVar("parvis_origin", default="background")

disable_created_metrics()  # type: ignore[no-untyped-call] # a third of all series, which nobody asks for

_QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_PAGE: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 10)
_EVENT: Final = (0.005, 0.025, 0.1, 0.5, 2.5, 10, 60)

BUILD = Gauge("parvis_build_info", "Which service and release this is", ["service", "version"])

PAGES = Counter("parvis_http_requests", "HTTP requests answered", ["method", "route", "status"])
PAGE_SECONDS = Histogram("parvis_http_seconds", "Time to answer an HTTP request", ["route"], buckets=_PAGE)
PAGES_NOW = Gauge("parvis_http_in_flight", "HTTP requests that are being answered")

RPCS = Counter("parvis_rpcs_handled", "RPCs answered", ["method", "code"])
RPC_SECONDS = Histogram("parvis_rpc_seconds", "Time to answer an RPC", ["method"], buckets=_QUICK)
RPCS_NOW = Gauge("parvis_rpcs_in_flight", "RPCs that are being answered")
CALLS = Counter("parvis_rpcs_sent", "RPCs sent to other services", ["method"])
CALLS_FAILED = Counter("parvis_rpcs_failed", "RPCs that a peer refused or did not answer", ["peer", "code"])
CALL_SECONDS = Histogram("parvis_rpc_sent_seconds", "Time until a peer answered", ["peer"], buckets=_QUICK)

STATEMENTS = Counter("parvis_sql_statements", "SQL statements, BEGIN and COMMIT aside", ["origin"])
CONNECTIONS = Gauge("parvis_database_connections", "Connections of the pool that are in use")
CONNECTIONS_AT_MOST = Gauge("parvis_database_connections_limit", "Connections that the pool may open")
CONNECTIONS_AWAITED = Gauge("parvis_database_connections_awaited", "Units of work that wait for a connection")
DATABASE_UP = Gauge("parvis_database_up", "1 when the last question was answered by the database, else 0")
CLOCK_DRIFT = Gauge("parvis_clock_drift_seconds", "How far the database's clock is ahead of this machine's")
SCHEMA = Gauge("parvis_schema_info", "Newest migrations of the database and of the code", ["database", "code"])
SCHEMA_DIFFERENCE = Gauge("parvis_schema_difference", "-1: the database is behind the code, 1: ahead of it")

BROKER_UP = Gauge("parvis_broker_up", "1 while the connection to NATS stands, else 0")
EVENTS = Counter("parvis_events_handled", "Events by what became of them", ["subject", "outcome"])
EVENT_SECONDS = Histogram("parvis_event_seconds", "Time to handle an event", ["subject"], buckets=_EVENT)
EVENTS_AGAIN = Counter("parvis_events_redelivered", "Deliveries of events that had been delivered before", ["subject"])
WORKS = Gauge("parvis_works", "1 where this process does its service's background work, else 0 (--role api)")
EVENTS_NOW = Gauge("parvis_events_in_flight", "Events that are being handled")
QUEUE_LAG = Gauge("parvis_queue_lag", "Events of the stream that this service's consumer has not been given yet")
QUEUE_AGE = Gauge("parvis_queue_oldest_seconds", "How long the oldest of them has waited")
QUEUE_OPEN = Gauge("parvis_queue_unacknowledged", "Events that were given and are neither done nor given up")
STREAM_BYTES = Gauge("parvis_stream_bytes", "Size of the stream of events in the broker")
STREAM_LOST = Gauge("parvis_stream_lost_timestamp_seconds", "When this process had lost events sent again, or 0")
PUBLISHED = Counter("parvis_events_published", "Events that JetStream acknowledged")
OUTBOX = Gauge("parvis_outbox_unsent", "Committed events that JetStream has not acknowledged yet (10,000 at most)")
OUTBOX_AGE = Gauge("parvis_outbox_oldest_seconds", "Age of the oldest of them")
DEAD_LETTERS = Gauge("parvis_dead_letters", "Events that were given up and wait for ./parvis dead-letters")
FAILING = Gauge("parvis_failing_events", "Events that failed and will be tried again")
SILENCE = Gauge("parvis_revocations_silence_seconds", "Time since everything that ended sessions is known")

UNSEALED = Gauge("parvis_audit_unsealed", "Entries of the audit trail that no chain covers yet (10,000 at most)")
UNSEALED_AGE = Gauge("parvis_audit_unsealed_seconds", "How long the oldest of them has been known to wait")

JOBS = Gauge("parvis_job_success_timestamp_seconds", "When a recurring job last came to its end", ["work"])
JOBS_EVERY = Gauge("parvis_job_period_seconds", "How long a recurring job rests", ["work"])
INTERRUPTED = Counter("parvis_background_interruptions", "Background work that failed and began anew")
CERTIFICATES = Gauge("parvis_certificate_end_timestamp_seconds", "Until when a certificate is good", ["certificate"])
PROBES_FAILED = Gauge("parvis_probe_failed", "1 when what is asked at each scrape could not be learned", ["probe"])


def build(service: str) -> None:
    """Says which release of a service this process runs."""
    with suppress(PackageNotFoundError):
        BUILD.labels(service, version(f"parvis-{service}")).set(1)
