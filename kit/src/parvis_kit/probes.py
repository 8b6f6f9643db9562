"""What a process's database, queue and certificates say when somebody reads its metrics."""

from typing import TYPE_CHECKING

from parvis_kit.caller import Caller
from parvis_kit.migrations import revisions
from parvis_watch import metrics
from parvis_watch.certificates import Certificates
from parvis_watch.standing import Standing, Standings

if TYPE_CHECKING:
    from parvis_kit.bus import Bus
    from parvis_kit.revocations import Revocations
    from parvis_kit.settings import ServiceSettings
    from parvis_kit.unit import Database
    from parvis_watch.probes import Probes

_STANDS = """
SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE sent_at IS NULL LIMIT 10000) o) AS unsent,
    (SELECT extract(epoch FROM clock_timestamp() - created_at)::float
        FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 1) AS unsent_for,
    (SELECT count(*) FROM dead_letters WHERE dead_at IS NOT NULL) AS dead,
    (SELECT count(*) FROM dead_letters WHERE dead_at IS NULL) AS failing,
    (SELECT count(*) FROM (SELECT FROM audit_queue LIMIT 10000) q) AS unsealed,
    (SELECT min(id) FROM audit_queue) AS first_unsealed,
    ARRAY(SELECT version_num::text FROM alembic_version) AS schema, obj_description('alembic_version'::regclass) told,
    extract(epoch FROM clock_timestamp())::float AS clock"""


def watch(
    asked: "Probes", settings: "ServiceSettings", database: "Database", bus: "Bus", revocations: "Revocations"
) -> Standings:
    """Adds what every process is asked; returns how its database stands. What costs nothing to ask is asked always."""

    async def stands() -> Standing:
        async with database.begin(Caller(settings.service)) as unit:
            [found] = await unit.fetch(_STANDS)
        return Standing(**found)

    standings = Standings(stands, *revisions(f"parvis_{settings.service}"))
    asked.add("database", standings.probe)
    asked.add("queue", bus.probe)
    asked.add("certificates", Certificates({"own": settings.tls_certificate, "authority": settings.tls_ca}).probe)
    pool = database.connections
    metrics.CONNECTIONS.set_function(lambda: pool.taken)
    metrics.CONNECTIONS_AWAITED.set_function(lambda: pool.awaited)
    metrics.CONNECTIONS_AT_MOST.set(settings.database_pool)
    metrics.BROKER_UP.set_function(lambda: float(bus.broker.connected))
    metrics.EVENTS_NOW.set_function(lambda: bus.concurrency - bus.room())
    metrics.SILENCE.set_function(lambda: revocations.silent_for)
    metrics.build(settings.service)
    return standings
