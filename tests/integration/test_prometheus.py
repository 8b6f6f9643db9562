"""Prometheus reads the running suite with our configuration, and Alertmanager tells somebody."""

import json

import httpx
import pytest
from watchers import FOLDER, alertmanager_file, ask, disks, program, prometheus_files, running, targets

from parvis_kit.testing import eventually, free_port
from parvis_local.ports import HOST

DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
#: A service that is not there.
MISSING = "gone"


@pytest.fixture(scope="module")
def prometheus(suite, tmp_path_factory):
    """Where a Prometheus answers that looks at the suite; beside it an Alertmanager."""
    folder = tmp_path_factory.mktemp("prometheus")
    programs = {name: program(name, name, tmp_path_factory) for name in ("prometheus", "prometheus-alertmanager")}
    place, teller = (f"{HOST}:{port}" for port in (free_port(), free_port() + 1))
    looker = f"{HOST}:{free_port() + 2}"
    prometheus_files(folder, suite, teller, missing=MISSING, disks=looker)
    alertmanager_file(folder, f"{HOST}:{suite.ports.smtp}")
    telling = [programs["prometheus-alertmanager"], "--config.file=alertmanager.yml", "--storage.path=told",
               f"--web.listen-address={teller}", "--cluster.listen-address="]  # fmt: skip
    looking = [programs["prometheus"], "--config.file=prometheus.yml", "--storage.tsdb.path=metrics",
               f"--web.listen-address={place}"]  # fmt: skip
    with disks(folder, suite, looker), running(telling, folder), running(looking, folder):
        yield place


@pytest.fixture
def said(prometheus, tmp_path_factory):
    """What both wrote last, for whoever asks why."""
    _ = prometheus
    logs = sorted(tmp_path_factory.getbasetemp().glob("prometheus*/*.log"))
    return lambda: "\n".join(f"{each.name}: {each.read_text()[-2000:]}" for each in logs)


async def test_every_process_of_the_suite_is_seen(prometheus, suite):
    wanted = dict.fromkeys([*targets(suite), "disks"], "up")

    async def seen():
        found = await ask(prometheus, "/api/v1/targets", state="active")
        return found and wanted == {
            each["labels"]["service"]: each["health"] for each in found["data"]["activeTargets"]
        }

    assert await eventually(seen, within=60)


async def test_no_rule_fails(prometheus):
    async def evaluated():
        found = await ask(prometheus, "/api/v1/rules")
        rules = [rule for group in found["data"]["groups"] for rule in group["rules"]] if found else []
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

    rules = await eventually(evaluated, within=60)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
async def test_every_panel_of_a_dashboard_can_be_asked(prometheus, path):
    board = json.loads(path.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for expression in asked:
        told = expression.replace("$service", "web").replace("$__rate_interval", "1m").replace("$__range", "5m")
        answer = await ask(prometheus, "/api/v1/query", query=told)
        assert answer["status"] == "success", (expression, answer)


async def test_that_there_is_no_backup_is_seen_and_nothing_that_is_well(prometheus):
    async def seen():
        found = await ask(prometheus, "/api/v1/alerts")
        names = {each["labels"]["alertname"] for each in found["data"]["alerts"]} if found else set()
        return "BackupNone" in names and not names & {"DisksUnseen", "StoreUnreachable", "AnchorLate"}

    assert await eventually(seen, within=150)  # a suite that has just begun signs its first anchor within a minute


async def test_the_watchdog_arrives(suite, said):
    assert await heard(suite, "exploitation@cabinet.example", "Watchdog"), said()


async def test_whoever_watches_hears_by_mail_of_a_service_that_is_gone(suite, said):
    assert await heard(suite, "astreinte@cabinet.example", f"ServiceGone {MISSING}"), said()


async def heard(suite, address, what):
    """Whether somebody gets a mail about it."""

    async def told():
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            listed = (await http.get(f"{suite.addresses['mail']}/api/messages")).json()["messages"]
        return any(what in each["subject"] for each in listed if address in json.dumps(each))

    try:
        return await eventually(told, within=150)
    except TimeoutError:
        return False
