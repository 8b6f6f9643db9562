"""What variables and files of secrets say of an installation in containers."""

import argparse
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest

from parvis_backup import command
from parvis_backup.command import add_commands, place_of_settings
from parvis_backup.outcome import Outcome
from parvis_backup.problems import BackupError


@pytest.fixture
def secrets(tmp_path):
    for name in ("database_superuser", "nats_url", "store_access_key", "store_secret_key", "ca.pem"):
        (tmp_path / name).write_text(f"{name}/1\n")
    return tmp_path


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    return parser


def test_one_server_or_several(secrets, monkeypatch):
    monkeypatch.setenv("PARVIS_DATABASE_SERVER", "one:5432")
    monkeypatch.setenv("PARVIS_DATABASE_SERVERS", '{"parvis_billing": "two:5432"}')
    place = place_of_settings(secrets)
    assert place.database_url("parvis_web") == "postgresql://postgres:database_superuser%2F1@one:5432/parvis_web"
    assert place.database_url("parvis_billing").endswith("@two:5432/parvis_billing")


def test_every_secret_is_of_the_backup(secrets):
    assert set(place_of_settings(secrets).secrets) == {path.name for path in secrets.iterdir()}


def test_a_missing_secret_is_named(secrets):
    (secrets / "nats_url").unlink()
    with pytest.raises(BackupError, match="The secret nats_url is missing"):
        place_of_settings(secrets)


@pytest.mark.parametrize(
    ("url", "told", "vouches"),
    [
        (None, None, "ca.pem"),
        ("https://s3.firm.example", None, None),
        ("https://s3.firm.example", "/run/secrets/store_ca", "/run/secrets/store_ca"),
    ],
)
def test_who_vouches_for_the_store(secrets, monkeypatch, url, told, vouches):
    for name, value in (("PARVIS_STORE_INTERNAL_URL", url), ("PARVIS_STORE_CA", told)):
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    store = place_of_settings(secrets).store
    assert store.url == (url or "https://store:8333")
    assert store.authority == (None if vouches is None else secrets / vouches)


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("24h", 86400), ("7d", 604800)])
def test_intervals_are_written_as_people_do(parser, text, seconds):
    assert parser.parse_args(["backup", "--every", text]).every == seconds


@pytest.mark.parametrize("typed", ["-3", "all", "1.5", "٣"])
def test_a_number_of_backups_that_is_none_is_refused(parser, capsys, typed):
    with pytest.raises(SystemExit):
        parser.parse_args(["backup", f"--keep={typed}"])
    assert "is no number of backups" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["daily", "0h", "0s", "-1h", "24", "٣h"])
def test_a_wrong_interval_is_refused(parser, capsys, typed):
    with pytest.raises(SystemExit):
        parser.parse_args(["backup", f"--every={typed}"])
    assert "no time such as 30m, 24h or 7d" in capsys.readouterr().err


@pytest.mark.parametrize(("age", "waits"), [(None, 0), (3600, 82800), (90000, 0), (-60, 86400), (-9e6, 0)])
def test_a_container_that_starts_again_waits_for_its_turn(tmp_path, monkeypatch, age, waits):
    if age is not None:
        folder = tmp_path / f"{datetime.fromtimestamp(1.8e9 - age, UTC):%Y-%m-%dT%H-%M-%SZ}"
        folder.mkdir()
        (folder / "manifest.json").touch()
    slept = []
    monkeypatch.setattr(command, "time", SimpleNamespace(time=lambda: 1.8e9, sleep=slept.append))
    command._wait_for_its_turn(tmp_path, 86400.0)
    assert sum(slept) == waits


class Clock:
    """That of a container: what waits lets it go on, and after three times it is told to stop."""

    def __init__(self):
        self.now, self.slept = 1.8e9, []

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        if len(self.slept) == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("took", "waits"), [(0, 86400), (9000, 77400), (90000, 0)])
def test_backups_begin_at_intervals_however_long_they_take(parser, tmp_path, monkeypatch, took, waits):
    clock, began = Clock(), []

    def back_up_once(*_):
        began.append(clock.now)
        clock.now += took
        return 0

    monkeypatch.setattr(command, "time", clock)
    monkeypatch.setattr(command, "place_of_settings", lambda: None)
    monkeypatch.setattr(command, "_back_up_once", back_up_once)
    monkeypatch.setenv("PARVIS_BACKUP_KEY", "a passphrase for tests")
    options = parser.parse_args(["backup", "--to", str(tmp_path / "backups"), "--every", "24h"])
    with pytest.raises(KeyboardInterrupt):
        options.act(options)
    assert clock.slept == [waits] * 3
    assert [later - earlier for earlier, later in pairwise(began)] == [max(86400, took)] * 2


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (BackupError("PostgreSQL cannot be reached."), "PostgreSQL cannot be reached."),
        (RuntimeError("row (claire@orsel.example)"), "no backup: RuntimeError, a fault of Parvis: report it."),
    ],
)
def test_a_backup_that_failed_is_tried_again_in_ten_minutes(parser, tmp_path, monkeypatch, capsys, error, says):
    def back_up_once(*_):
        raise error

    clock = Clock()
    monkeypatch.setattr(command, "time", clock)
    monkeypatch.setattr(command, "place_of_settings", lambda: None)
    monkeypatch.setattr(command, "_back_up_once", back_up_once)
    monkeypatch.setenv("PARVIS_BACKUP_KEY", "a passphrase for tests")
    options = parser.parse_args(["backup", "--to", str(tmp_path / "backups"), "--every", "24h"])
    with pytest.raises(KeyboardInterrupt):
        options.act(options)
    assert clock.slept == [600] * 3
    assert f"{says} Again in 600 s." in capsys.readouterr().err


@pytest.mark.parametrize(("ages", "status"), [([], 1), ([35], 0), ([37], 1), ([50, 35], 0), ([37, -9000], 1)])
def test_a_folder_whose_newest_backup_is_too_old_fails(parser, tmp_path, capsys, ages, status):
    """By the hours that its name says: that of a folder changes whenever somebody copies it."""
    for age in ages:
        folder = tmp_path / f"{datetime.now(UTC) - timedelta(hours=age):%Y-%m-%dT%H-%M-%SZ}"
        folder.mkdir()
        (folder / "manifest.json").touch()
    options = parser.parse_args(["backups", str(tmp_path), "--not-older", "36h"])
    assert options.act(options) == status
    told = capsys.readouterr().err
    assert ("no backup that is young enough" in told) == (status == 1)
    assert ("1 backup of the future" in told) == (min(ages, default=0) < 0)


def test_what_a_backup_took_is_no_part_of_its_age(parser, tmp_path):
    folder = tmp_path / f"{datetime.now(UTC) - timedelta(hours=37):%Y-%m-%dT%H-%M-%SZ}"
    folder.mkdir()
    (folder / "manifest.json").touch()
    (tmp_path / "outcome.json").write_text(json.dumps(asdict(replace(Outcome(), seconds=2 * 3600.0))))
    options = parser.parse_args(["backups", str(tmp_path), "--not-older", "36h"])
    assert options.act(options) == 0
