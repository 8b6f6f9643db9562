"""What is told of disks and backups, to whoever reads /metrics."""

import argparse
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from types import SimpleNamespace

import httpx
import pytest

from parvis_backup.outcome import Outcome
from parvis_kit.testing import free_port
from parvis_local import disks, doctor, tools
from parvis_local.authority import identity_of, make_identities
from parvis_local.diagnosis import Told
from parvis_local.disks import Disks
from parvis_local.layout import Layout


def told(volumes, backups=None, patience=3.0):
    """The series of one look."""
    families = list(Disks(volumes, backups, patience).collect())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


@pytest.fixture
def folder(tmp_path):
    """Backups: one that is complete, and one that failed since."""
    for name, files in {"2026-11-22T02-00-00Z": ["manifest.json"], "2026-11-23T02-00-00Z": []}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    last = replace(Outcome(), tried_at=1795399200.0, period=3600.0, failed="no room", seconds=12.5, size=17, healed=3)
    (tmp_path / "outcome.json").write_text(json.dumps(asdict(last)))
    return tmp_path


def test_the_room_of_each_disk_is_told(tmp_path):
    found, disk = told({"store": tmp_path}), os.statvfs(tmp_path)
    assert found["parvis_disk_bytes", "store"] == disk.f_blocks * disk.f_frsize
    assert 0 < found["parvis_disk_free_bytes", "store"] < found["parvis_disk_bytes", "store"]
    assert found["parvis_probe_failed", "store"] == 0


def test_how_backups_stand_is_told(folder):
    found = told({}, folder)
    assert found["parvis_backup_complete_timestamp_seconds",] == 1795312800
    assert found["parvis_backup_tried_timestamp_seconds",] == 1795399200
    assert found["parvis_backup_period_seconds",] == 3600
    assert found["parvis_backup_failed",] == 1
    assert found["parvis_backup_duration_seconds",] == 12.5
    assert found["parvis_backup_bytes",] == 17
    assert found["parvis_backup_objects_healed",] == 3
    assert found["parvis_backup_problems",] == 0


def test_backups_of_a_clock_that_was_wrong_are_counted_apart(folder):
    assert told({}, folder)["parvis_backup_ahead",] == 0
    ahead = folder / "2999-01-11T02-00-00Z"
    ahead.mkdir()
    (ahead / "manifest.json").touch()
    found = told({}, folder)
    assert found["parvis_backup_ahead",] == 1
    assert found["parvis_backup_complete_timestamp_seconds",] == 1795312800


def test_that_there_is_no_backup_is_told(tmp_path):
    found = told({}, tmp_path)
    assert found["parvis_backup_complete_timestamp_seconds",] == 0
    assert found["parvis_backup_period_seconds",] == 86400


@pytest.mark.parametrize("said", [["--backups", "own"], []])
def test_of_backups_of_ones_own_nothing_is_told(folder, monkeypatch, said):
    if not said:
        monkeypatch.setenv("PARVIS_BACKUPS", "own")
    parser, served = argparse.ArgumentParser(), []
    tools.add_disks(parser)
    monkeypatch.setattr(disks, "application", served.append)
    monkeypatch.setattr(disks.uvicorn.Server, "run", lambda _: None)
    disks.serve(parser.parse_args(said), {"store": folder}, folder)
    names = {family.name for family in served[0].collect()}
    assert names == {"parvis_disk_bytes", "parvis_disk_free_bytes", "parvis_probe_failed"}


def test_a_disk_that_is_gone_is_said_and_hinders_no_other(tmp_path):
    found = told({"nats": tmp_path / "gone", "store": tmp_path})
    assert found["parvis_probe_failed", "nats"] == 1
    assert ("parvis_disk_bytes", "nats") not in found
    assert found["parvis_disk_bytes", "store"] > 0


def test_a_disk_that_stands_still_is_asked_once_and_hinders_no_other(tmp_path, monkeypatch):
    still, asked, ask = threading.Event(), [], os.statvfs

    def statvfs(path):
        if path == tmp_path / "share":
            asked.append(path)
            still.wait()
        return ask(tmp_path)

    monkeypatch.setattr(disks.os, "statvfs", statvfs)
    looking = Disks({"backup": tmp_path / "share", "store": tmp_path}, None, patience=0.05)
    for _ in range(3):
        found = {(s.name, *s.labels.values()): s.value for each in looking.collect() for s in each.samples}
        assert found["parvis_probe_failed", "backup"] == 1
        assert found["parvis_probe_failed", "store"] == 0
    assert len(asked) == 1
    still.set()


def test_it_is_read_over_http_and_ends_when_told(tmp_path, folder):
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "parvis_local.tools", "disks", "--listen", listen]
    process = subprocess.Popen([*command, "--volume", f"store={tmp_path}", "--backups", str(folder)])
    try:
        found = Told.parse(answer(f"http://{listen}/metrics"))
        assert found.labels("parvis_disk_free_bytes") == {"volume": "store"}
        assert found.value("parvis_backup_failed") == 1
        assert {name.split("_")[0] for name in found.series} == {"parvis"}
        assert httpx.get(f"http://{listen}/health/ready", trust_env=False).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}


def test_in_containers_it_is_read_over_tls_alone(tmp_path, folder):
    make_identities(("disks",), tmp_path)
    own, port = identity_of("disks", tmp_path), free_port()
    command = [sys.executable, "-m", "parvis_local.tools", "disks", "--volume", f"store={tmp_path}"]
    told = {"PARVIS_HTTP_LISTEN": f"127.0.0.1:{port}", "PARVIS_HTTP_TLS": "true", "PARVIS_BACKUPS": str(folder)}
    files = {"PARVIS_TLS_CA": own.authority, "PARVIS_TLS_KEY": own.key, "PARVIS_TLS_CERTIFICATE": own.certificate}
    process = subprocess.Popen(command, env=os.environ | told | {name: str(file) for name, file in files.items()})
    try:
        believed = ssl.create_default_context(cafile=own.authority)
        assert "parvis_disk_bytes" in answer(f"https://127.0.0.1:{port}/metrics", verify=believed)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=30)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}


def answer(address, **options):
    """What is said there, once somebody says something."""
    for _ in range(600):
        try:
            return httpx.get(address, trust_env=False, timeout=30, **options).raise_for_status().text
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(address)


@pytest.mark.parametrize(("volume", "listen"), [("store", "127.0.0.1:1"), ("=/x", "127.0.0.1:1"), ("a=/x", "here")])
def test_what_makes_no_sense_is_refused(volume, listen):
    options = argparse.Namespace(volume=[volume], backups=None, listen=listen)
    with pytest.raises(ValueError, match=r"--(volume|listen) is "):
        disks.serve(options, {}, None)


@pytest.fixture
def suite(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.make()
    layout.installation.touch()
    (layout.secrets / "credentials.json").touch()
    return SimpleNamespace(layout=layout, demo=False)


@pytest.mark.parametrize(("age", "demo", "fine"), [(3600, False, True), (27 * 3600, False, False), (9e6, True, True)])
def test_a_suite_in_use_without_any_backup_is_said(suite, age, demo, fine):
    suite.demo = demo
    began = (suite.layout.secrets / "credentials.json").stat().st_mtime
    [fact] = doctor.backed_up(suite, None, began + age)
    assert (fact.fine, "no backup" in fact.text) == (fine, True)


def test_the_doctor_looks_where_the_last_backup_went(suite, folder, tmp_path):
    suite.layout.backed_up.write_text(json.dumps({"to": str(folder)}))
    [fact] = doctor.backed_up(suite, None, 1795399260.0)
    assert "failed: no room" in fact.text
    [fact] = doctor.backed_up(suite, tmp_path / "elsewhere", 1795399260.0)
    assert "no complete backup" in fact.text


def test_the_doctor_misses_no_backup_where_somebody_has_their_own(suite):
    assert doctor.backed_up(suite, tools.OWN, 9e9) == []
    assert not doctor.backed_up(suite, None, 9e9)[0].fine


def test_where_no_suite_is_nothing_is_said_of_backups(tmp_path):
    nobodys = SimpleNamespace(layout=Layout(tmp_path / "none"), demo=True)
    assert doctor.backed_up(nobodys, None, 0.0) == []
