"""Every part of the suite, and what waits for what. Read this file to know what runs."""

import os
import signal
import sys
from collections.abc import Sequence

from parvis_local import assets
from parvis_local.credentials import DATABASES, Credentials
from parvis_local.environment import MAIL_DOMAIN, public_url, service_environment
from parvis_local.forking import CannotStart, Forked, Zygote
from parvis_local.layout import Layout
from parvis_local.parts import Failure, NotHealthy, Part, http_ok
from parvis_local.ports import HOST, SERVICES, Ports
from parvis_local.processes import Spawned
from parvis_local.servers import nats, postgres, store, traefik

MODULES = {name: f"parvis_{name}.main" for name in (*SERVICES, "web")} | {
    "mail": "parvis_local.mailsink.main",
    "product": "parvis_local.product.main",
}
TITLES = {
    "identity": "Identity",
    "tenancy": "Tenancy",
    "documents": "Documents",
    "notify": "Notify",
    "billing": "Billing",
    "web": "Pages",
}


def catalogue(layout: Layout, ports: Ports, credentials: Credentials, only: Sequence[str] = ()) -> list[Part]:
    """All parts, or those named in `only` with what they need."""
    zygote = Zygote()
    parts = [
        postgres.part(layout, ports, credentials),
        nats.part(layout, ports, credentials),
        store.part(layout, ports, credentials),
        traefik.part(layout, ports),
        _zygote(zygote, layout, only),
        _mail(zygote, layout, ports),
        _product(zygote, layout, ports),
        *(_service(name, zygote, layout, ports, credentials) for name in DATABASES),
    ]
    return _needed(parts, only) if only else parts


def _needed(parts: Sequence[Part], only: Sequence[str]) -> list[Part]:
    by_name = {part.name: part for part in parts}
    if unknown := set(only) - set(by_name):
        raise ValueError(f"There is no part {', '.join(sorted(unknown))}. Parts: {', '.join(by_name)}.")
    wanted, todo = set[str](), list(only)
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted.add(name)
            todo.extend(by_name[name].after)
    return [part for part in parts if part.name in wanted]


def _zygote(zygote: Zygote, layout: Layout, only: Sequence[str]) -> Part:
    modules = [module for name, module in MODULES.items() if not only or name in only]

    async def start() -> Spawned:
        # One arena for allocations: forked processes with one busy thread gain nothing from more.
        return await zygote.spawn(modules, layout.log("zygote"), machine() | {"MALLOC_ARENA_MAX": "2"})

    async def probe() -> None:
        if not zygote.imported.is_set():
            raise NotHealthy("imports the services")

    return Part(
        name="zygote",
        kind="local",
        title="Process from which the services are forked",
        address="",
        ports=(),
        start=start,
        probe=probe,
        grace=2.0,
    )


def _service(name: str, zygote: Zygote, layout: Layout, ports: Ports, credentials: Credentials) -> Part:
    """One of the five services, or the pages: migrated, then started."""
    environment = service_environment(name, layout, ports, credentials) | machine()
    listens = (ports.http(name), ports.grpc(name)) if name in SERVICES else (ports.http(name),)

    async def migrate() -> None:
        if name == "web":
            await assets.build(layout, name)
        try:
            process = await zygote.fork(MODULES[name], ["migrate"], environment, layout.log(name))
        except CannotStart as error:
            raise Failure(name, f"{MODULES[name]} cannot be imported", str(error).splitlines()) from error
        if status := await process.wait():
            raise Failure(name, f"the migrations of {name} ended with status {status}")

    async def start() -> Forked:
        return await zygote.fork(MODULES[name], [], environment, layout.log(name))

    return Part(
        name=name,
        kind="gateway" if name == "web" else "service",
        title=TITLES[name],
        address=f"http://{HOST}:{ports.http(name)}",
        ports=listens,
        after=("postgres", "nats", "store", "zygote"),
        prepare=migrate,
        start=start,
        probe=lambda: http_ok(ports.http(name), "/health/ready"),
        stop_signal=signal.SIGINT,  # at once: nobody turns to another replica when all of them stop
        grace=15.0,
    )


def _mail(zygote: Zygote, layout: Layout, ports: Ports) -> Part:
    environment = machine() | {
        "PARVIS_MAILSINK_HTTP": f"{HOST}:{ports.mail}",
        "PARVIS_MAILSINK_SMTP": f"{HOST}:{ports.smtp}",
        "PARVIS_MAILSINK_FOLDER": str(layout.data / "mail"),
        "PARVIS_MAIL_DOMAIN": MAIL_DOMAIN,
    }

    async def start() -> Forked:
        return await zygote.fork(MODULES["mail"], [], environment, layout.log("mail"))

    return Part(
        name="mail",
        kind="local",
        title="Mail sink",
        address=f"http://{HOST}:{ports.mail}",
        ports=(ports.mail, ports.smtp),
        after=("zygote",),
        start=start,
        probe=lambda: http_ok(ports.mail, "/health/ready"),
    )


def _product(zygote: Zygote, layout: Layout, ports: Ports) -> Part:
    environment = machine() | {
        "PARVIS_PRODUCT_HTTP": f"{HOST}:{ports.product}",
        "PARVIS_PRODUCT_URL": f"http://{HOST}:{ports.product}",
        "PARVIS_PRODUCT_CLIENT_FILE": str(layout.product_client),
        "PARVIS_PUBLIC_URL": public_url(ports),
        "PARVIS_IDENTITY_INTERNAL_URL": f"http://{HOST}:{ports.http('identity')}",
    }

    async def start() -> Forked:
        return await zygote.fork(MODULES["product"], [], environment, layout.log("product"))

    return Part(
        name="product",
        kind="local",
        title="Product example",
        address=f"http://{HOST}:{ports.product}",
        ports=(ports.product,),
        after=("zygote",),
        start=start,
        probe=lambda: http_ok(ports.product, "/health/ready"),
    )


def machine() -> dict[str, str]:
    """Variables of this machine, nothing else of the caller's shell: a suite behaves the same whoever starts it."""
    kept = ("HOME", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "OTEL_EXPORTER_OTLP_ENDPOINT")
    passed = {name: os.environ[name] for name in kept if name in os.environ}
    path = f"{sys.prefix}/bin:{os.environ.get('PATH', os.defpath)}"
    return passed | {"PATH": path, "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}
