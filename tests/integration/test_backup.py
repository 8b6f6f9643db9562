"""A backup that is made while people work, restored into an empty place: all that was there at the mark is there, what
was on its way arrives, and work goes on.
"""

import asyncio
import hashlib
import json
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis_backup import databases, objects
from parvis_backup.making import make
from parvis_backup.place import DATABASES
from parvis_backup.vault import Vault
from parvis_kit import testing
from parvis_kit.errors import Kind, ServiceError
from parvis_local.backups import place_of
from parvis_local.demo.papers import typeset
from parvis_local.demo.portal import Person, Portal, eventually
from parvis_local.demo.story import PROVIDER
from parvis_local.layout import ROOT
from parvis_local.ports import free_base
from parvis_local.suite import Suite

sys.path.append(str(ROOT / "tests" / "chaos"))
from driver import Driver, Story

OPEN = {
    "identity": "SELECT count(*) FROM sessions s JOIN grants g ON g.session_id = s.id "
    "WHERE s.ended_at IS NULL OR g.revoked_at IS NULL",
    "web": "SELECT count(*) FROM web_sessions",
}
WORDS = "a passphrase for tests"
ADMINISTRATOR = "claire.orsel@orsel.example"
DIGEST = "SELECT md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM \"{}\" t"


def paper():
    firm = PROVIDER.customers[0]
    return typeset(firm, firm.contacts[0], firm.contacts[0].papers[0])


async def at_work(portal):
    """The administrator of the demonstration firm, who signs in."""
    person = Person(portal, ADMINISTRATOR)
    await person.sign_in()
    return Driver(portal, person, (await person.organisations())["cabinet-orsel"])


@asynccontextmanager
async def people_working(driver, name):
    """Two people who do one main job after the other; inside the block, until they are told to go home."""
    home, begun = asyncio.Event(), []

    async def work(who):
        number = 0
        while not home.is_set():
            number += 1
            begun.append(Story(f"{name}{who}x{number}", paper()))
            await driver.work(begun[-1])

    async def in_the_middle():
        return sum(bool(story.contact_id) for story in begun) >= len(working)

    working = [asyncio.create_task(work(who)) for who in range(2)]
    try:
        await testing.eventually(in_the_middle, within=60)
        yield
    finally:
        home.set()
        await asyncio.gather(*working)


@pytest.fixture(scope="module")
async def driver(portal):
    driver = await at_work(portal)
    yield driver
    await driver.close()


@pytest.fixture(scope="module")
async def backup(suite, driver):
    """(folder, manifest, a job done before it, a job of which notify had heard nothing)."""
    run = secrets.token_hex(3)
    before, unheard = Story(f"backup{run}before", paper()), Story(f"backup{run}unheard", paper())
    await driver.work(before)
    suite.kill("notify", signal.SIGSTOP)
    try:
        await driver.work(unheard)
        with tempfile.TemporaryDirectory(prefix="parvis-backup-") as folder:
            async with people_working(driver, f"backup{run}"):
                made = await make(place_of(suite), Vault.open_or_make(Path(folder) / "vault", WORDS))
            suite.kill("notify", signal.SIGCONT)
            yield Path(folder) / "vault", made.manifest, before, unheard
    finally:
        suite.kill("notify", signal.SIGCONT)


@pytest.fixture(scope="module")
async def restored(backup):
    """A second suite, of the backup alone."""
    with reachable_folder() as data:
        done = await asyncio.to_thread(restore, backup[0], data)
        assert done.returncode == 0, done.stdout
        second = Suite(data, free_base())
        try:
            await asyncio.to_thread(second.start)
            yield second
        finally:
            await asyncio.to_thread(second.stop)


@contextmanager
def reachable_folder():
    """A folder that is not there yet, where PostgreSQL's account reaches it when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="parvis-restored-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
async def successor(restored):
    """The administrator, in the restored suite."""
    async with Portal(restored.context) as portal:
        driver = await at_work(portal)
        yield driver
        await driver.close()


def restore(vault, data, words=WORDS):
    command = [sys.executable, "-m", "parvis_local.command", "restore", str(vault), "--data", str(data)]
    environment = {"PARVIS_BACKUP_KEY": words, "PATH": "/usr/bin:/bin", "HOME": tempfile.gettempdir(), "COLUMNS": "500"}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


async def test_what_is_dumped_at_a_mark_while_people_work_comes_back_row_for_row(suite, driver):
    place = place_of(suite)
    async with people_working(driver, f"mark{secrets.token_hex(3)}"), databases.common_mark(place.database_url) as mark:
        assert mark.exact
        for service in DATABASES:
            at_mark = await digests(mark.connections[service])
            assert await digests_of_a_copy(place, service, mark.snapshots[service]) == at_mark


async def digests(connection):
    names = await databases.counts(connection)
    return {name: await connection.fetchval(DIGEST.format(name)) for name in names}


async def digests_of_a_copy(place, service, snapshot):
    """The service's database, dumped and loaded under another name."""
    server, copy = await asyncpg.connect(place.database_url("postgres")), f"copy_of_{service}"
    try:
        await server.execute(f'CREATE DATABASE "{copy}" TEMPLATE template0')
        dump = databases.dump(place.database_url(f"parvis_{service}"), snapshot, None)
        await asyncio.to_thread(databases.load, place.database_url(copy), dump, None)
        connection = await asyncpg.connect(place.database_url(copy))
        try:
            return await digests(connection)
        finally:
            await connection.close()
    finally:
        await server.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
        await server.close()


async def test_all_databases_have_one_mark_while_people_work(backup):
    assert backup[1].exact
    assert backup[1].objects_missing == []


async def test_the_report_says_what_came_back(backup, restored):
    report = json.loads((restored.layout.data / "restored.json").read_text())
    assert set(report["rows"]) == set(DATABASES)
    assert report["objects"] == backup[1].objects
    assert report["chains"] > len(DATABASES)
    assert report["broken"] == report["objects_missing"] == []
    assert report["replayed"]["documents"] > 0


async def test_nobody_is_still_signed_in_and_no_token_is_refreshed(suite, backup, restored):
    """A session may have been ended since the mark because it was stolen: all are, and people sign in once more."""
    for service, question in OPEN.items():
        there, before = await count(restored, service, question), await count(suite, service, question)
        assert (there, before > 0) == (0, True), question
    assert json.loads((restored.layout.data / "restored.json").read_text())["sessions_ended"] > 0


async def count(suite, service, question):
    connection = await asyncpg.connect(suite.superuser_url(service))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_every_object_that_a_document_refers_to_is_there_as_it_was(restored):
    connection = await asyncpg.connect(restored.superuser_url("documents"))
    try:
        rows = await connection.fetch("SELECT object_key, sha256 FROM versions")
    finally:
        await connection.close()
    store = objects.Objects(place_of(restored).store)
    found = {
        row["object_key"]: hashlib.sha256(b"".join(store.read(row["object_key"]) or [])).hexdigest() for row in rows
    }
    assert len(rows) > 8
    assert found == {row["object_key"]: row["sha256"] for row in rows}


async def test_somebody_signs_in_and_downloads_a_document(backup, successor):
    story = backup[2]
    request = documents_pb2.GetDownloadRequest(id=story.document_id)
    download = await successor.insist(lambda: successor.documents.GetDownload(request))
    assert (await successor.fetch(download.url)).content == story.content


async def test_what_was_on_its_way_to_a_service_at_the_mark_arrives_there(backup, restored, successor):
    assert await eventually(lambda: mails_to(restored, backup[3].person_mail))


async def mails_to(suite, address):
    connection = await asyncpg.connect(suite.superuser_url("notify"))
    try:
        found = await connection.fetchval("SELECT count(*) FROM messages WHERE recipient_mail = $1", address)
    finally:
        await connection.close()
    if not found:
        raise ServiceError(Kind.NOT_FOUND, "no_mail_yet")
    return found


async def test_numbers_of_invoices_go_on_without_gap(successor):
    await successor.work(Story(f"after{secrets.token_hex(3)}", paper()))
    numbers, token = [], ""
    while True:
        request = billing_pb2.ListInvoicesRequest(page_size=100, page_token=token)
        page = await successor.insist(lambda request=request: successor.invoices.ListInvoices(request))
        numbers += [int(invoice.number.rpartition("-")[2]) for invoice in page.invoices if invoice.number]
        token = page.next_page_token
        if not token:
            break
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_audit_chains_go_on(restored, successor):
    command = [sys.executable, "-m", "parvis_documents", "verify-audit"]
    done = subprocess.run(command, env=restored.environment("documents"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_the_next_backup_copies_what_is_new_only(backup, restored, successor):
    made = await make(place_of(restored), Vault.open(backup[0], WORDS))
    assert 0 < made.manifest.objects_new < made.manifest.objects


async def test_a_restore_over_a_running_suite_is_refused(backup, restored):
    done = await asyncio.to_thread(restore, backup[0], restored.layout.data)
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert "a suite runs there" in done.stdout


async def test_a_wrong_passphrase_changes_nothing(backup, tmp_path):
    done = await asyncio.to_thread(restore, backup[0], tmp_path / "data", "another passphrase")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert "not the one that this backup folder was made with" in done.stdout
    assert not (tmp_path / "data").exists()
