"""Somebody is erased in the whole suite: nothing of them stands in any column of any database but what the map says is
kept, a service that was away hears of it later, and twice changes nothing. About 15 s.
"""

import asyncio
import os
import signal
from unittest.mock import patch

import asyncpg
import pytest

from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.identity.v1 import identity_pb2, identity_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_identity.service import erasures
from parvis_identity.service.organisations import Tenancy
from parvis_identity.settings import Settings
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_kit.unit import Database
from parvis_local.demo.portal import eventually as arrived

CLAIRE = "claire.orsel@orsel.example"
SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "web")
#: Events of the month, and those that failed: they end with their time.
PASSING = {"outbox", "inbox", "dead_letters"}
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"


@pytest.fixture
async def leaver(portal):
    """A colleague of the firm who signed in, has a client in their charge, and filed a document for it."""
    word = f"Zzedel{uuid7().hex[-12:]}"
    mail = f"{word}@partant.example".lower()
    claire = await portal.activated(CLAIRE)
    organisation_id = (await claire.organisations())["cabinet-orsel"]
    members = tenancy_pb2_grpc.MemberServiceStub(portal.peers.channel("tenancy"))
    async with claire.acting_for(organisation_id):
        profiles = (await members.ListProfiles(tenancy_pb2.ListProfilesRequest())).profiles
        profile_id = next(each.id for each in profiles if each.built_in == "adviser")
        invited = tenancy_pb2.InviteMemberRequest(
            mail=mail, given_name=word, family_name="Partant", profile_id=profile_id, locale="fr"
        )
        member = await members.InviteMember(invited)
    person = await portal.activated(mail)
    (await person.open("/o/cabinet-orsel/account")).raise_for_status()
    async with person.acting_for(organisation_id):
        await _files(portal, person)
    return person, member.account_id, mail, word


async def _files(portal, person):
    contacts = tenancy_pb2_grpc.ContactServiceStub(portal.peers.channel("tenancy"))
    folders = documents_pb2_grpc.FolderServiceStub(portal.peers.channel("documents"))
    record = await contacts.CreateContact(
        tenancy_pb2.CreateContactRequest(
            contact=tenancy_pb2.Contact(kind=tenancy_pb2.CONTACT_KIND_CLIENT, name=f"Client {uuid7().hex[-8:]}")
        )
    )

    async def folder():
        listed = (await folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=record.contact.id))).folders
        if not listed:
            raise ServiceError(Kind.NOT_FOUND, "folders_not_yet")
        return next(each.template.id for each in listed if each.template.built_in == "contracts")

    request = documents_pb2.StartUploadRequest(
        contact_id=record.contact.id,
        folder_template_id=await arrived(folder),
        name="Contrat.pdf",
        size=len(_PDF),
        media_type="application/pdf",
    )
    await person.upload(request, _PDF)


async def connect(suite, service):
    return await asyncpg.connect(suite.superuser_url(service))


async def found(suite, *words):
    """`service.table` of every row in which one of the words stands."""
    where = set()
    for service in SERVICES:
        connection = await connect(suite, service)
        for name in [row["relname"] for row in await connection.fetch(_TABLES)]:
            query = f'SELECT EXISTS (SELECT FROM "{name}" t WHERE lower(row_to_json(t)::text) LIKE ANY($1))'  # noqa: S608 - of the catalogue
            if name not in PASSING and await connection.fetchval(query, [f"%{word.lower()}%" for word in words]):
                where.add(f"{service}.{name}")
        await connection.close()
    return where


async def answered(suite, account_id):
    """Who has answered to the erasure of an account."""
    connection = await connect(suite, "identity")
    rows = await connection.fetch(
        "SELECT a.service FROM erasure_answers a JOIN erasures e ON e.id = a.erasure_id WHERE e.digest = $1",
        erasures.digest_of(account_id),
    )
    await connection.close()
    return {row["service"] for row in rows}


async def let_the_day_come(suite, account_id):
    """As in a fortnight."""
    connection = await connect(suite, "identity")
    await connection.execute("UPDATE erasures SET due_at = now() WHERE account_id = $1", account_id)
    environment = suite.environment("identity")
    database = Database(environment["PARVIS_DATABASE_URL"], service="identity", pool=1)
    with patch.dict(os.environ, environment):
        peers = Peers(Settings())
    organisations = Tenancy(peers)

    async def gone():
        await erasures.settle(database, organisations)
        return not await connection.fetchval("SELECT count(*) FROM accounts WHERE id = $1", account_id)

    await eventually(gone)
    assert await erasures.settle(database, organisations) == 0
    await peers.close()
    await database.close()
    await connection.close()


async def test_nothing_of_a_person_stays_in_any_database_but_what_the_map_keeps(suite, portal, leaver):
    person, account_id, mail, word = leaver
    everywhere = await found(suite, word, mail)
    assert {each.split(".")[0] for each in everywhere} >= {"identity", "tenancy", "documents", "notify"}
    accounts = identity_pb2_grpc.AccountServiceStub(portal.peers.channel("identity"))
    async with person.acting_for(""):
        await accounts.EraseMyAccount(identity_pb2.EraseMyAccountRequest())

    pid = await asyncio.to_thread(suite.kill, "billing", signal.SIGSTOP)  # it hears of it later
    try:
        await let_the_day_come(suite, account_id)
        others = set(erasures.SERVICES) - {"billing"}

        async def all_others():
            return await answered(suite, account_id) >= others

        await eventually(all_others)
        assert "billing" not in await answered(suite, account_id)
    finally:
        await asyncio.to_thread(suite.kill, "billing", signal.SIGCONT)
    assert pid

    async def everybody():
        return await answered(suite, account_id) == set(erasures.SERVICES)

    await eventually(everybody)

    async def last_mail_has_left():
        return not await found(suite, word, mail)

    await eventually(last_mail_has_left)
    # Who acted stays known by an id that leads nowhere: the trail is provable.
    assert {each.split(".")[1] for each in await found(suite, account_id)} <= {"audit"}
