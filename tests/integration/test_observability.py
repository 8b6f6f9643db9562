"""What deploy/observability/ says is about metrics that exist, and raises what it should."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from watchers import program

from parvis_backup import outcome
from parvis_local import diagnosis
from parvis_local.catalogue import SERVICES
from parvis_local.disks import Disks
from parvis_local.layout import ROOT

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
GROUPS = {group["name"]: group["rules"] for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]}
RULES = GROUPS["parvis"]
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
METRIC = re.compile(r"\b((?:parvis|process|traefik)_[a-z_]+)\b")
SUFFIXES = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
#: What a gateway with TLS tells (deploy/local/tests/test_edge_tls.py); that of a suite here has none.
OF_TLS = {"traefik_tls_certs_not_after"}
PAGE = (ROOT / "docs" / "operations.md").read_text()
#: What our own RPCs and routes are called in conditions of labels.
CONDITION = re.compile(r'"(?:[^"\\]|\\.)*"')


def expressions(path):
    board = json.loads(path.read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


ASKED = {f"alert {rule['alert']}": [rule["expr"]] for rule in RULES}
ASKED |= {path.stem: expressions(path) for path in DASHBOARDS}


@pytest.fixture(scope="module")
def told(suite, tmp_path_factory):
    """The names of all series that the processes, the gateway and whoever looks at the disks can tell."""
    folder = tmp_path_factory.mktemp("disk")
    names = OF_TLS | {each.name for each in Disks({"store": folder}, folder).collect()}
    httpx.get(f"{suite.addresses['portal']}/login", trust_env=False, timeout=10)  # the gateway tells what it has done
    addresses = [suite.environment(name)["PARVIS_HTTP_LISTEN"] for name in (*SERVICES, "web")]
    for address in (*addresses, f"127.0.0.1:{suite.ports.traefik_api}"):
        text = httpx.get(f"http://{address}/metrics", trust_env=False, timeout=10).text
        for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE):
            names |= {name + suffix for suffix in SUFFIXES.get(kind, [""])}
    return names


@pytest.mark.parametrize("asking", ASKED)
async def test_every_metric_that_is_asked_for_exists(told, asking):
    named = {name for expr in ASKED[asking] for name in METRIC.findall(CONDITION.sub('""', expr))}
    assert named - told == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_urgent_it_is_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ({"watchdog"} if rule["alert"] == "Watchdog" else {"page", "ticket"})
    assert rule["annotations"]["summary"]
    assert len(rule["annotations"]["advice"]) > 20


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_what_an_alert_means_is_explained(rule):
    rows = PAGE.partition("### What each alert means")[2].partition("\n## ")[0]
    row = re.search(rf"^\| `{rule['alert']}`( \(page\))? \| (.+?) \| (.+?) \|$", rows, re.MULTILINE)
    assert row, "it has no row"
    assert bool(row[1]) is (rule["labels"]["severity"] == "page")
    assert min(len(row[2]), len(row[3])) > 15


def test_the_doctor_and_the_alerts_have_one_opinion():
    found = {rule["alert"]: rule["expr"] for rule in RULES}
    thresholds = {
        "OutboxStuck": diagnosis.OUTBOX_SECONDS,
        "QueueBehind": diagnosis.QUEUE_LAG,
        "QueueLate": diagnosis.QUEUE_SECONDS,
        "ClockDrift": diagnosis.DRIFT_SECONDS,
        "AuditUnsealed": diagnosis.UNSEALED_SECONDS,
        "RevocationsSilent": diagnosis.SILENCE_SECONDS,
        "MailsWait": diagnosis.MAIL_SECONDS,
    }
    assert [alert for alert, limit in thresholds.items() if not found[alert].endswith(f"> {limit}")] == []
    assert f"time() - {diagnosis.STREAM_LOST_SECONDS}" in found["StreamLost"]
    assert f"< {diagnosis.CERTIFICATE_DAYS} * 86400" in found["CertificateEnds"]
    assert f"> {diagnosis.ANCHOR_HOURS} * 3600" in found["AnchorLate"]
    assert f"< {diagnosis.DISK_FREE}" in found["DiskNearlyFull"]
    late = f"parvis_backup_period_seconds + {outcome.MARGIN:g} + 2 * parvis_backup_duration_seconds"
    assert late in found["BackupLate"]


def test_the_stream_is_full_where_nats_says():
    [limit] = re.findall(r"max_file_store: (\d+)", (ROOT / "deploy" / "compose" / "nats.conf").read_text())
    found = {rule["alert"]: rule["expr"] for rule in RULES}
    assert found["StreamFilling"].endswith(f"> {int(limit) * 4 // 5}")


@pytest.fixture(scope="module")
def promtool(tmp_path_factory):
    return program("promtool", "prometheus", tmp_path_factory)


def test_the_alerts_are_raised_when_they_should(promtool):
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_and_alertmanager_understand_their_files(promtool, tmp_path_factory):
    amtool = program("amtool", "prometheus-alertmanager", tmp_path_factory)
    for command in ([promtool, "check", "config", "--syntax-only", "prometheus.yml"],
                    [amtool, "check-config", "alertmanager.yml"]):  # fmt: skip
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_that_is_looked_for_is_expected():
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    names = {job["job_name"]: [name for places in job["dns_sd_configs"] for name in places["names"]] for job in jobs}
    apart = [each for each in SERVICES if f"{each}-worker" in (ROOT / "deploy" / "compose" / f"{each}.yml").read_text()]
    assert names == {name: [name, f"{name}-worker"] if name in apart else [name] for name in names}
    [whose] = {
        each["regex"]
        for job in jobs
        for each in job["relabel_configs"]
        if each.get("source_labels") and "regex" in each
    }
    found = {name: re.fullmatch(whose, name)[1] for each in apart for name in names[each]}
    assert found == {name: name.removesuffix("-worker") for name in found}
    *looked_for, last = names
    assert last == "disks"  # which has an alert of its own
    assert [rule["labels"]["service"] for rule in GROUPS["expected"]] == looked_for
    assert {*SERVICES, "web"} <= set(looked_for)


def test_everybody_is_asked_over_tls_and_by_their_name():
    for job in yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]:
        assert job["scheme"] == "https"
        assert job["tls_config"] == {"ca_file": "/run/secrets/tls_ca", "server_name": job["job_name"]}
        told = {each["target_label"]: each.get("replacement") for each in job["relabel_configs"]}
        assert told.get("job", job["job_name"]) in {"parvis", "traefik", "disks"}  # what alerts and dashboards ask for
        assert "service" in told


def test_an_alert_that_is_tested_exists():
    tested = set(re.findall(r"alertname: (\w+)", (FOLDER / "alerts_test.yml").read_text()))
    there = {rule["alert"] for rule in RULES}
    assert tested <= there
    late = {"StoreUnreachable", "Watchdog", *(name for name in there if name.startswith(("Backup", "Disk", "Anchor")))}
    assert late <= tested, "what is seen too late where its alert is wrong"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_fits_and_names_our_source(path):
    board = json.loads(path.read_text())
    assert board["uid"] == f"parvis-{path.stem}"
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(places) == len(set(places))
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])
    assert {target["datasource"]["uid"] for panel in board["panels"] for target in panel["targets"]} == {"parvis"}


def test_the_example_of_alertmanager_tells_somebody():
    example = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    receivers = {each["name"] for each in example["receivers"]}
    assert {example["route"]["receiver"], *(route["receiver"] for route in example["route"]["routes"])} <= receivers
