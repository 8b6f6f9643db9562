import hashlib
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parvis_identity.service.breached import BreachedPasswords, NoList

LINE_ENDS = ["\n", "\r\n"]


def digest_of(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def written(folder, passwords, *, digits=40, end="\n", counts=True, last=True) -> Path:
    lines = [
        digest[:digits] + (f":{1 + number * 37 % 10**7}" if counts else "")
        for number, digest in enumerate(sorted({digest_of(each) for each in passwords}))
    ]
    path = Path(folder) / "pwned.txt"
    path.write_text(end.join(lines) + (end if last else ""), newline="")
    return path


@given(
    st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=60),
    st.sampled_from([40, 20, 12]), st.sampled_from(LINE_ENDS), st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_exactly_what_is_in_the_list_is_found(passwords, digits, end, counts, last):
    passwords = {each for each in passwords if each.isascii()} or {"azerty"}
    with tempfile.TemporaryDirectory() as folder:
        known = BreachedPasswords(written(folder, passwords, digits=digits, end=end, counts=counts, last=last))

        assert all(known._has(digest_of(each).encode()) for each in passwords)
        assert not any(known._has(digest_of(each + "+").encode()) for each in passwords if each + "+" not in passwords)


async def test_a_long_list_is_read_in_a_few_blocks(tmp_path, monkeypatch):
    known = BreachedPasswords(written(tmp_path, map(str, range(50_000))))
    reads, real = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *arguments: reads.append(arguments[1]) or real(*arguments))

    assert await known.has("49999")
    assert not await known.has("Portail-2026!")
    assert sum(reads) < 20_000


NOT_IN_ORDER = "F" * 40 + "\n" + ("0" * 40 + ":3\n") * 40


@pytest.mark.parametrize("content", ["", "\n", "hello\n", "ABC:1\n", NOT_IN_ORDER])
def test_what_is_no_such_list_is_refused_at_the_start(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_text(content)

    with pytest.raises(NoList, match="PARVIS_PASSWORD_BREACHED_LIST"):
        BreachedPasswords(path)


def test_a_list_that_is_not_there_is_said(tmp_path):
    with pytest.raises(NoList, match="No such file"):
        BreachedPasswords(tmp_path / "nowhere.txt")


async def test_a_list_that_went_away_stops_nobody(tmp_path):
    path = written(tmp_path, ["azerty"])
    known = BreachedPasswords(path)
    path.unlink()

    assert not await known.has("azerty")
