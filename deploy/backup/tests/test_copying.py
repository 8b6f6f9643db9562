"""Objects into a backup folder: one that the store cannot read is named, a broken stream is read again, what is there
stays, what was damaged is copied anew.
"""

import gc
import hashlib
import threading
import tracemalloc
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from parvis_backup import copying, objects, sealing
from parvis_backup.copying import copy
from parvis_backup.place import Store
from parvis_backup.problems import BackupError, DamagedError
from parvis_backup.restoring import prove
from parvis_backup.sealing import DataKey
from parvis_backup.vault import WANTED, Manifest, StoredObject, Vault
from parvis_backup.verifying import verify

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class OfLines:
    """A store that holds objects whose content is their key, and does with each what it is told."""

    def __init__(self):
        self.asked, self.unreadable, self.gone, self.broken = [], set(), set(), {}
        told = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                key = self.path.partition("?")[0].removeprefix("/parvis/")
                told.asked.append(key)
                if key in told.unreadable or key in told.gone:
                    self.send_response(404 if key in told.gone else 500)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                content = key.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if told.broken.get(key, 0):
                    told.broken[key] -= 1
                    self.wfile.write(content[:1])
                    self.close_connection = True
                    return
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield objects.Objects(Store(f"http://127.0.0.1:{self.server.server_port}", "parvis", "eu-west-3", "a", "b"))
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(objects, "_PAUSE", 0)


@pytest.fixture
def held():
    return OfLines()


@pytest.fixture
def store(held):
    with held.running() as store:
        yield store


@pytest.fixture
def vault(tmp_path):
    (tmp_path / "objects").mkdir()
    return Vault(tmp_path, DataKey(bytes(32)))


def begin(vault, hour, keys):
    folder = vault.new(NOON + timedelta(hours=hour))
    rows = [f"{key}\t{len(key)}\t{hashlib.sha256(key.encode()).hexdigest()}\n".encode() for key in sorted(keys)]
    vault.key.seal(WANTED, rows, folder / WANTED)
    return folder


def back_up(vault, store, hour, keys, *, due=False):
    folder = begin(vault, hour, keys)
    tally = copy(store, vault, folder, lambda _: None, lambda _: due)
    parts = {"objects.index": vault.list_all(folder)}
    manifest = Manifest(
        at=NOON.isoformat(), exact=True, version="0.1.0", schemas={}, replay_since=NOON.isoformat(), ordered=True,
        objects=tally.objects, object_bytes=tally.size, objects_new=tally.new, parts=parts,
    )  # fmt: skip
    vault.finish(folder, manifest)
    return folder, tally


def spoil(vault, key):
    file = vault.object_file(vault.key.name(key))
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)


def test_an_object_that_the_store_cannot_read_is_named_and_all_others_are_copied(vault, store, held):
    held.unreadable = {"b"}
    backup, tally = back_up(vault, store, 0, ["a", "b", "c"])
    assert tally.lacking == ["b"]
    assert [each.key for each in vault.objects_of(backup)] == ["a", "c"]
    held.unreadable = set()
    assert back_up(vault, store, 1, ["a", "b", "c"])[1].new == 1


def test_a_stream_that_broke_off_is_read_again(vault, store, held):
    held.broken = {"long-enough": 3}
    assert back_up(vault, store, 0, ["long-enough"])[1].lacking == []
    held.broken = {"for-ever": 100}
    assert back_up(vault, store, 1, ["for-ever", "other"])[1].lacking == ["for-ever"]


def test_a_store_that_is_not_there_ends_the_backup(vault):
    with OfLines().running() as store:
        pass
    with pytest.raises(BackupError, match="cannot be reached"):
        back_up(vault, store, 0, ["a"])


@pytest.mark.parametrize("batch", [2, 5000])
def test_a_backup_that_broke_off_is_gone_on_from_what_it_copied(vault, store, held, monkeypatch, batch):
    monkeypatch.setattr(copying, "_BATCH", batch)
    keys = [f"key-{number}" for number in range(6)]
    real = vault.key.seal

    def seal(part, content, file):
        if file.name == vault.key.name("key-5"):
            raise BackupError("the line is cut")
        return real(part, content, file)

    monkeypatch.setattr(vault.key, "seal", seal)
    with pytest.raises(BackupError, match="the line is cut"):
        back_up(vault, store, 0, keys)
    monkeypatch.undo()
    monkeypatch.setattr(objects, "_PAUSE", 0)
    half = vault.folder / "2026-11-22T12-00-00Z"
    (half / "identity.dump").write_bytes(b"large")
    held.asked.clear()
    backup, tally = back_up(vault, store, 1, keys)
    assert (held.asked, tally.new, tally.objects) == (["key-5"], 1, 6)
    assert not (half / "identity.dump").exists()
    assert [each.key for each in vault.objects_of(backup)] == keys
    vault.retain(0, backup)
    assert not half.exists()
    assert prove(vault, backup).damaged == []


def test_a_file_that_a_broken_off_backup_left_with_other_bytes_is_copied_anew(vault, store, held):
    back_up(vault, store, 0, ["a"])
    for file in vault.folder.glob("*/manifest.json"):
        file.unlink()
    for file in vault.folder.glob("*/objects.index"):
        file.unlink()
    spoil(vault, "a")
    backup, tally = back_up(vault, store, 1, ["a"])
    assert tally.new == 1
    assert prove(vault, backup).damaged == []


def test_what_is_there_is_not_asked_for_again(vault, store, held):
    back_up(vault, store, 0, ["a", "b", "d"])
    held.asked.clear()
    assert back_up(vault, store, 1, ["a", "c", "d"])[1].new == 1
    assert held.asked == ["c"]


def test_one_damaged_object_is_named_and_the_rest_of_the_backup_can_be_restored(vault, store):
    backup, _ = back_up(vault, store, 0, ["a", "b"])
    spoil(vault, "b")
    proven = prove(vault, backup)
    assert (proven.damaged, [each.key for each in proven.objects], proven.count) == (["b"], ["a"], 1)


def test_a_damaged_object_is_copied_anew_when_its_turn_comes_and_heals_all_backups(vault, store):
    first, _ = back_up(vault, store, 0, ["a", "b"])
    spoil(vault, "b")
    second, tally = back_up(vault, store, 1, ["a", "b"])
    assert (tally.renewed, prove(vault, first).damaged) == (0, ["b"])
    third, tally = back_up(vault, store, 2, ["a", "b"], due=True)
    assert tally.renewed == 1
    assert [prove(vault, each).damaged for each in (first, second, third)] == [[], [], []]


def test_a_damaged_object_that_the_store_has_lost_is_missing(vault, store, held):
    back_up(vault, store, 0, ["a", "b"])
    spoil(vault, "b")
    held.gone = {"b"}
    assert back_up(vault, store, 1, ["a", "b"], due=True)[1].lacking == ["b"]


def test_a_list_that_is_damaged_does_not_end_backups(vault, store):
    first, _ = back_up(vault, store, 0, ["a"])
    (first / "objects.index").write_bytes(b"rotten")
    second, tally = back_up(vault, store, 1, ["a"])
    assert (tally.objects, prove(vault, second).damaged) == (1, [])
    with pytest.raises(DamagedError):
        vault.retain(0, second)
    assert vault.object_file(vault.key.name("a")).exists()


def test_a_folder_is_verified_and_what_is_damaged_named_once(vault, store):
    first, _ = back_up(vault, store, 0, ["a", "b"])
    back_up(vault, store, 1, ["a", "b", "c"])
    assert verify(vault, vault.complete()).damaged == []
    spoil(vault, "b")
    (first / "objects.index").unlink()
    done = verify(vault, vault.complete())
    assert (done.backups, list(done.broken), done.damaged, done.objects) == (2, [first.name], ["b"], 3)


def test_many_objects_need_no_memory(tmp_path, monkeypatch):
    """A million took 45 MiB more than none; kept in lists they took 840 bytes each, 5 MB for these."""
    for module, name, size in ((sealing, "CHUNK", 4096), (copying, "_BATCH", 200), (objects, "_AHEAD", 16)):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(copying._Carrier, "_is_there", lambda *_: True)
    peaks = [_peak_of_copying(tmp_path / each, 6000) for each in ("first", "second", "third")]
    assert min(peaks) < 2e6, "once something else of this process may have needed memory at the same time"


def _peak_of_copying(folder, count):
    """Bytes at most while so many objects are copied that are there already."""
    (folder / "objects").mkdir(parents=True)
    vault = Vault(folder, DataKey(bytes(32)))
    keys = [f"organisations/0193-7000-8000/{number:032x}" for number in range(count)]
    before = begin(vault, 0, keys)
    names = ((key, vault.key.name(key)) for key in keys)
    vault.list_some(before, 0, (StoredObject(key, len(key), name, "0" * 64) for key, name in names))
    now = begin(vault, 1, keys)
    gc.collect()
    tracemalloc.start()
    try:
        assert copy(None, vault, now, lambda _: None, lambda _: False).objects == len(keys)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
