"""From an event of the others to a mail in a mailbox."""

import asyncio
from itertools import permutations

import pytest
from notify_stage import PORTAL, filed, invited, mail

from parvis.documents.v1 import documents_pb2, events_pb2
from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import outbox
from parvis_kit.errors import not_found
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_notify.domain.deliveries import NOBODY
from parvis_notify.domain.templates import LINK
from parvis_notify.smtp import MailServer


async def test_invitation_becomes_a_mail_with_the_one_time_link(suite, firm, mailbox):
    event = invited()
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.mail)
    [sent] = mailbox.to(event.mail)
    assert row["state"] == "sent"
    assert sent["Subject"] == "Marc Tanguy vous invite à rejoindre Cabinet Armor"
    assert sent["To"] == f"Claire Le Goff <{event.mail}>"
    assert sent["From"] == "Cabinet Armor <notifications@exemple.fr>"
    assert sent["Reply-To"] == "Cabinet Armor <accueil@armor.example>"
    assert f"{PORTAL}/activate/secret-{event.link_id}" in sent.get_body(["plain"]).get_content()
    assert f"{PORTAL}/activate/secret-{event.link_id}" in sent.get_body(["html"]).get_content()


async def test_one_time_link_is_nowhere_in_the_database(suite, firm):
    event = invited()
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.mail)
    assert LINK in row["text"]
    assert "secret-" not in str(dict(row))


async def test_invitation_taken_back_meanwhile_is_cancelled(suite, firm, identity, mailbox):
    event = invited()
    identity.errors[event.link_id] = not_found("link_revoked")
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.mail)
    assert (row["state"], row["reason"]) == ("cancelled", "link_withdrawn")
    assert mailbox.to(event.mail) == []


async def test_access_mail_says_the_identifier(suite, firm, contact, mailbox):
    event = tenancy_events.AccessGranted(
        membership_id=str(uuid7()), account_id=str(uuid7()), contact_id=contact.id, mail=mail(), given_name="Jean",
        family_name="Kerautret", locale="fr", identifier="C0042", organisation_name="Cabinet Armor",
        organisation_slug="armor", link_id=str(uuid7()),
    )  # fmt: skip
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.mail)
    text = mailbox.to(event.mail)[0].get_body(["plain"]).get_content()
    assert "Votre identifiant\u00a0: C0042" in text
    assert "Menuiserie Kerautret" in text
    assert str(row["contact_id"]) == contact.id


async def test_document_is_announced_to_the_address_that_the_folder_names(suite, firm, contact, mailbox):
    event = filed(contact, notify_to=documents_pb2.NOTIFY_TO_BILLING, link_to=documents_pb2.LINK_TARGET_DOCUMENT)
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, contact.addresses.billing)
    [sent] = mailbox.to(contact.addresses.billing)
    assert sent["Subject"] == "Nouveau document\u00a0: Facture F2026-00042.pdf"
    assert f"{PORTAL}/o/armor/documents/{event.document.id}" in sent.get_body(["plain"]).get_content()
    assert "Ouvrir le document" in sent.get_body(["html"]).get_content()
    assert sent["Message-ID"] == row["message_id"]


async def test_address_that_is_missing_falls_back_to_main(suite, firm, contact, mailbox):
    await suite.tell(firm.id, filed(contact, notify_to=documents_pb2.NOTIFY_TO_REMINDERS))
    await suite.message_to(firm.id, contact.addresses.main)
    assert len(mailbox.to(contact.addresses.main)) == 1


async def test_link_leads_to_the_list_of_invoices(suite, firm, contact):
    await suite.tell(firm.id, filed(contact, link_to=documents_pb2.LINK_TARGET_INVOICES))
    assert (await suite.message_to(firm.id, contact.addresses.main))["link"] == f"{PORTAL}/o/armor/invoices"


async def test_mail_to_an_english_contact_is_in_english(suite, firm, contact, mailbox):
    told = tenancy_pb2.Contact()
    told.CopyFrom(contact)
    told.id, told.locale = str(uuid7()), "en"
    await suite.tell(firm.id, tenancy_events.ContactChanged(contact=told), version=1)
    await suite.tell(firm.id, filed(told))
    await suite.message_to(firm.id, contact.addresses.main)
    assert mailbox.to(contact.addresses.main)[0]["Subject"] == "New document: Facture F2026-00042.pdf"


async def test_contact_without_address_leaves_a_failed_message(suite, firm):
    nobody = tenancy_pb2.Contact(id=str(uuid7()), name="Sans adresse")
    await suite.tell(firm.id, tenancy_events.ContactChanged(contact=nobody), version=1)
    await suite.tell(firm.id, filed(nobody))
    row = await suite.message_to(firm.id, "")
    assert (row["state"], row["reason"]) == ("failed", "no_address")


async def silent(suite, firm, contact, event):
    """Tells an event, then another that does make a mail: nothing came of the first when the second is there."""
    await suite.tell(firm.id, event)
    await suite.tell(firm.id, filed(contact, notify_to=documents_pb2.NOTIFY_TO_BILLING))
    await suite.message_to(firm.id, contact.addresses.billing)
    return not await suite.rows(firm.id, "SELECT 1 FROM messages WHERE recipient_mail = $1", contact.addresses.main)


async def test_folder_without_notification_announces_nothing(suite, firm, contact):
    assert await silent(suite, firm, contact, filed(contact, notification=False))


async def test_folder_that_is_not_shared_announces_nothing(suite, firm, contact):
    assert await silent(suite, firm, contact, filed(contact, portal=False))


async def test_contact_is_not_told_of_their_own_deposit(suite, firm, contact):
    event = filed(contact)
    event.document.deposit = True
    assert await silent(suite, firm, contact, event)


def member(firm_mail, state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE):
    return tenancy_events.MembershipChanged(
        membership_id=str(uuid7()), kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF, state=state, given_name="Anne",
        family_name="Prigent", mail=firm_mail, locale="fr",
    )  # fmt: skip


async def test_deposit_is_told_to_every_active_adviser(suite, firm, contact, mailbox):
    advisers = [member(mail()), member(mail()), member(mail(), tenancy_pb2.MEMBERSHIP_STATE_CUT)]
    for adviser in advisers:
        await suite.tell(firm.id, adviser, version=1)
        await suite.heard(firm.id, "memberships", adviser.membership_id)
    document = documents_pb2.Document(id=str(uuid7()), contact_id=contact.id, name="Relevé.pdf", filed_by="Jean")
    event = events_pb2.DepositReceived(document=document, adviser_ids=[each.membership_id for each in advisers])
    await suite.tell(firm.id, event)
    for adviser in advisers[:2]:
        await suite.message_to(firm.id, adviser.mail)
        assert mailbox.to(adviser.mail)[0]["Subject"] == "Menuiserie Kerautret a déposé «\u00a0Relevé.pdf\u00a0»"
    assert mailbox.to(advisers[2].mail) == []


async def test_deposit_that_nobody_looks_after_leaves_a_failed_message(suite, firm, contact):
    document = documents_pb2.Document(id=str(uuid7()), contact_id=contact.id, name="Relevé.pdf")
    await suite.tell(firm.id, events_pb2.DepositReceived(document=document))
    assert (await suite.message_to(firm.id, ""))["reason"] == "no_adviser"


async def test_opened_document_shows_in_the_history(suite, firm, contact):
    event = filed(contact)
    await suite.tell(firm.id, event)
    await suite.message_to(firm.id, contact.addresses.main)
    for at in ("2026-11-21T10:00:00Z", "2026-11-20T09:00:00Z"):
        opened = events_pb2.DocumentOpened(document_id=event.document.id, contact_id=contact.id, at=at)
        await suite.tell(firm.id, opened)
    query = "SELECT document_opened_at AS at FROM messages WHERE document_id = $1"
    async with asyncio.timeout(10):
        while True:
            [row] = await suite.rows(firm.id, query, event.document.id)
            if row["at"] and row["at"].day == 20:
                break
            await asyncio.sleep(0.02)
    assert row["at"].isoformat() == "2026-11-20T09:00:00+00:00"


@pytest.mark.parametrize("order", list(permutations(["filed 1", "opened 1", "filed 2"])), ids=" ".join)
async def test_history_is_the_same_in_whatever_order_filing_and_opening_are_heard(suite, firm, contact, order):
    document_id = str(uuid7())
    for step in order:
        what, version = step.split()
        event = filed(contact)
        event.document.id, event.document.version = document_id, int(version)
        query = "SELECT 1 FROM messages WHERE document_id = $1 AND document_version = $2"
        if what == "opened":
            event = events_pb2.DocumentOpened(
                document_id=document_id, contact_id=contact.id, at="2026-11-20T09:00:00Z", version=int(version)
            )
            query = "SELECT 1 FROM openings WHERE document_id = $1 AND version = $2"
        await suite.tell(firm.id, event)
        await eventually(lambda query=query, version=version: suite.rows(firm.id, query, document_id, int(version)))

    query = (
        "SELECT document_opened_at IS NOT NULL AS opened FROM messages WHERE document_id = $1 ORDER BY document_version"
    )
    rows = await suite.rows(firm.id, query, document_id)
    assert [row["opened"] for row in rows] == [True, False], "the second version was never opened"


async def test_filing_and_opening_that_are_heard_at_one_instant_miss_nothing(suite, firm, contact):
    documents = [str(uuid7()) for _ in range(12)]
    for document_id in documents:
        event = filed(contact)
        event.document.id, event.document.version = document_id, 1
        opened = events_pb2.DocumentOpened(
            document_id=document_id, contact_id=contact.id, at="2026-11-20T09:00:00Z", version=1
        )
        await asyncio.gather(suite.tell(firm.id, event), suite.tell(firm.id, opened))
    query = "SELECT 1 FROM messages WHERE document_id = $1 AND document_opened_at IS NOT NULL"
    for document_id in documents:
        await eventually(lambda document_id=document_id: suite.rows(firm.id, query, document_id))


async def test_reset_of_a_personal_account_belongs_to_no_firm(suite, firm, mailbox):
    event = identity_events.PasswordResetRequested(
        account_id=str(uuid7()),
        mail=mail(),
        given_name="Claire",
        family_name="Le Goff",
        locale="fr",
        link_id=str(uuid7()),
    )
    await suite.tell(None, event)
    row = await suite.message_to(NOBODY, event.mail)
    assert row["state"] == "sent"
    assert mailbox.to(event.mail)[0]["From"].addresses[0].display_name == "portail.exemple.fr"
    assert await suite.rows(firm.id, "SELECT 1 FROM messages WHERE recipient_mail = $1", event.mail) == []


@pytest.mark.parametrize("locale", ["fr", "en"])
async def test_an_account_from_elsewhere_is_told_its_identifier(suite, mailbox, locale):
    event = identity_events.AccountImported(
        account_id=str(uuid7()), mail=mail(), identifier="C0042", given_name="Claire", family_name="Le Goff",
        locale=locale, link_id=str(uuid7()), organisation_slug="",
    )  # fmt: skip
    await suite.tell(None, event)
    row = await suite.message_to(NOBODY, event.mail)
    assert row["state"] == "sent"
    [sent] = mailbox.to(event.mail)
    assert "C0042" in sent.get_body(("plain",)).get_content()
    assert "/activate/" in sent.get_body(("plain",)).get_content()


FACTORS = identity_events.FactorsChange


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize("change", [each for each in FACTORS.values() if each])
async def test_whatever_happens_to_second_factors_is_told(suite, mailbox, change, locale):
    event = identity_events.FactorsChanged(
        account_id=str(uuid7()), mail=mail(), given_name="Claire", family_name="Le Goff", locale=locale, change=change,
        factor="passkey", device="Firefox, Windows", codes_left=7, organisation_name="Armor", reset_id=str(uuid7()),
    )  # fmt: skip
    event.due_at.FromJsonString("2026-12-01T09:30:00Z")
    await suite.tell(None, event)
    row = await suite.message_to(NOBODY, event.mail)
    text = mailbox.to(event.mail)[0].get_body(("plain",)).get_content()
    assert row["state"] == "sent"
    assert "Claire" in text
    assert "#" not in text
    # Of an account that a directory opens they would name a password that it never has.
    assert "votre mot de passe" not in text
    assert "your password" not in text
    if change in {identity_events.FACTORS_CHANGE_ADDED, identity_events.FACTORS_CHANGE_REMOVED}:
        assert {"fr": "clé d’accès", "en": "passkey"}[locale] in text
    if change == identity_events.FACTORS_CHANGE_CODE_USED:
        assert {"fr": "Codes restants\u00a0: 7", "en": "Codes left: 7"}[locale] in text
    if change == identity_events.FACTORS_CHANGE_RESET_ASKED:
        assert {"fr": "1er décembre 2026 à 10:30", "en": "1 December 2026 at 10:30"}[locale] in text
        assert f"/activate/secret-{event.reset_id}" in text


@pytest.mark.parametrize(("ended", "said"), [(False, "est désormais relié"), (True, "n’ouvre plus votre compte")])
async def test_whose_account_a_directory_is_linked_to_is_told(suite, mailbox, ended, said):
    event = identity_events.DirectoryLinkChanged(
        account_id=str(uuid7()), mail=mail(), given_name="Claire", family_name="Le Goff", locale="fr",
        directory="Annuaire Orsel", organisation_name="Cabinet Orsel", ended=ended,
    )  # fmt: skip
    await suite.tell(None, event)
    await suite.message_to(NOBODY, event.mail)
    [sent] = mailbox.to(event.mail)
    text = sent.get_body(("plain",)).get_content()
    assert "Cabinet Orsel" in sent["Subject"]
    assert "Annuaire Orsel" in text
    assert said in " ".join(text.split())
    assert "/links" in text


async def test_older_news_does_not_replace_newer(suite, firm, contact):
    for version, name in ((3, "Nouveau nom"), (2, "Ancien nom")):
        told = tenancy_pb2.Contact(id=contact.id, name=name, addresses=contact.addresses)
        await suite.tell(firm.id, tenancy_events.ContactChanged(contact=told), version=version)
    await suite.tell(firm.id, filed(contact))
    await suite.message_to(firm.id, contact.addresses.main)
    [row] = await suite.rows(firm.id, "SELECT name, version FROM contacts WHERE id = $1", contact.id)
    assert (row["name"], row["version"]) == ("Nouveau nom", 3)


async def test_event_that_comes_before_its_contact_waits_for_it(suite, firm, mailbox):
    late = tenancy_pb2.Contact(id=str(uuid7()), name="Tard venu", addresses=tenancy_pb2.ContactAddresses(main=mail()))
    await suite.tell(firm.id, filed(late))
    await asyncio.sleep(0.5)
    await suite.tell(firm.id, tenancy_events.ContactChanged(contact=late), version=1)
    await suite.message_to(firm.id, late.addresses.main)
    assert len(mailbox.to(late.addresses.main)) == 1


async def test_an_event_becomes_a_mail_at_once_and_not_when_the_relay_looks_next(
    suite, firm, contact, mailbox, monkeypatch
):
    """How long that takes, the bench of mails tells on a machine of its own."""
    monkeypatch.setattr(outbox, "_POLL", 3600.0)
    for number in range(25):
        event = filed(contact, name=f"Pièce {number}", notify_to=documents_pb2.NOTIFY_TO_BILLING)
        before = len(mailbox.mails)
        await suite.tell(firm.id, event)
        async with asyncio.timeout(300):  # an hour would end here
            while len(mailbox.mails) == before:  # noqa: ASYNC110 - the sink is a thread
                await asyncio.sleep(0.002)
    assert len(mailbox.to(contact.addresses.billing)) == 25


def test_other_address_than_smtp_is_refused_at_start():
    with pytest.raises(ValueError, match="PARVIS_SMTP_URL"):
        MailServer("http://127.0.0.1", name="x", connections=1, command_timeout=1)


def address_change(**fields):
    return identity_events.AddressChangeRequested(
        account_id=str(uuid7()), change_id=str(uuid7()), mail=mail(), new_mail=mail(), given_name="Claire",
        family_name="Le Goff", locale="fr", **fields,
    )  # fmt: skip


async def test_both_ends_of_a_change_are_asked_to_confirm(suite, mailbox):
    event = address_change()
    await suite.tell(None, event)
    for to, subject in ((event.new_mail, "Confirmez"), (event.mail, "Confirmez ou arrêtez")):
        await suite.message_to(NOBODY, to)
        assert subject in mailbox.to(to)[0]["Subject"]


async def test_who_has_the_new_address_is_told_and_learns_nothing_of_who_asked(suite, mailbox):
    event = address_change(taken=True)
    await suite.tell(None, event)
    await suite.message_to(NOBODY, event.new_mail)
    said = str(mailbox.to(event.new_mail)[0])
    assert "Claire" not in said
    assert "Goff" not in said
    assert "/address/" not in said


@pytest.mark.parametrize("end", ["new", "old"])
async def test_an_end_that_has_confirmed_is_not_asked_again(suite, mailbox, end):
    event = address_change(again=True, **{f"{end}_confirmed": True})
    asked, left = (event.mail, event.new_mail) if end == "new" else (event.new_mail, event.mail)
    await suite.tell(None, event)
    await suite.message_to(NOBODY, asked)
    assert mailbox.to(left) == []


async def test_a_corrected_address_is_told_in_the_name_of_the_firm(suite, firm, mailbox):
    event = identity_events.ManagedMailCorrected(
        account_id=str(uuid7()), old_mail=mail(), identifier="C0042", given_name="Claire", family_name="Le Goff",
        locale="en",
    )  # fmt: skip
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.old_mail)
    assert row["kind"] == "address_corrected"
    assert "C0042" in mailbox.to(event.old_mail)[0].get_body(("plain",)).get_content()


async def test_a_replaced_password_is_told_and_stands_in_the_history_of_the_contact(suite, firm, contact, mailbox):
    event = tenancy_events.AccessPasswordReplaced(
        membership_id=str(uuid7()), contact_id=contact.id, mail=mail(), given_name="Claire", family_name="Le Goff",
        locale="fr", identifier="C0042",
    )  # fmt: skip
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.mail)
    assert (row["kind"], str(row["contact_id"])) == ("password_replaced", contact.id)
    assert "C0042" in mailbox.to(event.mail)[0].get_body(("plain",)).get_content()


def declined(**changes):
    fields = {
        "request_id": str(uuid7()), "mail": f"{uuid7().hex}@demande.example", "given_name": "Inès",
        "family_name": "Moreau", "locale": "fr", "outcome": tenancy_pb2.REQUEST_OUTCOME_DECLINED,
        "reason": "Écrivez-nous d’abord.", "again_on": "2027-01-01",
    }  # fmt: skip
    return tenancy_events.AccessRequestAnswered(**{**fields, **changes})


@pytest.mark.parametrize(("locale", "day"), [("fr", "à partir du 1er janvier 2027"), ("en", "from 1 January 2027")])
async def test_who_was_declined_reads_why_and_from_when_they_may_ask_again(suite, firm, mailbox, locale, day):
    event = declined(locale=locale)
    await suite.tell(firm.id, event)
    await suite.message_to(firm.id, event.mail)
    text = mailbox.to(event.mail)[0].get_body(["plain"]).get_content()
    assert day in text
    assert "Écrivez-nous d’abord." in text


async def test_a_reason_that_was_not_given_is_not_spoken_of(suite, firm, mailbox):
    event = declined(reason="")
    await suite.tell(firm.id, event)
    await suite.message_to(firm.id, event.mail)
    assert "Motif" not in mailbox.to(event.mail)[0].get_body(["plain"]).get_content()


async def test_a_mail_of_ours_carries_no_text_of_a_stranger(suite, firm):
    approver = member(mail())
    await suite.tell(firm.id, approver, version=1)
    await suite.heard(firm.id, "memberships", approver.membership_id)
    event = tenancy_events.AccessRequestReceived(
        request_id=str(uuid7()), mail="ines@demande.example", given_name="Inès", family_name="Moreau",
        message="Votre mot de passe expire : https://piege.example", approver_ids=[approver.membership_id],
    )  # fmt: skip
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, approver.mail)
    assert "ines@demande.example" in row["text"]
    assert "piege" not in row["text"]
