"""A backup folder: what counts as a backup, what is kept, what is refused, each in one sentence."""

import io
import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from parvis_backup import vault as vaults
from parvis_backup.keys import passphrase, write_secrets
from parvis_backup.problems import BackupError, DamagedError, WrongKeyError
from parvis_backup.restoring import prove
from parvis_backup.vault import Manifest, StoredObject, Vault, find

WORDS = "correct horse battery"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def vault(tmp_path):
    return Vault.open_or_make(tmp_path / "backups", WORDS)


def write(vault, hour, keys=(), *, schema="0001", finished=True, ordered=False):
    """A backup with these objects, made `hour` hours after noon."""
    folder = vault.new(NOON + timedelta(hours=hour))
    lines, size = [], 0
    for key in keys:
        name = vault.key.name(key)
        file = vault.object_file(name)
        file.parent.mkdir(exist_ok=True)
        sealed = vault.key.seal(f"object {name}", [key.encode()], file)
        lines.append(f"{key}\t{sealed.content_size}\t{name}\t{sealed.sha256}\n".encode())
        size += sealed.content_size
    parts = {"objects.index": vault.key.seal("objects.index", lines, folder / "objects.index")}
    manifest = Manifest(
        at=NOON.isoformat(), exact=True, version="0.1.0", schemas={"billing": schema}, replay_since=NOON.isoformat(),
        objects=len(keys), object_bytes=size, objects_new=len(keys), parts=parts, ordered=ordered,
    )  # fmt: skip
    if finished:
        vault.finish(folder, manifest)
    return folder


def test_a_backup_that_never_ended_is_refused_and_the_newest_whole_one_is_found(vault):
    whole, half = write(vault, 0), write(vault, 1, finished=False)
    with pytest.raises(BackupError, match="half written"):
        vault.manifest(half)
    assert find(vault.folder, NOON + timedelta(hours=2)) == (vault.folder, whole)


def test_a_disk_with_nothing_on_it_but_its_own_folder_is_empty(tmp_path):
    (tmp_path / "lost+found").mkdir(mode=0)
    assert Vault.open(Vault.open_or_make(tmp_path, WORDS).folder, WORDS).complete() == []


def test_a_folder_of_another_account_is_said_to_be_one(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(type(tmp_path), "chmod", refused)
    with pytest.raises(BackupError, match=r"not this account's .Operation not permitted.: give it .* folder below it"):
        Vault.open_or_make(tmp_path, WORDS)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_before_the_first_backup(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vaults, "write_json", full)
    with pytest.raises(BackupError, match="There is no room on the disk of"):
        Vault.open_or_make(tmp_path, WORDS)


def test_another_passphrase_opens_nothing(vault):
    with pytest.raises(WrongKeyError, match="not the one that this backup folder was made with"):
        Vault.open(vault.folder, WORDS + "!")


SCRYPT = {"n": 1 << 16, "r": 8, "p": 1}


@pytest.mark.parametrize(
    "content",
    ["[1]", "7", '"text"', "{", "[" * 100_000, '{"format": 1}', b"\xff\x00"]
    + [{"scrypt": each} for each in (SCRYPT | {"n": 1 << 40}, SCRYPT | {"p": 1 << 30}, SCRYPT | {"n": "a"}, [1], None)]
    + [{"salt": 1}, {"salt": "zz"}, {"key": ""}, {"key": None}],
    ids=repr,
)
def test_a_lock_that_is_damaged_is_said_to_be(vault, content):
    file = vault.folder / "parvis-backup.json"
    if isinstance(content, dict):
        content = json.dumps(json.loads(file.read_text()) | content)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DamagedError, match="is damaged: bring it back from a copy"):
        Vault.open(vault.folder, WORDS)


def test_a_lock_that_cannot_be_read_is_named(vault):
    (vault.folder / "parvis-backup.json").unlink()
    (vault.folder / "parvis-backup.json").mkdir()
    with pytest.raises(BackupError, match=r"parvis-backup\.json cannot be read: Is a directory"):
        Vault.open(vault.folder, WORDS)


def test_a_manifest_that_was_changed_is_refused(vault):
    file = write(vault, 0) / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"replay_since": "2026-11-23T00:00:00+00:00"}))
    with pytest.raises(DamagedError, match="was changed"):
        vault.manifest(file.parent)


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-1])])
def test_a_part_that_is_missing_or_cut_off_is_named(vault, spoil):
    backup = write(vault, 0, ["a"])
    spoil(backup / "objects.index")
    with pytest.raises(DamagedError, match=r"objects\.index"):
        prove(vault, backup)


def test_an_object_that_was_changed_is_named(vault):
    backup = write(vault, 0, ["a", "b"])
    file = vault.object_file(vault.key.name("b"))
    file.write_bytes(file.read_bytes()[::-1])
    assert prove(vault, backup).damaged == ["b"]


def test_a_schema_that_this_release_does_not_know_is_refused(vault):
    with pytest.raises(BackupError, match=r"does not know billing 9999"):
        prove(vault, write(vault, 0, schema="9999"))


def test_the_newest_stay_and_with_them_the_objects_that_they_need(vault):
    write(vault, 0, ["only in the first", "shared"])
    write(vault, 1, finished=False)
    kept = [write(vault, 24 + hour, ["shared"]) for hour in range(3)][-1]
    assert vault.retain(1, kept) == (2, 1)
    assert [each.key for each in prove(vault, kept).objects] == ["shared"]
    assert len(list((vault.folder / "objects").glob("*/*"))) == 1


def test_many_backups_on_one_day_leave_those_of_the_days_before(vault):
    """As containers do that start again and again, and people before each upgrade."""
    days = [write(vault, 24 * day) for day in range(4)]
    today = [write(vault, 73 + hour) for hour in range(5)]
    vault.retain(3, today[-1])
    assert vault.complete() == [days[1], days[2], *today[-3:]]


YEAR = 24 * 365


def test_backups_of_a_clock_that_was_wrong_push_out_no_other_and_stay(vault):
    days = [write(vault, 24 * day, ["a"]) for day in range(5)]
    ahead = [write(vault, YEAR + 24 * day) for day in range(3)]
    made = write(vault, 120, ["a"])
    assert vault.retain(2, made) == (3, 0)
    assert vault.complete() == [*days[3:], made, *ahead]
    assert [each.key for each in prove(vault, made).objects] == ["a"]


def test_the_newest_backup_is_never_one_of_the_future(vault):
    now, real = NOON + timedelta(hours=2), write(vault, 0)
    ahead = write(vault, YEAR)
    assert find(vault.folder, now) == (vault.folder, real)
    assert find(ahead, now) == (vault.folder, ahead)  # whoever names it wants it


def test_a_folder_with_backups_of_the_future_only_asks_which(vault):
    first, last = write(vault, YEAR), write(vault, YEAR + 24)
    with pytest.raises(BackupError, match=f"only 2 backups of the future .{first.name} to {last.name}.: a clock is"):
        find(vault.folder, NOON)


def test_what_is_known_of_objects_is_what_the_newest_backup_says(vault):
    made = [write(vault, hour, [key], ordered=True) for hour, key in ((0, "a"), (1, "b"), (YEAR, "of the future"))]
    assert [each.key for each in vault.known(vault.new(NOON + timedelta(hours=2)))] == ["b"]
    assert vault.complete() == made


def test_nothing_is_removed_where_all_are_kept_but_what_is_half_written(vault):
    first, second = write(vault, 0, ["a"]), write(vault, 1, ["b"])
    write(vault, 2, finished=False)
    assert vault.retain(0, second) == (1, 0)
    assert vault.complete() == [first, second]


def test_the_index_says_what_was_stored(vault):
    backup = write(vault, 0, ["organisations/1/é"])
    [stored] = vault.objects_of(backup)
    assert stored == StoredObject(stored.key, 18, vault.key.name(stored.key), stored.sha256)


def test_two_backups_at_once_are_one(vault):
    with vault.alone(), pytest.raises(BackupError, match="Another backup is being written"), vault.alone():
        pass


def test_a_folder_with_other_things_is_no_place_for_backups(tmp_path):
    (tmp_path / "letter.txt").write_text("")
    with pytest.raises(BackupError, match="holds other things"):
        Vault.open_or_make(tmp_path, WORDS)


def test_a_path_that_holds_no_backup_says_so(tmp_path):
    with pytest.raises(BackupError, match="neither a backup folder nor a backup"):
        find(tmp_path / "nothing")


def test_without_a_key_nothing_is_done(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no terminal
    with pytest.raises(BackupError, match="nobody said with what"):
        passphrase(None, new=True, environment={})


def test_secrets_go_to_an_empty_folder_only(tmp_path):
    write_secrets({"nats_url": b"nats://"}, tmp_path / "secrets")
    assert (tmp_path / "secrets" / "nats_url").read_bytes() == b"nats://"
    with pytest.raises(BackupError, match="not empty"):
        write_secrets({"nats_url": b"other"}, tmp_path / "secrets")


@pytest.mark.skipif(os.geteuid() != 0, reason="a container's account that is root writes for somebody else")
def test_secrets_are_those_of_whoever_owns_the_folder(tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    write_secrets({"nats_url": b"nats://"}, folder)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (folder, folder / "nats_url")} == {(65534, 65534)}


def test_a_secret_does_not_leave_its_folder(tmp_path):
    with pytest.raises(BackupError, match="no release ever wrote"):
        write_secrets({"../outside": b""}, tmp_path / "secrets")
