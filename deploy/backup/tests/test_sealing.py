"""What is sealed opens with its key and under its name only, whole and unchanged."""

import re
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parvis_backup.problems import BackupError, DamagedError, WrongKeyError
from parvis_backup.sealing import CHUNK, DataKey, new_lock, sealed_size, unlock

KEY = DataKey(bytes(range(32)))
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK)


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_comes_back(tmp_path, size):
    content = secrets.token_bytes(size)
    sealed = KEY.seal("part", [content], tmp_path / "file")
    assert b"".join(KEY.open("part", tmp_path / "file")) == content
    assert (tmp_path / "file").stat().st_size == sealed.size == sealed_size(size)


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=64), max_size=20))
def test_pieces_of_any_size_are_one_content(tmp_path_factory, pieces):
    file = tmp_path_factory.mktemp("sealed") / "file"
    KEY.seal("part", pieces, file)
    assert b"".join(KEY.open("part", file)) == b"".join(pieces)


@pytest.mark.parametrize("cut", [1, 16, CHUNK, CHUNK + 16, 2 * (CHUNK + 16)])
def test_a_file_that_was_cut_off_does_not_open(tmp_path, cut):
    file = tmp_path / "file"
    KEY.seal("part", [secrets.token_bytes(2 * CHUNK + 5)], file)
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(DamagedError, match=re.escape(str(file))):
        list(KEY.open("part", file))


@pytest.mark.parametrize("place", [0, 20, 41, CHUNK, -1])
def test_a_file_that_was_changed_does_not_open(tmp_path, place):
    file = tmp_path / "file"
    KEY.seal("part", [secrets.token_bytes(CHUNK + 5)], file)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedError):
        list(KEY.open("part", file))


def test_chunks_that_changed_places_do_not_open(tmp_path):
    file = tmp_path / "file"
    KEY.seal("part", [secrets.token_bytes(3 * CHUNK)], file)
    content, one = file.read_bytes(), CHUNK + 16
    head, first, second, rest = (
        content[:40],
        content[40 : 40 + one],
        content[40 + one : 40 + 2 * one],
        content[40 + 2 * one :],
    )
    file.write_bytes(head + second + first + rest)
    with pytest.raises(DamagedError):
        list(KEY.open("part", file))


def test_a_file_does_not_take_the_place_of_another(tmp_path):
    KEY.seal("identity.dump", [b"rows"], tmp_path / "billing.dump")
    with pytest.raises(DamagedError):
        list(KEY.open("billing.dump", tmp_path / "billing.dump"))


def test_what_breaks_off_leaves_no_file(tmp_path):
    def breaks():
        yield b"some"
        raise OSError("the store went away")

    with pytest.raises(OSError, match="went away"):
        KEY.seal("part", breaks(), tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_the_passphrase_gives_the_key_and_no_other_does():
    lock, key = new_lock("correct horse battery")
    assert unlock(lock, "correct horse battery").name("a") == key.name("a")
    with pytest.raises(WrongKeyError, match="not the one"):
        unlock(lock, "correct horse batteries")


def test_a_guess_of_the_passphrase_takes_64_mib():
    lock, _ = new_lock("correct horse battery")
    assert lock["scrypt"]["n"] * lock["scrypt"]["r"] * 128 >= 64 << 20


def test_a_short_passphrase_is_refused():
    with pytest.raises(BackupError, match="16 are needed"):
        new_lock("fifteen letters")
