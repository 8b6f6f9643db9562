"""What the doctor says of the metrics that a process tells."""

import asyncio
import http.server
import json
import re
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from parvis_backup.outcome import Outcome
from parvis_local import command, diagnosis, tools
from parvis_local.authority import identity_of, make_identities
from parvis_local.diagnosis import Told, all_of, backups, examine, targets
from parvis_local.layout import ROOT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
END = "parvis_certificate_end_timestamp_seconds"
WELL = f"""
parvis_build_info{{service="notify",version="1.2.0"}} 1
parvis_database_up 1
parvis_broker_up 1
parvis_schema_info{{database="0018",code="0018"}} 1
parvis_schema_difference 0
parvis_revocations_silence_seconds 4
parvis_certificate_end_timestamp_seconds{{certificate="own"}} {NOW + 90 * 86400}
parvis_job_success_timestamp_seconds{{work="sweep"}} {NOW - 3600}
parvis_job_period_seconds{{work="sweep"}} 3600
process_resident_memory_bytes 104857600
"""


def found(*lines):
    """What is said of a process that is well but for these lines."""
    changed = {re.split(r"[{ ]", line)[0] for line in lines}
    kept = [line for line in WELL.splitlines() if re.split(r"[{ ]", line)[0] not in changed]
    return examine("notify", Told.parse("\n".join([*kept, *lines, ""])), NOW)


def test_a_process_that_is_well_is_one_line():
    [fact] = found()
    assert fact.fine
    assert fact.text == "notify is well: release 1.2.0, schema 0018, 100 MiB"


@pytest.mark.parametrize(
    ("line", "says", "advises"),
    [
        ("parvis_database_up 0", "no answer from its database", "PARVIS_DATABASE_URL"),
        ("parvis_broker_up 0", "no connection to NATS", "none is lost"),
        ("parvis_clock_drift_seconds -2.5", "2.5 s apart", "NTP"),
        ("parvis_schema_difference -1", "behind its code (database 0018, code 0018)", "migrate"),
        ("parvis_schema_difference 1", "ahead of its code", "newer release"),
        ("parvis_outbox_oldest_seconds 400", "wait to leave, the oldest for 7 minutes", "worker"),
        ("parvis_queue_lag 5000", "5000 events behind", "workers"),
        ("parvis_queue_oldest_seconds 7200", "an event has waited for 2 hours for notify", "worker"),
        (f"parvis_stream_lost_timestamp_seconds {NOW - 600}", "NATS lost the events of notify", "broker_lost_events"),
        ("parvis_dead_letters 1", "gave up 1 event", "dead-letters list --service notify"),
        ("parvis_audit_unsealed_seconds 900", "not been sealed for 15 minutes", "worker"),
        ("parvis_audit_chains_broken 2", "2 chains of the audit trail", "verify-audit"),
        ("parvis_mails_waiting_oldest_seconds 7200", "mails wait, the oldest for 2 hours", "PARVIS_SMTP_URL"),
        ("parvis_revocations_silence_seconds 300", "no heartbeat", "workers"),
        (
            f'parvis_certificate_end_timestamp_seconds{{certificate="own"}} {NOW + 86400}',
            "ends on 2026-11-23",
            "new ones",
        ),
        (
            f'parvis_certificate_end_timestamp_seconds{{certificate="authority"}} {NOW - 1}',
            "ended on 2026-11-22",
            "new",
        ),
        (f'parvis_job_success_timestamp_seconds{{work="sweep"}} {NOW - 20000}', "last ended 6 hours ago", "log"),
        ('parvis_probe_failed{probe="mails"} 1', "could not learn about its mails", "log"),
        ("parvis_store_up 0", "notify gets no answer from the store", "disk"),
        (f"parvis_audit_anchor_timestamp_seconds {NOW - 27 * 3600}", "last signed 27 hours ago", "AnchorLate"),
        ("parvis_audit_anchor_timestamp_seconds 0", "the anchor of the audit trail was never signed", "AnchorLate"),
    ],
)
def test_each_trouble_is_said_with_what_to_do(line, says, advises):
    [fact] = found(line)
    assert not fact.fine
    assert says in fact.text
    assert advises in fact.advice


@pytest.mark.parametrize(
    "lines",
    [
        [f"parvis_audit_anchor_timestamp_seconds {NOW - 25 * 3600}"],
        ["parvis_audit_anchor_timestamp_seconds 0", f"process_start_time_seconds {NOW - 60}"],
        ["parvis_store_up 1"],
        ["parvis_store_up NaN", "parvis_audit_anchor_timestamp_seconds NaN"],
    ],
    ids=["of yesterday", "of a suite that has just begun", "the store answers", "of others"],
)
def test_what_is_in_its_time_is_well(lines):
    assert [fact.fine for fact in found(*lines)] == [True]


def test_a_store_that_is_away_is_said_once():
    [fact] = found("parvis_store_up 0", 'parvis_probe_failed{probe="store"} 1')
    assert "no answer from the store" in fact.text


def test_connections_that_are_waited_for_are_said_with_their_limit():
    [fact] = found("parvis_database_connections_awaited 3", "parvis_database_connections_limit 8")
    assert "3 requests of notify wait for one of its 8 connections" in fact.text


def test_a_process_that_does_not_answer_is_named():
    [fact] = examine("billing", "connection refused", NOW)
    assert (fact.fine, fact.text) == (False, "billing does not answer: connection refused")


async def test_whoever_does_not_answer_is_found_out():
    answers = await diagnosis.ask({"billing": "http://127.0.0.1:9"})
    assert [fact.fine for fact in diagnosis.all_of(answers)] == [False]


@pytest.mark.parametrize(("made", "fine"), [("2026-11-22T02-00-00Z", True), ("2026-11-20T02-00-00Z", False)])
def test_a_backup_that_is_too_old_is_said(tmp_path, made, fine):
    (tmp_path / made).mkdir()
    (tmp_path / made / "manifest.json").touch()
    (tmp_path / "2026-11-22T11-00-00Z").mkdir()  # half written: without its manifest it counts for nothing
    assert backups(tmp_path, NOW).fine is fine


@pytest.mark.parametrize(("others", "says"), [(["2026-11-22T02-00-00Z"], "one is 10 hours old"), ([], "no other one")])
def test_a_backup_of_the_future_is_said(tmp_path, others, says):
    for name in (*others, "2027-01-11T02-00-00Z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").touch()
    fact = backups(tmp_path, NOW)
    assert not fact.fine
    assert "1 backup of the future (2027-01-11T02-00-00Z): a clock is wrong, or was" in fact.text
    assert says in fact.text
    assert "rename each folder" in fact.advice


def test_no_backup_at_all_is_said(tmp_path):
    assert not backups(tmp_path, NOW).fine


def backed_up(folder, made="2026-11-22T02-00-00Z", **told):
    """What is said of a folder with one backup, and with what is told of the last try."""
    (folder / made).mkdir()
    (folder / made / "manifest.json").touch()
    (folder / "outcome.json").write_text(json.dumps(asdict(replace(Outcome(), **told))))
    return backups(folder, NOW)


@pytest.mark.parametrize(
    ("told", "fine", "says"),
    [
        ({"period": 3600.0}, False, "the last backup is 10 hours old"),
        ({"period": 8 * 3600.0}, True, "the last backup is 10 hours old"),
        ({"failed": "No space left", "tried_at": NOW - 300}, False, "the last try, 5 minutes ago, failed: No space"),
        ({"problems": 2}, False, "the last backup, 10 hours old, met 2 problems"),
    ],
)
def test_how_the_last_try_went_is_said(tmp_path, told, fine, says):
    fact = backed_up(tmp_path, **told)
    assert (fact.fine, says in fact.text) == (fine, True)
    assert bool(fact.advice) is not fine


def test_the_schedule_is_said_to_whoever_looks_for_a_late_backup(tmp_path):
    assert "every 7 days" in backed_up(tmp_path, "2026-11-10T02-00-00Z", period=7 * 86400.0).advice


def test_targets_are_composes_own_names_unless_others_are_said():
    assert targets("")["web"] == "https://web:8080"
    assert targets("web=http://10.0.0.3:8080/, identity=https://i.example") == {
        "web": "http://10.0.0.3:8080", "identity": "https://i.example",
    }  # fmt: skip
    with pytest.raises(ValueError, match="NAME=https://HOST:PORT"):
        targets("web")


def test_a_process_is_asked_over_tls_by_its_name(tmp_path, monkeypatch, capsys):
    """Whatever address leads to it; what another process or authority shows is no answer."""
    make_identities(("identity", "web"), tmp_path)
    mounted, another = tmp_path / "ca.pem", tmp_path / "another"
    another.mkdir()
    make_identities(("web",), another)
    monkeypatch.setattr(diagnosis, "AUTHORITY", mounted)
    own, context = identity_of("web", tmp_path), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.certificate, own.key)

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"parvis_database_up 1\n")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"https://127.0.0.1:{server.server_port}"
    try:
        said = asyncio.run(diagnosis.ask({"web": address, "identity": address}))
        assert said["web"].value("parvis_database_up") == 1
        assert "certificate verify failed" in said["identity"]
        monkeypatch.setattr(diagnosis, "AUTHORITY", another / "ca.pem")
        assert "certificate verify failed" in asyncio.run(diagnosis.ask({"web": address}))["web"]
        monkeypatch.setattr(diagnosis, "AUTHORITY", tmp_path / "none")  # a machine without containers
        for ca, known in ((mounted, True), (another / "ca.pem", False), (None, False)):
            for act in (tools.main, command.main):
                told = ["--ca", str(ca)] if ca else []
                with suppress(SystemExit):
                    act(["doctor", "--targets", f"web={address}", "--backups", "own", *told])
                said = capsys.readouterr().out
                assert ("certificate verify failed" in said) is not known
                assert ("web has no connection to NATS" in said) is known
    finally:
        server.shutdown()
        server.server_close()


class Mounted(type(Path())):
    """A folder that is a volume, or is not."""

    is_one = True

    def is_mount(self):
        return self.is_one


@pytest.mark.parametrize(("line", "mounted", "looked_at"), [
    ("doctor", True, "volume"), ("doctor", False, None), ("doctor --backups elsewhere", True, "elsewhere"),
    ("doctor --backups own", True, None),
])  # fmt: skip
def test_in_containers_the_doctor_looks_into_the_volume_of_the_backups(tmp_path, monkeypatch, line, mounted, looked_at):
    volume, asked = Mounted(tmp_path / "volume"), []
    monkeypatch.setattr(Mounted, "is_one", mounted)
    monkeypatch.setattr(tools, "BACKUPS", volume)
    monkeypatch.setattr(diagnosis, "report", lambda _, folder, __: asked.append(folder) or 0)
    assert tools.main(line.split()) == 0
    assert [folder and folder.name for folder in asked] == [looked_at]


@pytest.mark.parametrize(("told", "looked_at"), [("own", None), ("", "volume"), ("/mnt/elsewhere", "elsewhere")])
def test_a_variable_says_whose_the_backups_are(tmp_path, monkeypatch, told, looked_at):
    asked = []
    monkeypatch.setattr(tools, "BACKUPS", Mounted(tmp_path / "volume"))
    monkeypatch.setattr(diagnosis, "report", lambda _, folder, __: asked.append(folder) or 0)
    monkeypatch.setenv("PARVIS_BACKUPS", told)
    assert tools.main(["doctor"]) == 0
    assert [folder and folder.name for folder in asked] == [looked_at]


@pytest.mark.parametrize("name", ["disks", "tools"])
def test_compose_hands_on_whose_the_backups_are(name):
    service = yaml.safe_load((ROOT / "deploy/compose/watch.yml").read_text())["services"][name]
    assert service["environment"]["PARVIS_BACKUPS"] == "${PARVIS_BACKUPS:-}"


def test_compose_mounts_that_volume_where_the_doctor_runs():
    tool = yaml.safe_load((ROOT / "deploy/compose/watch.yml").read_text())["services"]["tools"]
    assert tool["volumes"] == [f"backup:{tools.BACKUPS}:ro"]
    main = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["backup"]
    assert main["volumes"] == [f"backup:{tools.BACKUPS}"]
    assert main["user"] == tool["user"]


def works(**processes):
    told = {name.replace("_", "-"): Told.parse(f"{WELL}parvis_works {value}\n") for name, value in processes.items()}
    return [fact.text for fact in all_of(told) if not fact.fine and "background work" in fact.text]


def test_who_does_the_background_work_is_missed_where_nobody_does_it():
    assert works(billing=0, notify=1, web=0) == ["nobody does the background work of billing"]
    assert works(billing=0, billing_worker=1, notify=1) == []


def test_workers_are_asked_where_their_names_are_known(monkeypatch):
    def known(name, _):
        if name != "billing-worker":
            raise socket.gaierror(name)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    assert [name for name in targets("") if name.endswith("-worker")] == ["billing-worker"]
