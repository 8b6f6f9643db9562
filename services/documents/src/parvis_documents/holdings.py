"""What each table of documents is, about whom, how long it is kept, and what exports and erasures do with it."""

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

_PERSON, _FIRM, _BOTH = (About.PERSON,), (About.ORGANISATION,), (About.PERSON, About.ORGANISATION)
_OF_FIRM: Final = "organisation_id = {organisation}"
_OF_MEMBER: Final = "membership_id = {membership}"
_OF_CONTACT: Final = "contact_id = {contact}"
#: What a law keeps though the firm erases its contact: ten years (Code de commerce, article L123-22).
_INVOICE: Final = (
    "EXISTS (SELECT 1 FROM folder_templates f WHERE f.organisation_id = {table}.organisation_id"
    " AND f.id = {table}.folder_template_id AND f.built_in = 'invoices')"
)
_OF_ITS_DOCUMENTS: Final = (
    "EXISTS (SELECT 1 FROM documents d WHERE d.organisation_id = {table}.organisation_id"
    " AND d.id = {table}.document_id AND d.contact_id = {{contact}} AND NOT {invoice})"
)
_FIRMS_PAPERS: Final = "The document is the firm's or its client's: they decide about it."

HOLDINGS: Final = Map(
    "documents",
    (
        Table(
            name="folder_templates",
            holds="Folders that every contact of an organisation has.",
            about=_FIRM,
            topic=Topic.DOCUMENTS,
            keep=FOR_ORGANISATION,
            organisation=_OF_FIRM,
            plain=(
                "organisation_id id audience name path built_in portal signature notification notify_to link_to"
                " deposits media_types position"
            ),
            technical="name_key path_key version",
        ),
        Table(
            name="contacts",
            holds="Names of contacts, as tenancy told them.",
            about=_PERSON,
            topic=Topic.CONTACTS,
            keep=FOR_CONTACT,
            erase=Erasure.BLANKED,
            because="Documents point to the row.",
            contact="id = {contact}",
            organisation=_OF_FIRM,
            personal="name",
            plain="organisation_id id kind",
            technical="version",
        ),
        Table(
            name="contact_advisers",
            holds="Who is in charge of a contact, as tenancy told it.",
            about=_PERSON,
            topic=Topic.CONTACTS,
            keep=FOR_CONTACT,
            erase=Erasure.KEPT,
            because="The row names a membership that no longer says who it was.",
            person="adviser_id = {membership}",
            contact=_OF_CONTACT,
            organisation=_OF_FIRM,
            technical="organisation_id contact_id adviser_id",
        ),
        Table(
            name="adviser_index",
            holds="How far what is known of advisers has come.",
            about=_FIRM,
            topic=Topic.TECHNICAL,
            keep=FOR_ORGANISATION,
            organisation=_OF_FIRM,
            technical="organisation_id reached ahead",
        ),
        Table(
            name="people",
            holds="Names of members, as tenancy told them: they stand beside what they filed.",
            about=_PERSON,
            topic=Topic.MEMBERS,
            keep=FOR_MEMBERSHIP,
            erase=Erasure.BLANKED,
            because="Documents that they filed point to the row.",
            person=_OF_MEMBER,
            organisation=_OF_FIRM,
            blanks={"name": "'—'"},
            personal="name",
            plain="organisation_id membership_id",
            technical="version",
        ),
        Table(
            name="documents",
            holds="Documents in the folders of contacts.",
            about=_BOTH,
            topic=Topic.DOCUMENTS,
            keep=FOR_CONTACT,
            erase=Erasure.KEPT,
            because=_FIRMS_PAPERS,
            person="filed_by = {membership}",
            contact=f"{_OF_CONTACT} AND NOT {_INVOICE.format(table='documents')}",
            organisation=_OF_FIRM,
            personal="name external_reference",
            plain=(
                "organisation_id id contact_id folder_template_id version media_type size sha256 filed_at filed_by"
                " deposit opened_at read_at"
            ),
            technical="name_key",
        ),
        Table(
            name="versions",
            holds="Each version of a document, with its file.",
            about=_BOTH,
            topic=Topic.DOCUMENTS,
            keep=FOR_CONTACT,
            erase=Erasure.KEPT,
            because=_FIRMS_PAPERS,
            person="filed_by = {membership}",
            contact=_OF_ITS_DOCUMENTS.format(table="versions", invoice=_INVOICE.format(table="d")),
            organisation=_OF_FIRM,
            personal="name",
            plain="organisation_id document_id number media_type size sha256 filed_at filed_by",
            technical="object_key",
        ),
        Table(
            name="openings",
            holds="When somebody first opened a version.",
            about=_PERSON,
            topic=Topic.DOCUMENTS,
            keep=FOR_CONTACT,
            erase=Erasure.KEPT,
            because="It proves to the firm that its client had the document; the member's name is erased.",
            person=_OF_MEMBER,
            contact=_OF_ITS_DOCUMENTS.format(table="openings", invoice=_INVOICE.format(table="d")),
            organisation=_OF_FIRM,
            plain="organisation_id document_id version membership_id at",
        ),
        Table(
            name="readings",
            holds="When somebody read a version on the page.",
            about=_PERSON,
            topic=Topic.DOCUMENTS,
            keep=FOR_CONTACT,
            erase=Erasure.DELETED,
            person=_OF_MEMBER,
            contact=_OF_ITS_DOCUMENTS.format(table="readings", invoice=_INVOICE.format(table="d")),
            organisation=_OF_FIRM,
            plain="organisation_id document_id version membership_id at",
            technical="session_id",
        ),
        Table(
            name="uploads",
            holds="How files came: what was refused, and why.",
            about=_PERSON,
            topic=Topic.DOCUMENTS,
            keep=aged(90, "created_at", "kept_uploads_days"),
            erase=Erasure.BLANKED,
            because="What the store may still hold is found by the row, and a caller's own reference counts once.",
            blanks={"external_reference": "external_reference"},
            person=_OF_MEMBER,
            contact=_OF_CONTACT,
            organisation=_OF_FIRM,
            personal="name external_reference",
            plain=(
                "organisation_id id state reason contact_id folder_template_id document_id size media_type sha256"
                " membership_id service deposit created_at"
            ),
            technical="part_size object_key multipart_id completing_until",
        ),
        Table(
            name="upload_sweeps",
            holds="When to look again at a file that may have been left half sent.",
            about=_FIRM,
            topic=Topic.TECHNICAL,
            keep=UNTIL_REPLACED,
            organisation=_OF_FIRM,
            technical="upload_id organisation_id due_at",
        ),
    ),
)
