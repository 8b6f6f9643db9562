"""Mails about how a firm signs in: administrators hear of it each in their language, a postmaster gets a link."""

import pytest
from notify_stage import PORTAL, mail

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import uuid7


async def administrator(suite, firm, locale) -> tenancy_events.MembershipChanged:
    event = tenancy_events.MembershipChanged(
        membership_id=str(uuid7()), kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF, state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE,
        given_name="Claire", family_name="Orsel", mail=mail(), locale=locale,
    )  # fmt: skip
    await suite.tell(firm.id, event, version=1)
    await suite.heard(firm.id, "memberships", event.membership_id)
    return event


@pytest.mark.parametrize("kind", ["domain_lost", "domain_off", "domain_claimed", "domain_shared"])
async def test_administrators_are_told_each_in_their_language(suite, firm, mailbox, kind):
    claire, owen = await administrator(suite, firm, "fr"), await administrator(suite, firm, "en")
    values = {"domain": "orsel.example", "until": "2027-01-01"}

    await suite.tell(
        firm.id,
        tenancy_events.AdministratorsNoticed(
            kind=kind, values=values, membership_ids=[claire.membership_id, owen.membership_id]
        ),
    )

    for who, hello in ((claire, "Bonjour Claire"), (owen, "Hello Claire")):
        row = await suite.message_to(firm.id, who.mail)
        text = mailbox.to(who.mail)[0].get_body(["plain"]).get_content()
        assert row["kind"] == kind
        assert hello in text
        assert "orsel.example" in text
        assert f"{PORTAL}/o/{firm.slug}/settings/sign-in/domains" in text


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("", ""),
        (
            "nonce_wrong 3,audience_wrong 1",
            "le mail précédent : nonce_wrong (3), audience_wrong (1)",
        ),
    ],
)
async def test_administrators_are_told_of_what_smells_of_an_attack(suite, firm, mailbox, since, said):
    claire = await administrator(suite, firm, "fr")
    values = {"provider": "Annuaire Orsel", "check": "signature_wrong", "since": since}

    await suite.tell(
        firm.id,
        tenancy_events.AdministratorsNoticed(
            kind="sign_in_suspicious", values=values, membership_ids=[claire.membership_id]
        ),
    )

    await suite.message_to(firm.id, claire.mail)
    text = mailbox.to(claire.mail)[0].get_body(["plain"]).get_content()
    assert "Annuaire Orsel" in text
    assert "signature_wrong" in text
    assert said in " ".join(text.split())
    assert ("Autres refus" in text) is bool(since)
    assert f"{PORTAL}/o/{firm.slug}/settings/sign-in/directories" in text


_OF_DIRECTORIES = {
    "directory_added": ({"who": "Owen Price"}, "Owen Price", "directories"),
    "directory_changed": ({"who": "Owen Price", "what": "secret,subject"}, "secret client, attribut", "directories"),
    "directory_live": ({"who": "Owen Price"}, "Owen Price", "directories"),
    "directory_off": ({"who": "Owen Price"}, "Owen Price", "directories"),
    "directory_deleted": ({"who": ""}, "Un administrateur", "directories"),
    "directory_certificate": ({"until": "2027-01-01"}, "1er janvier 2027", "directories"),
    "directory_token": ({"who": "Owen Price"}, "Owen Price", "scim"),
    "directory_address_refused": ({}, "appartient à un compte extérieur.", "scim"),
}


@pytest.mark.parametrize("kind", _OF_DIRECTORIES)
async def test_administrators_are_told_what_becomes_of_a_directory_and_who_did_it(suite, firm, mailbox, kind):
    claire, owen = await administrator(suite, firm, "fr"), await administrator(suite, firm, "en")
    more, said, page = _OF_DIRECTORIES[kind]
    both = [claire.membership_id, owen.membership_id]

    values = {"provider": "Annuaire Orsel", **more}
    await suite.tell(firm.id, tenancy_events.AdministratorsNoticed(kind=kind, values=values, membership_ids=both))

    texts = {}
    for who in (claire, owen):
        assert (await suite.message_to(firm.id, who.mail))["kind"] == kind
        texts[who.mail] = mailbox.to(who.mail)[0].get_body(["plain"]).get_content()
        assert "Annuaire Orsel" in texts[who.mail]
        assert f"{PORTAL}/o/{firm.slug}/settings/sign-in/{page}" in texts[who.mail]
    assert said in " ".join(texts[claire.mail].split())
    assert "Hello Claire" in texts[owen.mail]


async def test_administrators_decide_whether_an_administrator_has_left(suite, firm, mailbox):
    claire = await administrator(suite, firm, "fr")

    await suite.tell(
        firm.id,
        tenancy_events.AdministratorsNoticed(
            kind="directory_leaver_kept", values={"person": "Paule Aubier"}, membership_ids=[claire.membership_id]
        ),
    )

    await suite.message_to(firm.id, claire.mail)
    mail = mailbox.to(claire.mail)[0]
    assert " ".join(mail["Subject"].split()) == "À décider : Paule Aubier a quitté l’annuaire"
    assert f"{PORTAL}/o/{firm.slug}/settings/people" in mail.get_body(["plain"]).get_content()


async def test_a_postmaster_is_sent_a_link(suite, firm, mailbox):
    link, address = str(uuid7()), f"postmaster@{uuid7().hex}.example"
    asked = identity_events.DomainProofAsked(
        link_id=link, domain="orsel.example", mail=address, organisation_name="Cabinet Orsel",
        organisation_slug="cabinet-orsel", locale="fr",
    )  # fmt: skip

    await suite.tell(firm.id, asked)

    row = await suite.message_to(firm.id, address)
    text = mailbox.to(address)[0].get_body(["plain"]).get_content()
    assert row["kind"] == "domain_proof"
    assert f"secret-{link}" in text
    assert "Cabinet Orsel" in text
