"""What stands beside the backups once one was tried."""

import json
from dataclasses import asdict, replace

import pytest

from parvis_backup import outcome
from parvis_backup.making import Made
from parvis_backup.outcome import DAILY, Outcome, find, kept
from parvis_backup.problems import BackupError
from parvis_backup.sealing import Sealed
from parvis_backup.vault import Manifest, Vault

AT = "2026-11-22T12:00:00+00:00"
MADE = 1795348800.0  # that moment


@pytest.fixture
def folder(tmp_path):
    Vault.open_or_make(tmp_path / "backups", "a passphrase for tests")
    return tmp_path / "backups"


def made(folder, **found):
    """A backup of 10 bytes of databases and 2 objects of 7 bytes, whose folder is there."""
    backup = folder / "2026-11-22T12-00-00Z"
    backup.mkdir(exist_ok=True)
    (backup / "manifest.json").touch()
    manifest = Manifest(
        at=AT, exact=True, version="0.1.0", schemas={}, replay_since=AT, objects=2, object_bytes=7, objects_new=1,
        objects_missing=found.pop("missing", []), parts={"identity.dump": Sealed(10, "", 0, "")},
    )  # fmt: skip
    return Made(backup, manifest, **found)


def failing(error):
    def make():
        raise error

    return make


def test_a_folder_without_backups_says_so(folder, tmp_path):
    assert find(folder, MADE) == find(tmp_path / "none") == outcome.Found(0.0, Outcome())


def test_what_a_backup_came_to_stands_beside_it(folder, monkeypatch):
    clock = iter([MADE, MADE + 60])
    monkeypatch.setattr(outcome.time, "time", lambda: next(clock))
    told = made(folder, renewed=3, missing=["lost"], not_removed="a list is damaged")
    assert kept(folder, 3600, lambda: told) is told
    last = Outcome(
        tried_at=MADE, period=3600, seconds=60, size=17, objects=2, copied=1, healed=3, problems=2
    )  # fmt: skip
    assert find(folder, MADE) == outcome.Found(MADE, last)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (BackupError("PostgreSQL cannot be reached"), "PostgreSQL cannot be reached"),
        (RuntimeError("row (claire@orsel.example)"), "RuntimeError"),
    ],
)
def test_a_failure_is_told_in_words_of_ours_and_what_was_before_it_stays(folder, error, says):
    kept(folder, 0, lambda: made(folder, renewed=1))
    before = find(folder).last
    with pytest.raises(type(error)):
        kept(folder, 0, failing(error))
    found = find(folder, MADE)
    assert found.made_at == MADE
    assert found.last == replace(before, failed=says, tried_at=found.last.tried_at)
    assert found.last.tried_at >= before.tried_at

    kept(folder, 0, lambda: made(folder))
    assert find(folder).last.failed == ""


def test_a_schedule_is_remembered_until_another_is_said(folder):
    for said, stands in [(0, DAILY), (604800, 604800), (0, 604800), (3600, 3600)]:
        kept(folder, said, lambda: made(folder))
        assert find(folder).last.period == stands


@pytest.mark.parametrize(("after", "late"), [(3600, False), (3600 + 7200, False), (3601 + 7200, True)])
def test_a_backup_is_late_two_hours_after_its_time(folder, monkeypatch, after, late):
    monkeypatch.setattr(outcome.time, "time", lambda: MADE)  # it took no time
    kept(folder, 3600, lambda: made(folder))
    assert find(folder, MADE).is_late(MADE + after) is late


@pytest.mark.parametrize(("age", "late"), [(86400 + 7200 + 2 * 9000, False), (86401 + 7200 + 2 * 9000, True)])
def test_a_backup_that_takes_hours_has_that_time_too(age, late):
    assert outcome.Found(MADE, Outcome(period=DAILY, seconds=9000)).is_late(MADE + age) is late


def test_a_backup_of_the_future_is_not_the_newest_and_is_named(folder):
    backup = made(folder).folder
    ahead = folder / "2027-01-11T12-00-00Z"
    ahead.mkdir()
    (ahead / "manifest.json").touch()
    found = find(folder, MADE + 60)
    assert found == outcome.Found(MADE, Outcome(), (ahead,))
    assert found.is_late(MADE + 10 * DAILY)
    (backup / "manifest.json").unlink()
    assert find(folder, MADE + 60) == outcome.Found(0.0, Outcome(), (ahead,))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"unknown": 1}', json.dumps(asdict(Outcome()) | {"size": "many"})])
def test_a_damaged_file_is_as_none(folder, content):
    made(folder)
    (folder / "outcome.json").write_text(content)
    assert find(folder, MADE) == outcome.Found(MADE, Outcome())


def test_a_folder_in_other_use_is_left_as_it_is(tmp_path):
    (tmp_path / "letters").touch()
    with pytest.raises(BackupError):
        kept(tmp_path, 0, lambda: made(tmp_path, **Vault.open_or_make(tmp_path, "a passphrase for tests").__dict__))
    assert [each.name for each in tmp_path.iterdir()] == ["letters"]


def test_a_backup_counts_where_its_outcome_cannot_be_written(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outcome, "write_json", full)
    assert kept(folder, 0, lambda: made(folder)).manifest.objects == 2
    assert find(folder, MADE).made_at == MADE
