"""What each table of notify is, about whom, how long it is kept, and what exports and erasures do with it."""

from typing import Final

from parvis_records.map import (
    FOR_CONTACT,
    FOR_MEMBERSHIP,
    FOR_ORGANISATION,
    UNTIL_REPLACED,
    About,
    Erasure,
    Map,
    Table,
    Topic,
    aged,
)

_PERSON, _FIRM = (About.PERSON,), (About.ORGANISATION,)
_OF_FIRM: Final = "organisation_id = {organisation}"
_OF_CONTACT: Final = "contact_id = {contact}"
#: Mails to the address of a member, and to those that they had before.
_THEIRS: Final = (
    "(recipient_mail <> '' AND recipient_mail IN (SELECT unnest(array_prepend(m.mail, m.earlier_mails))"
    " FROM memberships m WHERE m.id = {membership}))"
)
_DAYS: Final = 1825

HOLDINGS: Final = Map(
    "notify",
    (
        Table(
            name="organisations",
            holds="How an organisation appears on its mails, as tenancy told it.",
            about=_FIRM,
            topic=Topic.MAILS,
            keep=FOR_ORGANISATION,
            organisation=_OF_FIRM,
            plain="organisation_id slug name accent mail time_zone",
            technical="version",
        ),
        Table(
            name="contacts",
            holds="Where mails to a contact go, as tenancy told it.",
            about=_PERSON,
            topic=Topic.MAILS,
            keep=FOR_CONTACT,
            erase=Erasure.DELETED,
            contact="id = {contact}",
            organisation=_OF_FIRM,
            personal="name addresses",
            plain="organisation_id id locale",
            technical="version",
        ),
        Table(
            name="memberships",
            holds="Where mails to a member go, as tenancy told it.",
            about=_PERSON,
            topic=Topic.MAILS,
            keep=FOR_MEMBERSHIP,
            erase=Erasure.BLANKED,
            because="An older word of tenancy's must not bring the name back: the version stays.",
            person="id = {membership}",
            organisation=_OF_FIRM,
            personal="given_name family_name mail earlier_mails",
            plain="organisation_id id active locale",
            technical="version",
        ),
        Table(
            name="templates",
            holds="A firm's own words for its mails.",
            about=_FIRM,
            topic=Topic.MAILS,
            keep=FOR_ORGANISATION,
            organisation=_OF_FIRM,
            plain="organisation_id kind locale subject body customised changed_at",
            technical="version",
        ),
        Table(
            name="messages",
            holds="Mails that were sent, to whom and with what words.",
            about=_PERSON,
            topic=Topic.MAILS,
            keep=aged(_DAYS, "created_at", "kept_mails_days"),
            erase=Erasure.BLANKED,
            because="That a mail was sent and arrived stays provable to the firm.",
            person=_THEIRS,
            contact=_OF_CONTACT,
            organisation=_OF_FIRM,
            blanks={"search_key": "''", "link": "''", "one_time_link": "NULL"},
            personal="recipient_name recipient_mail subject text",
            plain=(
                "organisation_id id kind state locale button because reason contact_id document_id document_version"
                " document_opened_at message_id created_at settled_at"
            ),
            withheld="one_time_link",
            technical="link template_version search_key",
        ),
        Table(
            name="attempts",
            holds="Each attempt to hand a mail to the mail server, and its answer.",
            about=_PERSON,
            topic=Topic.MAILS,
            keep=aged(_DAYS, "started_at", "kept_mails_days"),
            erase=Erasure.BLANKED,
            because="That a mail was sent and arrived stays provable to the firm.",
            person=f"message_id IN (SELECT id FROM messages WHERE {_THEIRS})",  # noqa: S608 - a text of this module
            contact="message_id IN (SELECT id FROM messages WHERE contact_id = {contact})",
            organisation=_OF_FIRM,
            personal="answer",
            plain="organisation_id message_id number started_at ended_at result",
        ),
        Table(
            name="mail_queue",
            holds="Mails that wait to be sent.",
            about=(About.NOBODY,),
            topic=Topic.TECHNICAL,
            keep=UNTIL_REPLACED,
            organisation="message_id IN (SELECT id FROM messages WHERE organisation_id = {organisation})",
            technical="message_id since",
        ),
        Table(
            name="openings",
            holds="When a contact first opened a version of a document.",
            about=_PERSON,
            topic=Topic.MAILS,
            keep=FOR_CONTACT,
            erase=Erasure.DELETED,
            contact=_OF_CONTACT,
            organisation=_OF_FIRM,
            plain="organisation_id document_id contact_id version at",
        ),
    ),
)
