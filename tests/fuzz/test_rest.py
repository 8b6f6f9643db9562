"""Every address that an OpenAPI document of ours describes, asked in every way that the document allows and in many
that it does not: no answer is an error of the server's.

The documents: identity's stands in docs/api, tenancy describes itself. documents, notify and billing have no address
for others than health and metrics, which is asked here too.
"""

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
import yaml
from cases_scim import room, token
from starlette.routing import Route

from parvis_identity.http.app import make_app

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = ROOT / "docs" / "api" / "identity.yaml"
FULL = os.environ.get("PARVIS_FULL") == "1"
SEED = os.environ.get("PARVIS_FUZZ_SEED", "0")
#: Requests that are drawn for each operation, beside those that put each parameter at its edges.
DRAWN = "200" if FULL else "6"
PHASES = "examples,coverage,fuzzing" if FULL else "examples,fuzzing"
#: Below these, identity's addresses are called by programs; all others are pages, which people's browsers ask for.
FOR_PROGRAMS = ("/scim/", "/oauth2/", "/.well-known/")
#: Pages below them: the form of a consent and the no to a pushed request.
PAGES = {"/oauth2/consent", "/oauth2/decline"}
#: What every process answers beside its own addresses, and nonsense.
EVERYWHERE = (
    "/health/live",
    "/health/ready",
    "/metrics",
    "/nowhere",
    "/%00",
    "/..%2f..%2fetc",
    "/%ff?%ff=%00&a[]=" + "a" * 5000,
)
#: RFC 7644, 3.11: 501 is the answer of a provider that has no such address.
NOT_IMPLEMENTED = ("--exclude-path", "/scim/v2/Me")


def ask(document, url, *options):
    """Runs schemathesis. What failed stands in its output."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", url, "--seed", SEED),
        *("--phases", PHASES, "--checks", "not_a_server_error", "--request-timeout", "60", "--warnings", "off"),
        *("--suppress-health-check", "all", "--max-redirects", "0", "--continue-on-failure", "-n", DRAWN, *options),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def bearing(value):
    return ("--header", f"Authorization: {value}")


@pytest.fixture(scope="module")
async def directory_token(world):
    """Of a firm's directory."""
    await room(world)
    return (await token(world)).secret


@pytest.fixture(scope="module")
def product(cast):
    """How the firm's product proves who it is (RFC 6749, 2.3.1)."""
    known = cast.product
    return "Basic " + b64encode(f"{known['client_id']}:{known['client_secret']}".encode()).decode()


@pytest.fixture(scope="module")
async def product_token(http, cast):
    """With which the product asks tenancy."""
    known = cast.product
    told = await http.post(
        f"{cast.portal.url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(known["client_id"], known["client_secret"]),
    )
    return told.json()["access_token"]


def test_every_address_for_programs_is_described():
    site = type(
        "Site", (), {"__getattr__": lambda _, name: (lambda each=None: each) if name == "guarded" else Nothing()}
    )
    known = {each.path for each in make_app(site()).routes if isinstance(each, Route)}
    told = {path for path in known if path.startswith(FOR_PROGRAMS)} - PAGES
    described = yaml.safe_load(IDENTITY.read_text())["paths"]
    assert {path for path in told if "{rest:path}" not in path} == described.keys()


class Nothing:
    def __getattr__(self, name):
        return Nothing()


def test_a_directory(portal, standing, directory_token):
    ask(
        IDENTITY, portal.url, "--include-path-regex", "^/scim/", *NOT_IMPLEMENTED, *bearing(f"Bearer {directory_token}")
    )


def test_a_product_at_the_provider(portal, standing, product):
    ask(IDENTITY, portal.url, "--exclude-path-regex", "^/scim/", *bearing(product))


def test_nobody_at_the_provider(portal, standing):
    ask(IDENTITY, portal.url, *([] if FULL else ["-n", "3"]))


def test_a_product_at_tenancy(portal, standing, product_token):
    described = f"{portal.url}/api/tenancy/openapi.json"
    ask(described, portal.url, *bearing(f"Bearer {product_token}"))


@pytest.mark.parametrize("service", ["identity", "tenancy", "documents", "notify", "billing", "web"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
async def test_health_metrics_and_what_is_not_there(suite, http, standing, service, method):
    origin = f"http://{suite.environment(service)['PARVIS_HTTP_LISTEN']}"
    for path in EVERYWHERE:
        answer = await http.request(method, origin + path, content=b"\xff{", headers={"Accept-Language": b"\xff;q=x"})
        assert answer.status_code < 500, (path, answer.text[:500])


async def test_every_process_lives_and_no_log_holds_an_error(standing, ledger):
    await ledger.quiet()
    assert await standing.troubles() == []
