"""Whom a request is from, as the pages see it; what a service makes of its settings."""

from types import SimpleNamespace

import pytest
from nats.js.errors import NotFoundError
from pydantic import ValidationError

from parvis_kit.app import Command, Service, run
from parvis_kit.settings import ServiceSettings
from parvis_watch.http import HttpServer
from parvis_watch.start import command_line


@pytest.mark.parametrize(
    ("peer", "seen"),
    [("10.1.0.9", "203.0.113.7"), ("127.0.0.1", "127.0.0.1"), ("192.0.2.66", "192.0.2.66")],
    ids=["our proxy", "somebody on this machine", "a stranger"],
)
async def test_only_a_trusted_proxy_says_where_a_visitor_comes_from(peer, seen):
    found = []

    async def app(scope, _receive, _send):
        found.append(scope["client"][0])

    told = SimpleNamespace(http_listen="127.0.0.1:0", http_tls=False, trusted_proxies="10.1.0.0/16")
    config = HttpServer(app, told, grace=1).config
    config.load()
    headers = [(b"x-forwarded-for", b"198.51.100.1, 203.0.113.7")]
    await config.loaded_app({"type": "http", "client": (peer, 1), "headers": headers, "scheme": "http"}, None, None)
    assert found == [seen]


class Settings(ServiceSettings):
    service = "tenancy"


@pytest.fixture
def service_settings():
    def service_settings(**given):
        wanted = {"database_url": "postgresql://", "nats_url": "nats://", "http_listen": "", "public_url": ""}
        return Settings(**wanted, tls_ca="ca", tls_certificate="own", tls_key="key", **given)

    return service_settings


class Manager:
    """Stands for a cluster's JetStream, which one test server is not."""

    def __init__(self):
        self.made = {}

    async def stream_info(self, _name):
        raise NotFoundError

    async def add_stream(self, **wanted):
        self.made = wanted


@pytest.mark.parametrize(("asked", "kept"), [({}, 1), ({"broker_replicas": "3"}, 3)])
async def test_a_stream_is_kept_by_as_many_servers_as_the_settings_say(service_settings, asked, kept):
    manager = Manager()
    await Service(service_settings(**asked)).broker._ensure_stream(SimpleNamespace(jsm=lambda **_: manager))
    assert manager.made["num_replicas"] == kept


async def test_nats_is_waited_for_at_the_start_and_keeps_nobody_from_answering_later(service_settings, monkeypatch):
    """It is every replica's: were none of them ready without it, there would be no page at all."""

    async def nothing():
        return ""

    service = Service(service_settings())
    monkeypatch.setattr(service.database, "ready", nothing)
    service._standings, service._started = SimpleNamespace(lagging=nothing), True
    assert await service._failing() == "NATS cannot be reached"
    service.broker.reached = True  # and not there now
    assert not service.broker.connected
    assert await service._failing() == ""


def test_more_servers_than_jetstream_takes_stop_the_start(service_settings):
    with pytest.raises(ValidationError, match="broker_replicas"):
        service_settings(broker_replicas="6")


async def _not_served(_settings):
    raise AssertionError


def test_a_command_of_a_service_gets_its_arguments_and_its_answer_is_the_exit_status(monkeypatch):
    wanted = ["database_url", "nats_url", "http_listen", "public_url", "tls_ca", "tls_certificate", "tls_key"]
    for name in wanted:
        monkeypatch.setenv(f"PARVIS_{name.upper()}", "x")
    seen = []

    async def act(settings, arguments):
        seen.append((settings.service, arguments.thing))
        return 3

    command = Command[Settings]("acts", act, lambda parser: parser.add_argument("--thing"))
    with pytest.raises(SystemExit) as ended:
        run(Settings, _not_served, ["act", "--thing", "x"], {"act": command})

    assert (ended.value.code, seen) == (3, [("tenancy", "x")])


def test_without_a_command_a_service_serves_in_the_role_that_is_said():
    told = command_line("tenancy", {}).parse_args(["--role", "api"])
    assert (told.command, told.role) == (None, "api")
