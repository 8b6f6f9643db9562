"""Laws of names and of plans of parts; what a file is."""

import inspect
import unicodedata
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some
from minio.datatypes import Part

from parvis_documents import content
from parvis_documents.domain import (
    LARGE_PART_SIZE,
    MEBIBYTE,
    MOST_PARTS,
    PART_SIZE,
    SHIPPED,
    SMALLEST_PART,
    RefusalError,
    compare_parts,
    extension,
    file_name,
    object_key,
    part_plan,
    part_size_for,
)
from parvis_documents.objects import StoredPart, disposition, newest_parts

SIZES = some.integers(1, 100 * 1024 * MEBIBYTE)


@given(SIZES)
def test_the_parts_of_a_plan_are_the_file_and_the_store_takes_each(size):
    part_size = part_size_for(size)
    plan = part_plan(size, part_size)

    assert sum(plan) == size
    assert part_size in {PART_SIZE, LARGE_PART_SIZE}
    assert all(part == part_size >= SMALLEST_PART for part in plan[:-1])
    assert 1 <= plan[-1] <= part_size
    assert len(plan) <= MOST_PARTS


@given(some.integers(1, 200 * MEBIBYTE), some.data())
def test_only_the_planned_parts_are_complete(size, data):
    plan = part_plan(size, part_size_for(size))
    found = dict(enumerate(plan, start=1))
    compare_parts(plan, found)

    number = data.draw(some.integers(1, len(plan)))
    longer = {**found, number: found[number] + 1}
    shorter = {each: part for each, part in found.items() if each != number}
    further = {**found, len(plan) + 1: 1}
    for wrong, reason in ((longer, "size_differs"), (shorter, "parts_missing"), (further, "size_differs")):
        with pytest.raises(RefusalError, match=reason):
            compare_parts(plan, wrong)


@given(some.text(max_size=300))
def test_a_name_that_is_kept_is_safe_and_stays_itself(raw):
    try:
        name = file_name(raw)
    except RefusalError:
        return

    assert file_name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert 1 <= len(name.encode()) <= 255
    assert name == name.strip()
    assert not set(name) & set("/\\\0\r\n")
    assert all(unicodedata.category(c) not in {"Cc", "Cf"} for c in name)


@given(some.text(min_size=1, max_size=100))
def test_a_disposition_is_one_line_of_ascii_and_carries_the_name(raw):
    from urllib.parse import unquote

    try:
        name = file_name(raw)
    except RefusalError:
        return
    header = disposition(name, inline=False)

    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert unquote(header.rpartition("''")[2]) == name


def test_names_keep_their_accents():
    assert file_name(" Relevé d'août « 2026 ».pdf ") == "Relevé d'août « 2026 ».pdf"
    assert file_name(unicodedata.normalize("NFD", "Été.pdf")) == "Été.pdf"
    assert disposition("Œuvre d'Été.pdf", inline=True).startswith('inline; filename="OEuvre d\'Ete.pdf"')


def test_an_extension_needs_a_stem():
    assert [extension(name) for name in ("a.PDF", ".bashrc", "a", "a.tar.gz", "a.")] == ["pdf", "", "", "gz", ""]


def test_shipped_folders_have_names_of_their_own_and_deposits_are_shared():
    assert len({(each.audience, each.name) for each in SHIPPED}) == len(SHIPPED)
    assert len({(each.audience, each.built_in) for each in SHIPPED}) == len(SHIPPED)
    assert all(each.portal for each in SHIPPED if each.deposits)


@pytest.mark.parametrize(
    ("name", "announced", "head", "kept"),
    [
        ("a.pdf", "application/pdf", b"%PDF-1.4\n%\xff", "application/pdf"),
        ("a.pdf", "", b"\n%PDF-1.4\n%\xff", "application/pdf"),
        ("a.jpg", "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        ("a.csv", "application/vnd.ms-excel", "MZ;prénom\n".encode(), "text/csv"),
        ("a.csv", "", "nom;prénom\n".encode("cp1252"), "text/csv"),
        ("a.txt", "text/plain", b"BM is a bitmap's start, this is text", "text/plain"),
        ("fec.xml", "text/xml", b'<?xml version="1.0"?><comptabilite><body/></comptabilite>', "application/xml"),
        ("a.xlsx", "", b"PK\x03\x04" + b"\0" * 40, content.BY_EXTENSION["xlsx"]),
        ("a.xls", "", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "application/vnd.ms-excel"),
        ("scan", "", b"%PDF-1.4\n%\xff", "application/pdf"),
        ("data.bin2", "application/x-compta", b"\1\2\3\0", "application/x-compta"),
        ("mail.eml", "", b"From: a@b.example\nSubject: x\n", "message/rfc822"),
    ],
)
def test_what_a_file_is(name, announced, head, kept):
    assert content.sniff(head, content.announced_type(name, announced)) == kept


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("a.pdf", b"PK\x03\x04" + b"\0" * 40, "type_differs"),
        ("a.png", b"%PDF-1.4\n%\xff", "type_differs"),
        ("a.csv", b"%PDF-1.4\n%\xff", "type_differs"),
        ("a.txt", b"\0\1\2\3", "type_differs"),
        ("a.docx", b"PK\x03\x04" + b"\0" * 26 + b"xl/workbook.xml" + b"\0" * 40, "type_differs"),
        ("a.zip", b"PK\x03\x04" + b"\0" * 26 + b"META-INF/MANIFEST.MF", "type_refused"),
        ("a.txt", "<html><body>".encode("utf-16"), "type_refused"),
        ("a.txt", "<svg onload=alert(1)>".encode("utf-16-le"), "type_refused"),
        ("a.xml", b'\xef\xbb\xbf<?xml version="1.0"?><!-- x --><html>', "type_refused"),
        ("a.dat", b"\xca\xfe\xba\xbe\0\0\0\x34", "type_refused"),
    ],
)
def test_what_a_file_is_not(name, head, reason):
    with pytest.raises(RefusalError, match=reason):
        content.sniff(head, content.announced_type(name, ""))


def test_of_a_part_that_was_sent_twice_the_newest_counts_and_a_tie_counts_as_not_sent():
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    later = noon + timedelta(seconds=1)
    listed = [Part(2, "new", later, 20), Part(1, "a", noon, 10), Part(2, "old", noon, 20), Part(1, "a", noon, 10)]

    assert newest_parts(listed) == [StoredPart(1, 10, "a"), StoredPart(2, 20, "new")]
    assert newest_parts([*listed, Part(2, "other", later, 20)]) == [StoredPart(1, 10, "a")]


def test_an_object_is_called_by_nothing_that_somebody_typed():
    organisation, name = uuid4(), uuid4()
    assert object_key(organisation, name) == f"organisations/{organisation}/{name}"
    assert set(inspect.signature(object_key).parameters) == {"organisation_id", "name"}
