"""A zip file that is written while it is sent: whole for every reader, with names that lead nowhere else."""

import hashlib
import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from parvis_web.archives import Archive, safe


def written(*files):
    archive, sent = Archive(), b""
    for name, content in files:
        archive.add(content, "documents", name)
        sent += archive.take()
    archive.close()
    return archive.members, zipfile.ZipFile(io.BytesIO(sent + archive.take()))


@given(st.lists(st.tuples(st.text(max_size=300), st.binary(max_size=50)), max_size=12))
def test_every_file_is_there_once_under_a_name_of_its_own(files):
    members, read = written(*files)
    assert read.testzip() is None
    assert [read.read(member.name) for member in members] == [content for _, content in files]
    assert [member.sha256 for member in members] == [hashlib.sha256(content).hexdigest() for _, content in files]
    assert len({name.casefold() for name in read.namelist()}) == len(files)


@given(st.text(max_size=400))
def test_a_name_stays_in_its_folder_and_fits_every_system(name):
    found = safe(name)
    assert found
    assert len(found.encode()) <= 180
    assert not set(found) & set('<>:"/\\|?*\0\n')
    assert not found.startswith(".")
    assert found.rstrip(" .") == found


def test_an_ending_outlives_a_name_that_is_too_long():
    assert safe("é" * 400 + ".pdf").endswith("é.pdf")


def test_names_of_devices_and_ways_out_are_taken_apart():
    assert [safe(each) for each in ("../../etc/passwd", "CON.pdf", "a:b.pdf", " ", "...")] == [
        "_.._etc_passwd",
        "_CON.pdf",
        "a_b.pdf",
        "_",
        "_",
    ]
