"""What a process answers about itself, and what it counts of its pages."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from reading import value
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from parvis_watch.http import NOWHERE, Watched, route_of
from parvis_watch.probes import Probes

FROM_OUTSIDE = {"x-forwarded-host": "portal.example"}


async def _activate(request):
    if request.path_params["secret"] == "broken":
        raise ValueError
    return PlainTextResponse("welcome")


@pytest.fixture
def client():
    def client(*, failing="", pages=True, probes=None):
        async def ready():
            return failing

        app = Starlette(routes=[Route("/activate/{secret}", _activate, methods=["GET", "POST"])]) if pages else None
        watched = Watched(app, ready=ready, probes=probes or Probes())
        transport = httpx.ASGITransport(watched, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://service")

    return client


@pytest.mark.parametrize(
    ("status", "kind", "own", "expected"),
    [
        (200, "application/json", None, True),
        (404, "application/problem+json", None, True),
        (500, "text/plain; charset=utf-8", None, True),
        (204, None, None, True),
        (303, None, None, False),
        (200, "application/json", "default-src 'self'", False),
        (200, "text/html; charset=utf-8", None, False),
        (200, "text/javascript", None, False),
    ],
)
async def test_what_is_no_page_runs_nothing_and_is_in_no_frame(status, kind, own, expected):
    async def answer(request):
        told = {"content-type": kind} if kind else {}
        return Response(status_code=status, headers=told | ({"content-security-policy": own} if own else {}))

    async def ready():
        return ""

    watched = Watched(Starlette(routes=[Route("/", answer)]), ready=ready, probes=Probes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(watched), base_url="http://service") as http:
        policies = (await http.get("/")).headers.get_list("content-security-policy")
    assert policies == (
        ["default-src 'none'; base-uri 'none'; frame-ancestors 'none'"] if expected else [own] if own else []
    )


async def test_a_page_is_counted_under_the_template_of_its_route_and_never_under_its_path(client):
    labels = {"method": "GET", "route": "/activate/{secret}", "status": "200"}
    before = value("parvis_http_requests_total", **labels)
    async with client() as http:
        await http.get("/activate/s3cr3t-of-claire")
        metrics = (await http.get("/metrics")).text
    assert value("parvis_http_requests_total", **labels) == before + 1
    assert "s3cr3t" not in metrics


async def test_a_plain_route_and_a_mount_of_fastapi_have_templates_too():
    app = FastAPI(openapi_url=None)
    app.router.routes.append(Route("/plain/{secret}", _activate))
    app.mount("/assets", Starlette(routes=[Route("/{name}", _activate)]))
    seen = []

    async def noting(scope, receive, send):
        try:
            await app(scope, receive, send)
        finally:
            seen.append(route_of(scope))

    transport = httpx.ASGITransport(noting, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        for path in ("/plain/claire", "/assets/claire.css", "/nowhere/claire"):
            await http.get(path)
    assert [each for each in seen if "claire" in each] == []
    assert seen[0] == "/plain/{secret}"
    assert seen[2] == NOWHERE


async def test_a_page_that_fails_is_counted_as_500_and_is_no_longer_in_flight(client):
    labels = {"method": "POST", "route": "/activate/{secret}", "status": "500"}
    before = value("parvis_http_requests_total", **labels)
    async with client() as http:
        await http.post("/activate/broken")
    assert value("parvis_http_requests_total", **labels) == before + 1
    assert value("parvis_http_in_flight") == 0


async def test_what_strangers_make_up_makes_no_series(client):
    before = value("parvis_http_requests_total", method="other", route=NOWHERE, status="404")
    async with client() as http:
        for number in range(20):
            await http.request(f"BREW{number}", f"/wp-admin/{number}")
        metrics = (await http.get("/metrics")).text
    assert value("parvis_http_requests_total", method="other", route=NOWHERE, status="404") == before + 20
    assert "BREW" not in metrics
    assert "wp-admin" not in metrics


@pytest.mark.parametrize("path", ["/metrics", "/health/ready", "/health/live"])
async def test_what_comes_through_the_gateway_sees_neither_health_nor_metrics(client, path):
    async with client() as http:
        assert (await http.get(path, headers=FROM_OUTSIDE)).status_code == 404
        assert (await http.get(path)).status_code in {200, 204}


async def test_a_process_that_is_not_ready_says_why(client):
    async with client(failing="NATS cannot be reached") as http:
        answer = await http.get("/health/ready")
    assert (answer.status_code, answer.json()["failing"]) == (503, "NATS cannot be reached")


async def test_a_worker_has_no_pages_but_metrics(client):
    async with client(pages=False) as http:
        assert (await http.get("/activate/x")).status_code == 404
        assert "parvis_build_info" in (await http.get("/metrics")).text


async def test_metrics_are_told_although_what_is_asked_for_them_hangs(client):
    async def hang():
        await asyncio.Event().wait()

    probes = Probes(patience=0.05)
    probes.add("hanging", hang)
    async with client(probes=probes) as http:
        answer = await http.get("/metrics")
    assert 'parvis_probe_failed{probe="hanging"} 1.0' in answer.text


async def test_who_is_about_to_leave_ends_its_visitors_connections(client):
    async with client() as http:
        service = http._transport.app  # what stands behind it
        assert "connection" not in (await http.get("/activate/x")).headers
        service.leaving = True
        assert (await http.get("/activate/x")).headers["connection"] == "close"
