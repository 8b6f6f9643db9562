"""What an operator's log says of erasures, and what is said of a file that is none."""

import gzip
import io
from types import SimpleNamespace

import pytest

from parvis_records import operating
from parvis_records.operating import UnreadError, digests

LINE = '{"event": "account_erased", "digest": "%s"}\n' % ("a" * 64)


def test_a_log_that_was_rotated_is_read_as_it_is(tmp_path):
    (tmp_path / "log.gz").write_bytes(gzip.compress(LINE.encode()))
    assert digests(str(tmp_path / "log.gz")) == {"a" * 64}


def test_standard_input_is_read_too(monkeypatch):
    monkeypatch.setattr(operating.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LINE.encode())))
    assert digests("-") == {"a" * 64}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "has no line with a digest"),
        (b"Chapter 1\n", "has no line with a digest"),
        (LINE.replace("erased", "kept").encode(), "has no line with a digest .64 characters. that says …erased"),
        (b"\x80\xff", "is no text"),
        (gzip.compress(b"\x80\xff"), "is no text"),
        (gzip.compress(LINE.encode())[:-12], "cannot be read: Compressed file ended"),
        (b"\x1f\x8b but no gzip", "cannot be read: "),
    ],
)
def test_a_file_without_any_is_named(tmp_path, content, says):
    file = tmp_path / "log"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UnreadError, match=says) as raised:
        digests(str(file))
    assert str(raised.value).startswith(str(file))


def test_a_folder_is_named(tmp_path):
    with pytest.raises(UnreadError, match=f"{tmp_path} cannot be read: Is a directory"):
        digests(str(tmp_path))
