"""Accounts of another platform, from a file."""

import argparse
import csv
import io
import json
from uuid import UUID

import pytest
from identity_stage import PASSWORD, make_stage
from passlib import hash as passlib
from sqlalchemy import text

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.links import Purpose
from parvis_identity.importing import SENTENCES, import_file, sentence
from parvis_identity.models import Account, AccountState
from parvis_identity.service import accounts as account_service
from parvis_identity.service import imports
from parvis_identity.service.import_files import FIELDS, UnreadableFile, form_of, read
from parvis_identity.service.imports import Importer
from parvis_kit.errors import ServiceError, unavailable
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")

BCRYPT = passlib.bcrypt.using(rounds=4).hash(PASSWORD)


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, refusal_seconds=0)


@pytest.fixture(autouse=True)
async def empty(stage):
    await stage.run("DELETE FROM accounts")
    await stage.run("DELETE FROM outbox")
    stage.town.faces.clear()


def as_csv(*rows, columns=FIELDS, delimiter=",", newline="\r\n") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, delimiter=delimiter, lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_json(*rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


async def imported(stage, content: bytes, form="csv", **options):
    importer = Importer(stage.database, stage.town, stage.ring.link_secret, **options)
    return [each async for each in importer.run(read(io.BytesIO(content), form))]


def told(outcomes):
    return [(each.line, each.outcome, each.reason) for each in outcomes]


async def all_accounts(stage) -> list[Account]:
    async with stage.unit() as unit:
        return [dict(row) for row in await unit.fetch("SELECT * FROM accounts ORDER BY identifier_key")]


CLAIRE = {
    "mail": "Claire@Exemple.fr", "given_name": "Claire", "family_name": "Le Goff", "locale": "en-GB",
    "password_hash": BCRYPT,
}  # fmt: skip


@pytest.mark.parametrize(("form", "content"), [
    ("csv", as_csv(CLAIRE)),
    ("csv", as_csv(CLAIRE, delimiter=";", newline="\n")),
    ("csv", b"\xef\xbb\xbf" + as_csv(CLAIRE)),
    ("json", as_json(CLAIRE)),
    ("json", as_json(CLAIRE).rstrip()),
])  # fmt: skip
async def test_somebody_signs_in_with_identifier_and_password_of_before(stage, form, content):
    outcomes = await imported(stage, content, form)
    [account] = await all_accounts(stage)
    answer = await stage.browser().sign_in("claire@exemple.fr")

    assert [each.outcome for each in outcomes] == ["created"]
    assert (account["identifier"], account["given_name"], account["locale"]) == ("Claire@Exemple.fr", "Claire", "en")
    assert account["state"] == AccountState.ACTIVE
    assert answer.headers["location"] == "/"


async def test_a_firms_client_signs_in_at_the_firms_door(stage):
    stage.town.found("durand", "Durand")
    stage.town.found("petit", "Petit")
    row = {"organisation": "durand", "identifier": "C0042", "password_hash": BCRYPT}

    outcomes = await imported(stage, as_csv(row, {**row, "organisation": "petit"}))
    answer = await stage.browser().sign_in("c0042", at="/login/durand")

    assert [each.outcome for each in outcomes] == ["created", "created"]
    assert answer.headers["location"] == "/o/durand"


async def test_a_second_run_changes_nothing(stage):
    rows = [{"mail": f"{n}@exemple.fr", "password_hash": BCRYPT if n % 2 else ""} for n in range(7)]
    content = as_csv(*rows)
    first = await imported(stage, content, mail=True)
    before, audited = await all_accounts(stage), await stage.audited("account.imported")

    second = await imported(stage, content, mail=True)

    assert {each.outcome for each in first} == {"created"}
    assert told(second) == [(n + 2, "unchanged", "") for n in range(7)]
    assert await all_accounts(stage) == before
    assert await stage.audited("account.imported") == audited
    assert len(await mails(stage)) == 7


async def test_what_people_did_since_is_kept_and_said(stage):
    await imported(stage, as_csv(CLAIRE))
    await stage.browser().sign_in("claire@exemple.fr")
    await stage.run("UPDATE accounts SET given_name = 'Clara'")

    [again] = await imported(stage, as_csv(CLAIRE))
    [account] = await all_accounts(stage)

    assert (again.outcome, again.reason, again.params) == ("unchanged", "differs", {"fields": "given_name"})
    assert account["given_name"] == "Clara"
    assert (await stage.browser().sign_in("claire@exemple.fr")).status_code == 303


async def test_an_account_that_was_there_is_not_taken_over(stage):
    person = await stage.person(mail="anne@exemple.fr", state=AccountState.PENDING)

    [outcome] = await imported(stage, as_csv({"mail": "ANNE@exemple.fr", "password_hash": BCRYPT}))

    assert (outcome.outcome, outcome.reason) == ("unchanged", "was_there_differs")
    assert "password_hash" in outcome.params["fields"]
    async with stage.unit() as unit:
        assert (await unit.get(Account, person.id)).state == AccountState.PENDING


async def test_an_address_that_somebody_may_take_back_is_theirs(stage):
    person = await stage.person(mail="nouvelle@exemple.fr")
    await stage.run(
        "INSERT INTO address_changes (id, account_id, old_mail, old_key, new_mail, asked_at, done_at, ended_as) VALUES "
        "(gen_random_uuid(), :id, 'avant@exemple.fr', 'avant@exemple.fr', 'nouvelle@exemple.fr', now(), now(), '')",
        id=person.id,
    )
    [outcome] = await imported(stage, as_csv({"mail": "Avant@exemple.fr", "password_hash": BCRYPT}))
    assert outcome.outcome == "unchanged"
    assert len(await all_accounts(stage)) == 1


async def test_broken_lines_stop_nobody(stage):
    stage.town.found("durand", "Durand")
    good = [{"mail": f"good{n}@exemple.fr"} for n in range(3)]
    lines = as_csv(*good, columns=("organisation", "identifier", "mail", "given_name", "password_hash")).split(b"\r\n")
    broken = {
        b",,\xff@exemple.fr,,": "not_utf8",
        b',,"open@exemple.fr,,': "quotes_wrong",
        b",,too@few.fr": "wrong_number_of_fields",
        b",,nul\0@exemple.fr,,": "not_text",
        b",,not an address,,": "mail_wrong",
        b",,,,": "mail_wrong",
        b",C42,a@exemple.fr,,": "identifier_without_organisation",
        b"nobody,C42,a@exemple.fr,,": "organisation_unknown",
        b"durand,C 42,a@exemple.fr,,": "identifier_wrong",
        b"durand,C42,,,": "no_way_in",
        b",,name@exemple.fr,www.example.com,": "name_link_in_name",
        b",,plain@exemple.fr,,Portail-2026!": "hash_unknown",
        b",,md5@exemple.fr,,5f4dcc3b5aa765d61d8327deb882cf99": "hash_too_weak",
        b",,cost@exemple.fr,,$2b$31$" + b"a" * 53: "hash_too_costly",
        b",,cut@exemple.fr,,$2b$10$abc": "hash_malformed",
        b",,good0@exemple.fr,,": "twice_in_file",
        b",,long@exemple.fr,," + b"x" * 40_000: "line_too_long",
    }
    content = b"\r\n".join([*lines[:3], *broken, b"", lines[3], b""])

    outcomes = await imported(stage, content)

    refused = [each for each in outcomes if each.outcome == "refused"]
    assert [each.reason for each in refused] == list(broken.values())
    assert [each.line for each in refused] == list(range(4, 4 + len(broken)))
    assert [each.line for each in outcomes if each.outcome == "created"] == [2, 3, 5 + len(broken)]
    assert all(sentence(each) for each in refused)


@pytest.mark.parametrize(("line", "reason"), [
    (b"{", "not_json"), (b"[]", "not_an_object"), (b'"x"', "not_an_object"), (b"[" * 9000, "not_json"),
    (b'{"mail": 1}', "not_text"), (b'{"mail": "a@b.fr", "password": "x"}', "field_unknown"),
    (b'{"mail": "a@b.fr", "mail": "c@d.fr"}', "field_twice"), (b'{"mail": "\\ud800@b.fr"}', "not_text"),
    (b'{"mail": "a@b.fr", "status": "sleeping"}', "status_unknown"),
    (b'{"mail": "a@b.fr", "locale": "de"}', "locale_unknown"),
])  # fmt: skip
async def test_a_broken_object_is_refused_and_the_next_is_read(stage, line, reason):
    outcomes = await imported(stage, line + b"\n" + as_json({"mail": "next@exemple.fr", "given_name": None}), "json")

    assert told(outcomes) == [(1, "refused", reason), (2, "created", "")]
    assert sentence(outcomes[0])


@pytest.mark.parametrize(
    "content", [b"", b"name,first name\n", b"mail,password\nx@y.fr,secret\n", b"mail,mail\n", b"\xff\n", b'"mail\n']
)
def test_a_file_without_a_usable_first_line_is_refused_whole(content):
    with pytest.raises(UnreadableFile):
        list(read(io.BytesIO(content), "csv"))


def test_the_form_is_known_by_the_name():
    assert (form_of("a/b.CSV"), form_of("b.jsonl"), form_of("b.ndjson")) == ("csv", "json", "json")
    with pytest.raises(UnreadableFile, match="--format"):
        form_of("accounts.xlsx")


async def test_a_dry_run_says_the_same_and_writes_nothing(stage):
    await imported(stage, as_csv({"mail": "there@exemple.fr"}))
    content = as_csv(
        {"mail": "there@exemple.fr"}, {"mail": "new@exemple.fr"}, {"mail": "new"}, {"mail": "new@exemple.fr"}
    )
    audited = await stage.audited("account.imported")

    rehearsed = await imported(stage, content, dry_run=True, mail=True)
    accounts, acts, events = await all_accounts(stage), await stage.audited("account.imported"), await mails(stage)
    done = await imported(stage, content)

    assert (len(accounts), acts, events) == (1, audited, [])
    assert rehearsed == done


async def test_a_large_file_is_held_batch_by_batch(stage):
    drawn = 0

    def lines():
        nonlocal drawn
        for line in read(io.BytesIO(as_csv(*({"mail": f"{n}@exemple.fr"} for n in range(3 * imports.BATCH)))), "csv"):
            drawn += 1
            yield line

    importer = Importer(stage.database, stage.town, stage.ring.link_secret)
    ahead = [drawn - done async for done in _numbered(importer.run(lines()))]

    assert len(ahead) == 3 * imports.BATCH
    assert max(ahead) < imports.BATCH
    assert len(await all_accounts(stage)) == 3 * imports.BATCH


async def _numbered(outcomes):
    number = 0
    async for _ in outcomes:
        number += 1
        yield number


async def test_every_account_leaves_an_act_without_its_hash(stage):
    firm = stage.town.found("durand", "Durand")
    await imported(stage, as_csv({"organisation": "durand", "identifier": "C1", "password_hash": BCRYPT}))

    async with stage.unit(firm.id) as unit:
        query = text("SELECT details FROM audit WHERE act = 'account.imported' ORDER BY at DESC LIMIT 1")
        details = await unit.scalar(query)

    assert details == {"kind": "managed", "state": "active", "password": "bcrypt"}


async def mails(stage):
    return [events_pb2.AccountImported.FromString(each) for each in await stage.events("AccountImported")]


async def test_nobody_is_written_to_unless_asked_for(stage):
    await imported(stage, as_csv({"mail": "a@exemple.fr"}))

    assert await mails(stage) == []


async def test_the_mail_shows_the_identifier_and_carries_the_link_of_a_first_password(stage):
    firm = stage.town.found("durand", "Durand")
    row = {"organisation": "durand", "identifier": "C0042", "mail": "luc@exemple.fr", "given_name": "Luc"}
    await imported(stage, as_csv(row, {"mail": "closed@exemple.fr", "status": "disabled"}), mail=True)

    [event] = await mails(stage)
    async with stage.unit(firm.id) as unit:
        address, expires_at = await stage.links.mint(
            unit, link_id=UUID(event.link_id), account_id=UUID(event.account_id),
            purpose=Purpose.ACTIVATION, slug=event.organisation_slug,
        )  # fmt: skip
    answer = await stage.browser().submit(address, password=PASSWORD)

    assert (event.identifier, event.mail) == ("C0042", "luc@exemple.fr")
    assert expires_at is not None
    assert answer.headers["location"] == "/o/durand"


async def test_the_link_of_somebody_who_keeps_the_password_leads_to_the_sign_in(stage):
    firm = stage.town.found("durand", "Durand")
    row = {"organisation": "durand", "identifier": "C0042", "mail": "luc@exemple.fr", "password_hash": BCRYPT}
    await imported(stage, as_csv(row), mail=True)

    [event] = await mails(stage)
    async with stage.unit(firm.id) as unit:
        address, _ = await stage.links.mint(
            unit, link_id=UUID(event.link_id), account_id=UUID(event.account_id),
            purpose=Purpose.ACTIVATION, slug=event.organisation_slug,
        )  # fmt: skip

    assert address.endswith("/login/durand")


async def test_who_came_without_a_password_may_ask_for_a_link(stage):
    await imported(stage, as_csv({"mail": "claire@exemple.fr", "password_hash": "!unusable"}))

    await stage.browser().submit("/reset", identifier="claire@exemple.fr")

    assert len(await stage.events("PasswordResetRequested")) == 1


async def test_a_disabled_account_stays_closed(stage):
    await imported(stage, as_csv({**CLAIRE, "status": "Disabled"}))

    assert (await stage.browser().sign_in("claire@exemple.fr")).status_code == 422


async def managed(stage, firm, identifier, wanted):
    async with stage.unit(firm.id) as unit:
        return await account_service.create_managed(
            unit, account_id=wanted, identifier=identifier, mail="x@exemple.fr", given_name="", family_name="",
            locale="fr",
        )  # fmt: skip


async def test_a_firm_that_opens_an_access_under_an_imported_identifier_gets_that_account_once(stage):
    firm = stage.town.found("durand", "Durand")
    await imported(stage, as_csv({"organisation": "durand", "identifier": "C0042", "password_hash": BCRYPT}))
    [there], wanted = await all_accounts(stage), uuid7()

    found = await managed(stage, firm, "c0042", wanted)
    again = await managed(stage, firm, "c0042", wanted)

    assert found.id == again.id == there["id"]
    with pytest.raises(ServiceError, match="identifier_taken"):
        await managed(stage, firm, "c0042", uuid7())


def arguments(path, **changes):
    values = {"file": str(path), "format": None, "dry_run": False, "mail": False, "report": None, **changes}
    return argparse.Namespace(**values)


async def test_the_command_tells_on_the_terminal_and_in_the_report(stage, tmp_path, capsys):
    path, report = tmp_path / "accounts.csv", tmp_path / "report.jsonl"
    path.write_bytes(as_csv({"mail": "a@exemple.fr"}, {"mail": "\x1b[31m"}))
    importer = Importer(stage.database, stage.town, stage.ring.link_secret)

    status = await import_file(importer, arguments(path, report=report))

    said, lines = capsys.readouterr().out, [json.loads(line) for line in report.read_text().splitlines()]
    assert status == 1
    assert "2 lines: 1 created, 0 unchanged, 1 refused." in said
    assert "line 3" in said
    assert "\x1b" not in said
    assert [(each["line"], each["outcome"], each["reason"]) for each in lines] == told(
        [imports.Outcome(2, "created"), imports.Outcome(3, "refused", reason="mail_wrong")]
    )


@pytest.mark.parametrize(("name", "content", "says"), [
    ("accounts.csv", None, "No such file"), ("accounts.xlsx", b"x", "--format"), ("accounts.csv", b"nom\n", "columns"),
])  # fmt: skip
async def test_a_file_that_cannot_be_read_is_said(stage, tmp_path, capsys, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    importer = Importer(stage.database, stage.town, stage.ring.link_secret)

    assert await import_file(importer, arguments(path)) == 2
    assert says in capsys.readouterr().out


async def test_when_tenancy_is_away_the_command_says_what_is_done(stage, tmp_path, capsys):
    class Away:
        async def face(self, slug):
            raise unavailable("unreachable", service="tenancy")

    path = tmp_path / "accounts.csv"
    path.write_bytes(as_csv({"organisation": "durand", "identifier": "C1", "mail": "a@exemple.fr"}))
    importer = Importer(stage.database, Away(), stage.ring.link_secret)

    assert await import_file(importer, arguments(path)) == 2
    assert "tenancy cannot be reached" in capsys.readouterr().out


def test_every_reason_of_a_name_has_its_sentence():
    reasons = {f"name_{reason}" for reason in ("too_long", "control_characters", "link_in_name")}
    reasons |= {f"hash_{reason}" for reason in ("unknown", "malformed", "too_costly", "too_weak")}

    assert reasons <= set(SENTENCES)
