"""What a page costs, in all services together: at most 5 calls and 12 SQL statements, once every cache is warm.

The pages are found as readers find them, by the links of other pages, from the home page of each kind of reader.
"""

import asyncio
import html
import re
from collections import deque
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table
from starlette.routing import compile_path

from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis_local.catalogue import SERVICES
from parvis_local.demo.portal import Person
from parvis_web.pages import AREAS

MOST_CALLS = 5
MOST_STATEMENTS = 12
#: What everything about signing in, and every service's trail, comes together on, seen by few and seldom: identity asks
#: tenancy each time who may, and the trail of notify what mails it names.
DEARER = {
    "/o/{slug}/settings/audit": (10, 16),
    "/o/{slug}/settings/people/invite": (7, 16),
    "/o/{slug}/settings/sign-in": (10, 24),
    "/o/{slug}/settings/sign-in/mapping": (5, 14),
    "/o/{slug}/settings/sign-in/mapping/rules/{place}": (5, 14),
}
#: A lease that ends, or a message that arrives, speaks in a reading; the least of some is the page's own.
READINGS = 3
#: Addresses of one route that are opened in search of links to others.
LOOKED_AT = 12
READERS = {
    "administrator": ("claire.orsel@orsel.example", "", "/o/cabinet-orsel/"),
    "provider": ("helene.mercadier@cadrane.example", "", "/o/cadrane/"),
    "portal": ("C0001", "cabinet-orsel", "/o/cabinet-orsel/"),
    "of two firms": ("karim.benhaddou@conseil.example", "", "/organisations"),
}
NO_PAGES = {
    "/": "sends on",
    "/auth/start": "sends to identity",
    "/auth/callback": "ends a sign-in",
    "/auth/proven": "comes back from a proof of who one is, and sends on",
    "/auth/return": "ends a sign-out",
    "/auth/cleared": "empties the browser's cache after a sign-out",
    "/busy": "what the edge shows instead of a page",
    "/o/{slug}/settings/products/{id}/try": "where a try-out comes back to; without one it sends back to the product",
    "/o/{slug}/customers/factors": "asks first who one is, where the sign-in is old",
    **{
        f"/o/{{slug}}/settings/sign-in/directories/{{id}}{page}": "is there once a directory is connected; nobody has"
        for page in ("", "/there", "/here", "/try", "/claims", "/live")
    },
    "/o/{slug}/settings/sign-in/domains/{id}": "is there once a domain was named; nobody in the demonstration has",
    "/o/{slug}/settings/audit/export.csv": "a file, written page by page while it is read: as long as the trail",
    "/o/{slug}/settings/audit/export.jsonl": "idem",
    "/o/{slug}/settings/data/export.zip": "idem: as long as what is kept",
    "/account/data/export.zip": "idem",
    "/setup": "exists before there is anybody",
    "/account/erased": "is shown once, to somebody whose account is going to be erased",
    "/requests/{slug}": "is there once somebody has asked for an account; nobody in the demonstration has",
    "/requests/{slug}/support": "idem",
    "/o/{slug}/settings/people/requests/{id}": "idem",
    "/o/{slug}/settings/imports/{id}": "is there once a file was sent; nobody in the demonstration has sent one",
    "/o/{slug}/settings/imports/{id}/report": "idem",
    "/o/{slug}/contacts/{id}/folders/{folder_id}/upload": "where another file is chosen after a refused form",
    "/o/{slug}/contacts/{id}/folders/{folder_id}/uploads/{upload_id}": "where the store sends a plain form's sender",
}
_LINK = re.compile(r'(?:href|src|data|hx-get)="(/[^"]*)"')
_ROUTES = [
    (route.path, compile_path(route.path)[0]) for area in AREAS for route in area.routes if "GET" in route.methods
]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one opening of a page cost."""

    calls: int
    statements: int


@dataclass(slots=True)
class Costs:
    """Of the route that a reader opened: its address, and the least that it cost."""

    of: dict[tuple[str, str], tuple[str, Cost]] = field(default_factory=dict)

    def over(self) -> list[str]:
        """The pages that cost too much, one line each."""
        return [
            f"{address} ({reader}): {cost.calls} calls, {cost.statements} statements"
            for (route, reader), (address, cost) in self.of.items()
            if (limits := DEARER.get(route, (MOST_CALLS, MOST_STATEMENTS)))
            and (cost.calls > limits[0] or cost.statements > limits[1])
        ]

    def table(self) -> Table:
        """Which page costs what, dearest first."""
        table = Table("page", "reader", "calls", "statements")
        for (route, reader), (_, cost) in sorted(
            self.of.items(), key=lambda each: (-each[1][1].statements, -each[1][1].calls, each[0])
        ):
            table.add_row(route, reader, str(cost.calls), str(cost.statements))
        return table


class Meter:
    """The counters of all services and of the pages, added up."""

    def __init__(self, suite, http: httpx.AsyncClient) -> None:
        self._urls = [f"http://{suite.environment(name)['PARVIS_HTTP_LISTEN']}/metrics" for name in (*SERVICES, "web")]
        self._http = http

    async def read(self) -> Cost:
        pages = await asyncio.gather(*(self._http.get(url) for url in self._urls))
        found = [
            sample
            for page in pages
            for family in text_string_to_metric_families(page.raise_for_status().text)
            for sample in family.samples
        ]
        return Cost(
            calls=int(sum(each.value for each in found if each.name == "parvis_rpcs_sent_total")),
            statements=int(
                sum(
                    each.value
                    for each in found
                    if each.name == "parvis_sql_statements_total" and each.labels["origin"] == "request"
                )
            ),
        )


def route_of(address: str) -> str | None:
    """The route that answers an address."""
    path = address.partition("?")[0]
    return next((route for route, pattern in _ROUTES if pattern.fullmatch(path)), None)


async def walk(person: Person, start: str) -> dict[str, str]:
    """Every route that links lead to from `start`, with an address of it that was answered."""
    found: dict[str, str] = {}
    seen, todo = {start}, deque([start])
    opened: dict[str, int] = {}
    while todo:
        address = todo.popleft()
        route = route_of(address)
        if route is None or route in NO_PAGES or opened.get(route, 0) >= LOOKED_AT:
            continue
        opened[route] = opened.get(route, 0) + 1
        page = await person.open(address, follow=False)
        if page.status_code >= httpx.codes.BAD_REQUEST:
            continue
        found.setdefault(route, address)
        for link in map(html.unescape, _LINK.findall(page.text)):
            address = link.partition("#")[0]
            if address not in seen:
                seen.add(address)
                todo.append(address)
    return found


async def uploading(portal, person: Person) -> dict[str, str]:
    """What the page's script asks while it sends a file: addresses with an upload that was begun."""
    organisation_id = (await person.organisations())["cabinet-orsel"]
    channel = portal.peers.channel("documents")
    async with person.acting_for(organisation_id):
        listed = await documents_pb2_grpc.DocumentServiceStub(channel).ListDocuments(
            documents_pb2.ListDocumentsRequest(page_size=1)
        )
        upload = await documents_pb2_grpc.UploadServiceStub(channel).StartUpload(
            documents_pb2.StartUploadRequest(
                contact_id=listed.documents[0].contact_id,
                folder_template_id=listed.documents[0].folder_template_id,
                name="Mesure.pdf",
                size=1000,
                media_type="application/pdf",
            )
        )
    own = f"/o/cabinet-orsel/uploads/{upload.id}"
    return {"/o/{slug}/uploads/{id}": own, "/o/{slug}/uploads/{id}/parts": f"{own}/parts"}


async def cost_of(person: Person, address: str, meter: Meter) -> Cost:
    """The least of some readings, each kind for itself."""
    await person.open(address, follow=False)
    readings, before = [], await meter.read()
    for _ in range(READINGS):
        await person.open(address, follow=False)
        after = await meter.read()
        readings.append(Cost(after.calls - before.calls, after.statements - before.statements))
        before = after
    return Cost(min(each.calls for each in readings), min(each.statements for each in readings))


@pytest.fixture(scope="session")
async def costs(suite, portal):
    costs = Costs()
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        meter = Meter(suite, http)
        for reader, (identifier, slug, start) in READERS.items():
            person = Person(portal, identifier, slug=slug)
            await person.sign_in()
            await person.open(start)
            addresses = await walk(person, start)
            if reader == "administrator":
                addresses |= await uploading(portal, person)
            for route, address in addresses.items():
                costs.of[route, reader] = (address, await cost_of(person, address, meter))
            await person.close()
    return costs


async def test_no_page_costs_more_than_it_may(costs, capsys):
    with capsys.disabled():
        Console().print(costs.table())

    assert not costs.over()


async def test_every_page_is_counted(costs):
    counted = {route for route, _ in costs.of}

    assert {route for route, _ in _ROUTES} - counted == set(NO_PAGES)


async def test_what_is_counted_is_what_pages_do(costs):
    _, home = costs.of["/o/{slug}/", "administrator"]

    assert home.calls >= 1
    assert home.statements >= 1
