"""What a running installation's own metrics say is wrong, and what to do about it. Deployment makes no difference: each
process is asked for /metrics, and what it tells is judged here, without further questions.
"""

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.markup import escape

from parvis_backup import outcome
from parvis_backup.vault import said_of
from parvis_local.ports import SERVICES

#: What the rules of deploy/observability/alerts.yml use too: the doctor and the alerts say the same.
STREAM_LOST_SECONDS = 3600
OUTBOX_SECONDS, UNSEALED_SECONDS, SILENCE_SECONDS, DRIFT_SECONDS = 60, 300, 60, 1
QUEUE_SECONDS = 900
MAIL_SECONDS, QUEUE_LAG, CERTIFICATE_DAYS, ANCHOR_HOURS = 1800, 1000, 14, 26
FIRST_ANCHOR_SECONDS = 900
DISK_FREE = 0.05  # of a disk: below that there is no time left
DAY = 86400
PROCESSES = (*SERVICES, "web")
#: Who signs the certificates that processes show, where one is mounted.
AUTHORITY = Path("/run/secrets/tls_ca")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact; `advice` says what to do where it is not `fine`."""

    fine: bool
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The metrics of one process: name → labels and value of each series."""

    series: Mapping[str, list[tuple[Mapping[str, str], float]]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Told":
        series: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                series.setdefault(sample.name, []).append((sample.labels, sample.value))
        return cls(series)

    def value(self, name: str) -> float:
        """0 where it is not told."""
        found = self.series.get(name, ())
        return found[0][1] if found else 0.0

    def labels(self, name: str) -> Mapping[str, str]:
        found = self.series.get(name, ())
        return found[0][0] if found else {}


async def ask(targets: Mapping[str, str], ca: Path | None = None) -> dict[str, Told | str]:
    """What each process tells; why not, where it does not. `targets`: name → https://host:port; `ca`: see `report`."""
    believed = _believed(ca)

    async def one(http: httpx.AsyncClient, name: str, address: str) -> Told | str:
        whose = name.removesuffix("-worker")
        named = {"sni_hostname": whose} if believed and whose in PROCESSES else {}
        try:
            answer = await http.get(f"{address}/metrics", extensions=named)
            answer.raise_for_status()
            return Told.parse(answer.text)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return str(error) or type(error).__name__

    async with httpx.AsyncClient(trust_env=False, timeout=8, verify=believed or True) as http:
        answers = await asyncio.gather(*(one(http, *target) for target in targets.items()))
    return dict(zip(targets, answers, strict=True))


def _believed(ca: Path | None) -> ssl.SSLContext | None:
    """Processes of an installation show certificates of its own authority, each of its own name, whatever address leads
    to it. None where nobody names an authority and none is mounted.
    """
    if ca is None:
        return ssl.create_default_context(cafile=AUTHORITY) if AUTHORITY.exists() else None
    try:
        return ssl.create_default_context(cadata=ca.read_text())
    except (ssl.SSLError, ValueError) as error:  # an empty file is a ValueError
        raise ValueError(f"{ca} holds no certificate of an authority: name ca.pem of its secrets.") from error


def examine(name: str, told: Told | str, now: float) -> list[Finding]:
    """What is wrong with one process; one line that nothing is, where nothing is."""
    if isinstance(told, str):
        advice = f"Look at its log (./parvis logs {name}, docker compose logs {name}); it says why it does not start."
        return [Finding(fine=False, text=f"{name} does not answer: {told}", advice=advice)]
    wrong = [*_engines(name, told), *_schema(name, told), *_waiting(name, told), *_dates(name, told, now)]
    if wrong:
        return [Finding(fine=False, text=text, advice=advice) for text, advice in wrong]
    release = told.labels("parvis_build_info").get("version", "?")
    schema = told.labels("parvis_schema_info").get("database", "?")
    memory = told.value("process_resident_memory_bytes") / 2**20
    return [Finding(fine=True, text=f"{name} is well: release {release}, schema {schema}, {memory:.0f} MiB")]


def _engines(name: str, told: Told) -> Iterator[tuple[str, str]]:
    if not told.value("parvis_database_up"):
        yield f"{name} gets no answer from its database", "Is PostgreSQL up, and PARVIS_DATABASE_URL right?"
    elif abs(drift := told.value("parvis_clock_drift_seconds")) > DRIFT_SECONDS:
        yield (
            f"the clock of {name} and that of PostgreSQL are {abs(drift):.1f} s apart",
            "Set both by NTP (timedatectl set-ntp true): tokens and one-time codes depend on it.",
        )
    if not told.value("parvis_broker_up"):
        yield f"{name} has no connection to NATS", "Is NATS up, and PARVIS_NATS_URL right? Events wait, none is lost."
    elif (silence := told.value("parvis_revocations_silence_seconds")) > SILENCE_SECONDS:
        yield (
            f"{name} has heard no heartbeat of identity and tenancy for {_ago(silence)}",
            "Their workers publish it every 5 s: do they run? Until then each request asks identity, which is slower.",
        )
    if "parvis_store_up" in told.series and not told.value("parvis_store_up"):  # nan where nobody asks
        yield f"{name} gets no answer from the store", "Is it up, has its disk room? Documents wait; nothing is lost."
    limit = told.value("parvis_database_connections_limit")
    if (waiting := told.value("parvis_database_connections_awaited")) and limit:
        yield (
            f"{waiting:.0f} requests of {name} wait for one of its {limit:.0f} connections to PostgreSQL",
            "If this lasts: more replicas of it, or a larger PARVIS_DATABASE_POOL.",
        )


def _schema(name: str, told: Told) -> Iterator[tuple[str, str]]:
    schema = told.labels("parvis_schema_info")
    versions = f"database {schema.get('database') or 'empty'}, code {schema.get('code')}"
    difference = told.value("parvis_schema_difference")
    if difference < 0:
        advice = f"Run its migrations: python -m parvis_{name} migrate (docker compose run --rm {name}-migrate)."
        yield f"the schema of {name} is behind its code ({versions})", advice
    elif difference > 0:
        yield (
            f"the schema of {name} is ahead of its code ({versions})",
            "A newer release migrated it. Finish that upgrade, or restore the backup made before it.",
        )


def _waiting(name: str, told: Told) -> Iterator[tuple[str, str]]:
    if (age := told.value("parvis_outbox_oldest_seconds")) > OUTBOX_SECONDS:
        yield (
            f"{told.value('parvis_outbox_unsent'):.0f} events of {name} wait to leave, the oldest for {_ago(age)}",
            "Does its worker run, and has NATS room on its disk? They leave by themselves once both are right.",
        )
    if (lag := told.value("parvis_queue_lag")) > QUEUE_LAG:
        yield f"{name} is {lag:.0f} events behind", "It catches up; if it does not, give it more workers."
    if (age := told.value("parvis_queue_oldest_seconds")) > QUEUE_SECONDS:
        yield f"an event has waited for {_ago(age)} for {name} to take it", "Does its worker run? Its log says why not."
    if dead := told.value("parvis_dead_letters"):
        yield (
            f"{name} gave up {dead:.0f} {'event' if dead == 1 else 'events'}",
            f"See why: dead-letters list --service {name}. Mend the cause, then dead-letters replay --service {name}.",
        )
    if (age := told.value("parvis_audit_unsealed_seconds")) > UNSEALED_SECONDS:
        yield (
            f"the audit trail of {name} has not been sealed for {_ago(age)}",
            "Does its worker run? Its log says `background_interrupted` where sealing fails.",
        )
    if broken := told.value("parvis_audit_chains_broken"):
        yield (
            f"{broken:.0f} chains of the audit trail are not those that were anchored within the last week",
            "Was one service's database put back alone? Otherwise somebody changed them: ./parvis verify-audit.",
        )
    if (age := told.value("parvis_mails_waiting_oldest_seconds")) > MAIL_SECONDS:
        yield (
            f"{told.value('parvis_mails_waiting'):.0f} mails wait, the oldest for {_ago(age)}",
            "Does the mail server take mail (PARVIS_SMTP_URL)? The history of mails holds its answer.",
        )
    for labels, failed in told.series.get("parvis_probe_failed", ()):
        engine = {"queue": "parvis_broker_up", "store": "parvis_store_up"}.get(labels["probe"])
        if failed and (engine is None or told.value(engine)):
            yield f"{name} could not learn about its {labels['probe']} within two seconds", "Its log says why (debug)."


def _dates(name: str, told: Told, now: float) -> Iterator[tuple[str, str]]:
    if (since := now - told.value("parvis_stream_lost_timestamp_seconds")) < STREAM_LOST_SECONDS:
        yield (
            f"NATS lost the events of {name}, which sends them again since {_ago(since)}",
            "Why did its disk go? What is late arrives by itself; its log says how many (broker_lost_events).",
        )
    for labels, end in told.series.get("parvis_certificate_end_timestamp_seconds", ()):
        whose = f"certificate of {name}" if labels["certificate"] == "own" else f"authority that {name} trusts"
        if end < now + CERTIFICATE_DAYS * DAY:
            verb = "ended" if end < now else "ends"
            day = datetime.fromtimestamp(end, UTC).date().isoformat()
            advice = 'Make new ones: docs/operations.md, "Secrets and certificates". No service need stop for it.'
            yield f"the {whose} {verb} on {day}", advice
    if "parvis_audit_anchor_timestamp_seconds" in told.series and told.value("parvis_database_up"):
        made = told.value("parvis_audit_anchor_timestamp_seconds")
        since = now - (made or told.value("process_start_time_seconds"))
        if since > (ANCHOR_HOURS * 3600 if made else FIRST_ANCHOR_SECONDS):
            yield (
                f"the anchor of the audit trail was {f'last signed {_ago(since)} ago' if made else 'never signed'}",
                "Its log says why (audit_anchor_…): docs/operations.md, “What each alert means”, AnchorLate.",
            )
    every = {labels["work"]: value for labels, value in told.series.get("parvis_job_period_seconds", ())}
    for labels, last in told.series.get("parvis_job_success_timestamp_seconds", ()):
        if (late := now - last) > 3 * every.get(labels["work"], DAY) + 120:
            yield (
                f"the job {labels['work']} of {name} last ended {_ago(late)} ago",
                "Its log says `background_interrupted` with the reason.",
            )


_MAKE = "Make one: ./parvis backup (docker-compose --profile backup up -d backup)."


_RENAME = (
    "They count for nothing. Is the clock right now (timedatectl)? Then rename each folder to when it was made, or "
    "remove it: docs/operations.md, “Backup and restore”."
)


def backups(folder: Path, now: float) -> Finding:
    """How the backups in a folder stand: how old the newest complete one is, and how the last try went."""
    try:
        found = outcome.find(folder, now)
    except OSError as error:
        advice = "Is what they lie on there, and may this account read it?"
        return Finding(fine=False, text=f"backups cannot be read: {error}", advice=advice)
    last = found.last
    failed = f"; the last try, {_ago(max(0, now - last.tried_at))} ago, failed: {last.failed}" if last.failed else ""
    if found.ahead:
        newest = (
            f"the newest other one is {_ago(now - found.made_at)} old" if found.made_at else "there is no other one"
        )
        text = f"{folder} holds {said_of([*found.ahead])}; {newest}{failed}"
        return Finding(fine=False, text=text, advice=_RENAME)
    if not found.made_at:
        text = f"there is no complete backup in {folder}{failed}"
        return Finding(fine=False, text=text, advice=_MAKE)
    age = f"the last backup is {_ago(now - found.made_at)} old{failed}"
    if failed or found.is_late(now):
        often = f"One is to be made every {_ago(last.period)}"
        advice = f"{often}: does the schedule run? docs/operations.md, “Backup and restore”."
        return Finding(fine=False, text=age, advice=advice)
    if last.problems:
        text = f"the last backup, {_ago(now - found.made_at)} old, met {last.problems} problems"
        advice = "Objects are missing, or old backups could not be removed: what it printed names them."
        return Finding(fine=False, text=text, advice=advice)
    return Finding(fine=True, text=age)


def targets(told: str) -> dict[str, str]:
    """`identity=https://10.0.0.3:8080,web=…`; by default the names that compose gives."""
    if not told:
        return {name: f"https://{name}:8080" for name in (*PROCESSES, *_apart())}
    pairs = (each.partition("=") for each in told.split(",") if each)
    found = {name.strip(): address.strip().rstrip("/") for name, _, address in pairs}
    if wrong := [name for name, address in found.items() if not address.startswith(("http://", "https://"))]:
        raise ValueError(f"No address for {', '.join(wrong)}: write NAME=https://HOST:PORT, commas between.")
    return found


def _apart() -> list[str]:
    """Containers that do a service's background work, where they run apart: a name that nobody has is nobody missed."""
    found = []
    for name in (f"{service}-worker" for service in SERVICES):
        with suppress(OSError):
            socket.getaddrinfo(name, 8080)
            found.append(name)
    return found


def report(processes: Mapping[str, str], folder: Path | None = None, ca: Path | None = None) -> int:
    """Prints what is found of an installation: its processes by name and address, and the folder of its backups. `ca`
    is the file of who signs their certificates; without, the one that is mounted, else those that everybody believes.
    """
    return say([*running(processes, ca), *backed_up(folder)])


def running(processes: Mapping[str, str], ca: Path | None = None) -> list[Finding]:
    """What is found of the processes that run."""
    return all_of(asyncio.run(ask(processes, ca)))


def backed_up(folder: Path | None) -> list[Finding]:
    """What is found of the backups, where somebody says where they are."""
    return [] if folder is None else [backups(folder, time.time())]


def say(findings: Iterable[Finding]) -> int:
    """One line per fact, and below what is wrong what to do; 1 when something is."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    worst = 0
    for finding in findings:
        sign = "[green]✓[/]" if finding.fine else "[red]✗[/]"
        console.print(f"{sign} {escape(finding.text)}")
        if not finding.fine:
            console.print(f"    {escape(finding.advice)}")
            worst = 1
    return worst


def all_of(answers: Mapping[str, Told | str]) -> list[Finding]:
    """The findings of all processes."""
    now = time.time()
    found = [finding for name, told in answers.items() for finding in examine(name, told, now)]
    works: dict[str, float] = {}
    for name, told in answers.items():
        service = name.removesuffix("-worker")
        if isinstance(told, Told) and "parvis_works" in told.series and service in SERVICES:  # the pages have none
            works[service] = max(works.get(service, 0), told.value("parvis_works"))
    for service in (each for each, does in works.items() if not does):
        text = f"nobody does the background work of {service}"
        advice = f"Where does its worker run (--role worker, {service}-worker in compose)? With --targets, name it too."
        found.append(Finding(fine=False, text=text, advice=advice))
    releases = {told.labels("parvis_build_info").get("version") for told in answers.values() if isinstance(told, Told)}
    if len(releases) > 1:
        names = ", ".join(sorted(map(str, releases)))
        found.append(Finding(fine=True, text=f"services of several releases run side by side: {names}"))
    return found


def _ago(seconds: float) -> str:
    for size, word in ((DAY, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
