"""`disks`: tells Prometheus how much room is left where the engines keep what they have, and how the backups stand.

No engine tells how full its disk is, and a backup that no longer runs tells nothing at all: so somebody else looks. It
may read nothing but how large a folder's disk is, and what backups say without their key.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_backup import outcome
from parvis_local.tools import looked_into
from parvis_watch.http import place_of
from parvis_watch.papers import Papers
from parvis_watch.tls import shown

#: As deploy/compose/watch.yml mounts them.
VOLUMES = {name: Path("/volumes") / name for name in ("postgres", "nats", "store", "backup")}
#: Seconds for all disks together.
PATIENCE = 3.0
_Seen = TypeVar("_Seen")


class Look(Generic[_Seen]):
    """Asks in a thread of its own: a disk that stands still (a share whose server is away) holds up nobody else."""

    def __init__(self, ask: Callable[[], _Seen]) -> None:
        self._ask = ask
        self._asked: Future[_Seen] | None = None

    def begin(self) -> "Future[_Seen]":
        """The answer, once it is there; one question at a time."""
        if self._asked is None or self._asked.done():
            self._asked = Future()
            threading.Thread(target=self._answer, args=(self._asked,), daemon=True).start()
        return self._asked

    def _answer(self, asked: "Future[_Seen]") -> None:
        try:
            asked.set_result(self._ask())
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            asked.set_exception(error)


class Disks(Collector):
    """What is told: of each folder, by its name, how large its disk is and what is free; of backups how they stand."""

    def __init__(self, volumes: Mapping[str, Path], backups: Path | None, patience: float = PATIENCE) -> None:
        self._volumes = {name: Look(partial(os.statvfs, folder)) for name, folder in volumes.items()}
        self._backups = None if backups is None else Look(partial(outcome.find, backups))
        self._patience = patience

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: what is told is asked for when somebody reads."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Asks all of them at once."""
        until = time.monotonic() + self._patience
        asked = {name: look.begin() for name, look in self._volumes.items()}
        backups = None if self._backups is None else self._backups.begin()
        size = GaugeMetricFamily("parvis_disk_bytes", "Size of the disk that a volume lies on", labels=["volume"])
        free = GaugeMetricFamily("parvis_disk_free_bytes", "What can still be written there", labels=["volume"])
        failed = GaugeMetricFamily("parvis_probe_failed", "1 when it could not be learned", labels=["probe"])
        for name, answer in asked.items():
            disk = _seen(answer, until)
            failed.add_metric([name], disk is None)
            if disk is not None:
                size.add_metric([name], disk.f_blocks * disk.f_frsize)
                free.add_metric([name], disk.f_bavail * disk.f_frsize)
        if backups is not None:
            found = _seen(backups, until)
            failed.add_metric(["backups"], found is None)
            if found is not None:
                yield from _of_backups(found)
        yield from (size, free, failed)


def _seen(answer: "Future[_Seen]", until: float) -> _Seen | None:
    try:
        return answer.result(max(0.0, until - time.monotonic()))
    except (OSError, TimeoutError):
        return None


def _of_backups(found: outcome.Found) -> Iterator[GaugeMetricFamily]:
    last = found.last
    told: dict[str, tuple[str, float]] = {
        "complete_timestamp_seconds": ("When the last complete backup was made, 0: never", found.made_at),
        "ahead": ("Complete backups that are dated in the future: a clock was wrong", len(found.ahead)),
        "tried_timestamp_seconds": ("When the last one was begun, complete or not", last.tried_at),
        "period_seconds": ("How often one is to be made", last.period),
        "failed": ("1 when the last try made none", bool(last.failed)),
        "duration_seconds": ("How long the last complete one took", last.seconds),
        "bytes": ("Size of its databases and of all objects that it has", last.size),
        "objects": ("Objects that it has", last.objects),
        "objects_copied": ("Objects of them that it brought", last.copied),
        "objects_healed": ("Objects that were damaged in the folder and are whole again", last.healed),
        "problems": ("Objects that it lacks, and one more where old backups could not be removed", last.problems),
    }
    for name, (text, value) in told.items():
        yield GaugeMetricFamily(f"parvis_backup_{name}", text, value=float(value))


def application(disks: Disks) -> Starlette:
    """/metrics, and /health/ready for the container's health check."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(disks)

    def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    def ready(_: Request) -> Response:
        return Response(status_code=200)

    return Starlette(routes=[Route("/metrics", metrics), Route("/health/ready", ready)])


def listener(options: argparse.Namespace, app: Starlette) -> uvicorn.Server:
    """Over TLS alone where PARVIS_HTTP_TLS says so, as the services. Raises ValueError."""
    host, port = place_of("--listen", options.listen)
    config = uvicorn.Config(app, host=host or "127.0.0.1", port=port, log_level="warning", lifespan="off")
    if os.environ.get("PARVIS_HTTP_TLS", "").lower() in {"1", "true", "t", "yes", "y", "on"}:
        config.load()  # which would leave it plain
        files = (f"PARVIS_TLS_{name}" for name in ("CA", "KEY", "CERTIFICATE"))
        config.ssl = shown(Papers(*(Path(os.environ.get(name, f"/run/secrets/{name[7:].lower()}")) for name in files)))
    return uvicorn.Server(config)


def _named(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not (name.isidentifier() and folder):
        raise ValueError(f"--volume is NAME=FOLDER, and is {text}")
    return name, Path(folder)


def serve(options: argparse.Namespace, volumes: Mapping[str, Path], backups: Path | None) -> int:
    """Until SIGTERM; `volumes` and `backups` where nobody names others. Raises ValueError."""
    named = dict(map(_named, options.volume or ()))
    disks = Disks(named or volumes, looked_into(options.backups, backups))
    listener(options, application(disks)).run()
    return 0
