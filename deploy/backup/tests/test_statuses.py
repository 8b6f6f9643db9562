"""What a backup that lacks something says and ends with: what the store lost is grave, what people deleted is not."""

import argparse
import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from parvis_backup import command, making, report
from parvis_backup.making import Made
from parvis_backup.problems import INCOMPLETE
from parvis_backup.progress import Quiet
from parvis_backup.restoring import Report, published_again_since
from parvis_backup.vault import Manifest


def manifest(**found):
    at = "2026-11-22T12:00:00+00:00"
    return Manifest(
        at=at,
        exact=True,
        version="0.1.0",
        schemas={},
        replay_since=at,
        objects=1,
        object_bytes=1,
        objects_new=1,
        **found,
    )


def restored(**found):
    at = "2026-11-22T12:00:00+00:00"
    told = {"objects_missing": [], "objects_deleted": [], "objects_damaged": []} | found
    return Report(at=at, exact=True, rows={}, objects=1, object_bytes=1, replayed={}, **told)


@pytest.mark.parametrize(
    ("found", "status", "line"),
    [
        ({}, 0, ""),
        ({"objects_missing": ["lost"]}, INCOMPLETE, "✗ 1 objects are missing"),
        ({"objects_deleted": ["gone"]}, 0, "! 1 objects were deleted while this backup was made"),
    ],
)
def test_a_backup_without_an_object_is_made_and_ends_with_its_own_status(
    monkeypatch, capsys, tmp_path, found, status, line
):
    async def make(*_, **__):
        await asyncio.sleep(0)
        return Made(Path("backup"), manifest(**found))

    monkeypatch.setattr(command, "make", make)
    monkeypatch.setattr(command.progress, "shown", lambda _: nullcontext(Quiet()))
    options = argparse.Namespace(to=tmp_path / "backups", every=0.0, period=0.0, reread=False, keep=0)
    assert command._back_up_once(None, "a passphrase for tests", options) == status
    assert line in capsys.readouterr().out


async def test_what_was_deleted_after_the_mark_is_told_apart_from_what_the_store_lost(monkeypatch):
    async def connect(_):
        return SimpleNamespace(fetch=fetch, close=close)

    async def fetch(_, asked):
        return [{"object_key": key} for key in asked if key == "lost"]

    async def close():
        pass

    monkeypatch.setattr(making.databases, "connect", connect)
    place = SimpleNamespace(database_url=lambda name: name)
    assert await making._sorted_out(place, ["deleted", "lost"]) == (["lost"], ["deleted"])


@pytest.mark.parametrize(
    ("found", "whole"),
    [({}, True), ({"objects_deleted": ["a"]}, True), ({"objects_damaged": ["a"]}, False), ({"broken": ["a"]}, False)],
)
def test_a_restore_says_what_did_not_come_back(found, whole):
    console = Console(record=True, width=300)
    report.restored(console, done := restored(**found))
    assert done.is_whole == whole
    text = console.export_text()
    assert "their numbers are given again" in text
    assert "everybody signs in once more" in text
    assert ("damaged or missing in the backup folder" in text) == ("objects_damaged" in found)


@pytest.mark.parametrize(("ago", "since"), [(timedelta(minutes=5), timedelta(days=30)), (timedelta(60), timedelta(60))])
def test_what_left_late_or_for_a_service_that_never_ran_is_published_again(ago, since):
    """Where consumers were at the mark says nothing of either: all that a new broker is fed counts, or more."""
    made = replace(manifest(objects_missing=[], objects_deleted=[]), replay_since=(datetime.now(UTC) - ago).isoformat())
    assert abs(datetime.now(UTC) - published_again_since(made) - since) < timedelta(minutes=1)
