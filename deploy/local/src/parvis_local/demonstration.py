"""The seam for the demonstration: `parvis_local.demo.load(context)` fills an empty suite through its public
interfaces, as a firm would.

The supervisor runs this module once, when every part is healthy and `demo.done` is absent from the data folder. What
the loader reports is one line each; the last line is shown while it runs. It may be started again after it was
interrupted: it continues, or starts over, but never doubles anything. It writes two files:

* `demo.json`, what `./parvis up` prints at its end:
  `{"logins": [{"who": "…", "address": "http://…", "identifier": "…", "password": "…", "note": "…"}, …]}`
* `product.json`, the product example as an OpenID client: `{"client_id": "…", "client_secret": "…"}`
"""

import asyncio
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from parvis_local import credentials
from parvis_local.environment import public_url, service_environment
from parvis_local.layout import Layout
from parvis_local.ports import HOST, Ports


@dataclass(frozen=True, slots=True)
class Context:
    """What the loader may use."""

    data: Path
    addresses: Mapping[str, str]  # "portal", "store", "product", "mail"
    environment: Callable[[str], dict[str, str]]  # of a service or of "web", e.g. to speak gRPC as it
    setup_token: str  # makes the first administrator, as the link of --no-demo does
    logins_file: Path  # demo.json
    product_file: Path  # product.json
    report: Callable[[str], None]  # one line about what is being done, for a person who waits
    # How the portal's people reach it: another way where its name leads nowhere yet, as in a test.
    transport: Callable[[], httpx.AsyncBaseTransport] = httpx.AsyncHTTPTransport


def addresses(ports: Ports) -> dict[str, str]:
    """Where a person or a test finds what."""
    return {
        "portal": public_url(ports),
        "store": f"http://{HOST}:{ports.store_origin}",
        "product": f"http://{HOST}:{ports.product}",
        "mail": f"http://{HOST}:{ports.mail}",
    }


def main(data: Path, port: int) -> None:
    """Calls the loader. A suite without one stays empty."""
    layout, ports = Layout(data), Ports(port)
    try:
        demo = importlib.import_module("parvis_local.demo")
    except ModuleNotFoundError as error:
        if error.name != "parvis_local.demo":
            raise
        print("no demonstration is included", flush=True)
        return
    secrets = credentials.load_or_make(layout)
    context = Context(
        data=data,
        addresses=addresses(ports),
        environment=lambda service: service_environment(service, layout, ports, secrets),
        setup_token=secrets.setup_token,
        logins_file=layout.demo_logins,
        product_file=layout.product_client,
        report=lambda line: print(line, flush=True),
    )
    result = demo.load(context)
    if inspect.isawaitable(result):
        asyncio.run(_finish(result))


async def _finish(result: object) -> None:
    if inspect.isawaitable(result):
        await result


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
