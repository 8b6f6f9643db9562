"""One address may ask so much at once and so often, and no more; nobody else is held up by it. Real Traefik, low
figures.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import httpx
import pytest

from parvis_local.layout import Layout
from parvis_local.ports import HOST, Ports
from parvis_local.processes import Spawned, send
from parvis_local.servers import traefik

LOW = {
    "PARVIS_EDGE_IDENTITY_AVERAGE": "1",
    "PARVIS_EDGE_IDENTITY_BURST": "8",
    "PARVIS_EDGE_IDENTITY_AT_ONCE": "2",
    "PARVIS_EDGE_PAGES_AT_ONCE": "3",
    "PARVIS_EDGE_PROXIES": "1",
    "TRAEFIK_ENTRYPOINTS_PORTAL_FORWARDEDHEADERS_TRUSTEDIPS": f"{HOST}/32",
}


class Slow(BaseHTTPRequestHandler):
    """Answers `/…/slow` once `go` is set, everything else at once."""

    protocol_version = "HTTP/1.1"
    go = Event()

    def do_GET(self):
        if self.path.endswith("/slow"):
            self.go.wait(20)
        refused = self.path == "/busy"
        body = f"{self.server.name} {self.path} {self.headers.get('Accept-Language', '')}".encode()
        self.send_response(429 if refused else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, free_base) -> Iterator[str]:
    """The address of a portal with low limits, as a load balancer in front of it would ask."""
    layout, ports = Layout(tmp_path_factory.mktemp("edge")), Ports(free_base())
    layout.logs.mkdir()
    backends = []
    for name in ("identity", "web"):
        server = ThreadingHTTPServer((HOST, ports.http(name)), Slow)
        server.name = name
        Thread(target=server.serve_forever, daemon=True).start()
        backends.append(server)
    program = traefik.program(layout, ports)
    process = Spawned(replace(program, environment={**program.environment, **LOW}))
    address = f"http://{HOST}:{ports.portal}"
    deadline = time.monotonic() + 20
    while not answers(address):
        assert time.monotonic() < deadline, layout.log("traefik").read_text()
        time.sleep(0.1)
    yield address
    send(process.pid, signal.SIGKILL)
    for server in backends:
        server.shutdown()
        server.server_close()


def answers(address: str) -> bool:
    try:
        return ask(address, "198.51.100.1").status_code == 200
    except httpx.HTTPError:
        return False


def ask(address: str, client: str, language: str = "fr") -> httpx.Response:
    return httpx.get(address, headers={"X-Forwarded-For": client, "Accept-Language": language}, timeout=20)


def at_once(address: str, client: str, *, times: int, refused: int) -> Counter[int]:
    """How requests end that are all under way together: those let in are answered once the others were refused."""
    Slow.go.clear()
    with ThreadPoolExecutor(times) as pool:
        asked = [pool.submit(ask, f"{address}/slow", client) for _ in range(times)]
        deadline = time.monotonic() + 15
        while sum(each.done() for each in asked) < refused and time.monotonic() < deadline:
            time.sleep(0.02)
        elsewhere = ask(address, "198.51.100.99").status_code
        Slow.go.set()
        ended = Counter(each.result().status_code for each in asked)
    assert elsewhere == 200
    return ended


def test_an_address_has_so_many_requests_of_identity_at_once(edge):
    assert at_once(f"{edge}/login", "198.51.100.2", times=5, refused=3) == {200: 2, 429: 3}


def test_an_address_has_so_many_pages_at_once(edge):
    assert at_once(f"{edge}/o", "198.51.100.3", times=5, refused=2) == {200: 3, 429: 2}


def test_an_address_asks_identity_so_often_and_pages_as_often_as_it_likes(edge):
    identity = Counter(ask(f"{edge}/login", "198.51.100.4").status_code for _ in range(12))
    pages = Counter(ask(f"{edge}/o/cabinet/", "198.51.100.4").status_code for _ in range(12))

    assert identity[429] >= 2
    assert identity[200] >= 8
    assert pages == {200: 12}
    assert ask(f"{edge}/login", "198.51.100.5").status_code == 200


def test_one_subscriber_of_ipv6_counts_as_one(edge):
    answers = [ask(f"{edge}/login", f"2001:db8:1:2::{number:x}").status_code for number in range(1, 13)]

    assert 429 in answers
    assert ask(f"{edge}/login", "2001:db8:1:3::1").status_code == 200


def test_who_is_refused_gets_a_page_in_their_language(edge):
    pages = [ask(f"{edge}/login", "198.51.100.6", "en") for _ in range(12)]

    assert {page.text for page in pages if page.status_code == 429} == {"web /busy en"}
