"""A backup of the project that runs, restored into a second project: another name, volumes and addresses of its own."""

import asyncio
import hashlib
import json
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from engine import docker
from images import images
from stack import ENGINES, OURS, SERVICES, Stack, in_a_thread, named

from parvis_backup import databases, objects
from parvis_backup.command import place_of_settings
from parvis_backup.place import Place
from parvis_local.demo.portal import Portal
from parvis_local.ports import free_base

BACKUPS = Path("/volumes/backup")
DIGEST = "SELECT md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM \"{}\" t"
#: Rows of it are unsent again, to be published once more: as many, but not the same.
UNSENT = ("outbox",)
#: What a restore ends, because it may have been ended since: rows that stay with their end, and rows that go.
ENDED = {"identity.sessions", "identity.viewings", "identity.grants", "identity.trusted_devices", "identity.links"}
GONE = {"identity.pending_sign_ins", "web.web_sessions"}
CLAIRE = "claire.orsel@orsel.example"


@dataclass(frozen=True)
class Content:
    """What a project holds: by "service.table" the rows and a digest over them, by key the SHA-256 of each object."""

    rows: Mapping[str, int]
    digests: Mapping[str, str]
    objects: Mapping[str, str]


@pytest.fixture(scope="module")
def backup(stack: Stack) -> Content:
    """One more backup in the volume of the project; what was there at its mark, while nobody could write."""
    with paused(stack):
        content = content_of(stack)
        stack.compose("--profile", "backup", "run", "--rm", "--no-deps", "-T", "backup", "backup", "--keep", "2")
    stack.wait_healthy(*OURS)
    return content


@pytest.fixture(scope="module")
def second(stack: Stack, backup: Content) -> Iterator[Stack]:
    """The second project: secrets from the backup, its engines up, the backups in a volume of its own."""
    del backup
    with tempfile.TemporaryDirectory(prefix="parvis-restored-") as folder:
        Path(folder).chmod(0o755)
        name, base = f"parvis-restored-{secrets.token_hex(3)}", free_base()
        project = Stack(name, Path(folder), stack.engine, base, stack.further)
        project.secrets.mkdir()
        docker(
            "run", "--rm", "--user", "0", "-v", f"{project.secrets}:/secrets",
            "-v", f"{stack.name}_backup:{BACKUPS}:ro", "-v", f"{stack.secrets / 'backup_key'}:/backup.key:ro",
            images()["tools"],
            "restore-secrets", "--out", "/secrets", "--key-file", "/backup.key",
        )  # fmt: skip
        shutil.copy(stack.secrets / "backup_key", project.secrets)
        project.prepare(missing=True)
        try:
            project.compose(
                "--profile", "backup", "run", "--rm", "-T", "-v", f"{stack.name}_backup:/from:ro",
                "--entrypoint", "cp", "backup", "-a", "/from/.", str(BACKUPS),
            )  # fmt: skip
            yield project
        finally:
            project.down()


@pytest.fixture(scope="module")
def half_written(second: Stack) -> str:
    """What a restore says of a backup without its last file."""
    cut = BACKUPS / "2020-01-01T00-00-00Z"
    whole = backup_command(second, "backups").stdout.split()[-1]
    in_backups(second, f"cp -a {BACKUPS / whole} {cut} && rm {cut}/manifest.json")
    refused = backup_command(second, "restore", str(cut), check=False)
    assert refused.returncode == 1
    assert cut.name not in backup_command(second, "backups").stdout
    return one_line(refused.stderr)


@pytest.fixture(scope="module")
def report(second: Stack, half_written: str) -> dict[str, object]:
    """What the restore says that it did."""
    del half_written
    found: dict[str, object] = json.loads(backup_command(second, "restore").stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def content(second: Stack, report: dict[str, object]) -> Content:
    """What is there before a service has started."""
    del report
    return content_of(second)


@pytest.fixture(scope="module")
def restored(second: Stack, content: Content) -> Stack:
    """The second project, at work."""
    del content
    second.up()
    return second


def backup_command(stack: Stack, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command of the container `backup`."""
    return stack.compose("--profile", "backup", "run", "--rm", "--no-deps", "-T", "backup", *arguments, check=check)


def in_backups(stack: Stack, script: str) -> None:
    """Does something to the volume of the backups."""
    command = ["--profile", "backup", "run", "--rm", "--no-deps", "-T", "--entrypoint", "sh", "backup", "-c", script]
    stack.compose(*command)


def one_line(said: str) -> str:
    """The line that a command ended with (docker-compose 1.29 adds the status); a stack of calls is no answer."""
    assert "Traceback" not in said, said
    return [line for line in said.splitlines() if not line.strip().isdigit()][-1]


@contextmanager
def paused(stack: Stack) -> Iterator[None]:
    """Our processes stand still, in the middle of whatever they do."""
    ids = [stack.container(each) for each in OURS]
    docker("pause", *ids)
    try:
        yield
    finally:
        docker("unpause", *ids)


def place_of(stack: Stack) -> Place:
    """The project as its backup sees it, from this machine."""
    with pytest.MonkeyPatch.context() as told:
        told.setenv("PARVIS_DATABASE_SERVER", f"{stack.address('postgres', 'database')}:5432")
        return place_of_settings(stack.secrets)


def content_of(stack: Stack) -> Content:
    with named(stack, "store"):
        return in_a_thread(_content(place_of(stack)))


async def _content(place: Place) -> Content:
    rows, digests = dict[str, int](), dict[str, str]()
    for service in OURS:
        connection = await asyncpg.connect(place.database_url(f"parvis_{service}"))
        try:
            for table, count in (await databases.counts(connection)).items():
                rows[f"{service}.{table}"] = count
                digests[f"{service}.{table}"] = await connection.fetchval(DIGEST.format(table))
            if service == "documents":
                keys = [row["object_key"] for row in await connection.fetch("SELECT object_key FROM versions")]
        finally:
            await connection.close()
    store = objects.Objects(place.store)
    read = await asyncio.gather(*(asyncio.to_thread(lambda key=key: store.read(key)) for key in keys))
    found = {key: hashlib.sha256(b"".join(each or [])).hexdigest() for key, each in zip(keys, read, strict=True)}
    return Content(rows, digests, found)


def test_a_half_written_backup_is_refused_in_one_line_and_nothing_is_touched(half_written: str):
    assert "half written" in half_written


def test_the_report_says_that_everything_came_back(backup: Content, report: dict[str, object]):
    assert report["broken"] == report["objects_missing"] == []
    assert report["objects"] == len(backup.objects)
    assert report["chains"] > len(OURS)
    assert sum(report["rows"].values()) == sum(backup.rows.values())


def test_every_table_has_the_rows_that_it_had(backup: Content, content: Content):
    assert content.rows == backup.rows | dict.fromkeys(GONE, 0)
    assert sum(backup.rows.values()) > 500
    differ = {table for table, digest in backup.digests.items() if content.digests[table] != digest}
    assert {table for table in differ - ENDED - GONE if table.partition(".")[2] not in UNSENT} == set()
    assert "identity.sessions" in differ


def test_every_object_is_the_same(backup: Content, content: Content):
    assert content.objects == backup.objects
    assert len(backup.objects) > 3


@pytest.mark.parametrize("service", [*ENGINES, *OURS])
def test_each_container_of_the_second_project_is_healthy(restored: Stack, service):
    assert restored.health(service) == "healthy"


@pytest.mark.parametrize("service", SERVICES)
def test_every_chain_of_the_trail_holds(restored: Stack, service):
    checked = docker("exec", restored.container(service), "/opt/parvis/bin/parvis", "verify-audit", check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_somebody_signs_in_there_with_the_password_that_they_had(restored: Stack):
    page = in_a_thread(_page_of_claire(restored))
    assert "Cabinet Orsel" in page


async def _page_of_claire(stack: Stack) -> str:
    async with Portal(stack.context) as portal:
        claire = await portal.activated(CLAIRE, link=f"{stack.addresses['portal']}/legal")
        return (await claire.open("/o/cabinet-orsel/contacts")).raise_for_status().text


def test_the_first_project_did_not_notice(stack: Stack, restored: Stack):
    assert restored.name != stack.name
    assert {each: stack.health(each) for each in (*ENGINES, *OURS)} == dict.fromkeys((*ENGINES, *OURS), "healthy")


def test_a_restore_over_a_suite_that_runs_is_refused_and_changes_nothing(restored: Stack):
    before = restored.sql("billing", "SELECT count(*) FROM invoices")
    refused = backup_command(restored, "restore", check=False)
    assert refused.returncode == 1
    said = one_line(refused.stderr)
    assert "is running" in said or "is not empty" in said
    assert restored.sql("billing", "SELECT count(*) FROM invoices") == before
    assert restored.health("billing") == "healthy"
