"""What each table of billing is, about whom, how long it is kept, and what exports and erasures do with it."""

from typing import Final

from parvis_records.map import ACCOUNTING, FOR_CONTACT, FOR_ORGANISATION, About, Erasure, Map, Table, Topic

_PERSON, _FIRM, _BOTH = (About.PERSON,), (About.ORGANISATION,), (About.PERSON, About.ORGANISATION)
_OF_FIRM: Final = "organisation_id = {organisation}"
_LAW: Final = "An invoice and what proves it are kept for ten years (Code de commerce, article L123-22)."
#: `retention`. While the organisation is there, they are its own to keep.
_AFTER: Final = "Of an organisation that was erased, they go eleven years after they were closed."

HOLDINGS: Final = Map(
    "billing",
    (
        Table(
            name="sellers",
            holds="What invoices say of the organisation, as tenancy told it.",
            about=_FIRM,
            topic=Topic.INVOICES,
            keep=FOR_ORGANISATION,
            organisation=_OF_FIRM,
            plain="organisation_id party accent time_zone",
            technical="version",
        ),
        Table(
            name="customers",
            holds="What invoices say of a contact, as tenancy told it.",
            about=_PERSON,
            topic=Topic.INVOICES,
            keep=FOR_CONTACT,
            erase=Erasure.DELETED,
            contact="id = {contact}",
            organisation=_OF_FIRM,
            personal="party",
            plain="organisation_id id",
            technical="version",
        ),
        Table(
            name="customer_advisers",
            holds="Who is in charge of a customer, as tenancy told it.",
            about=_PERSON,
            topic=Topic.INVOICES,
            keep=FOR_CONTACT,
            erase=Erasure.KEPT,
            because="The row names a membership that no longer says who it was.",
            person="adviser_id = {membership}",
            contact="customer_id = {contact}",
            organisation=_OF_FIRM,
            technical="organisation_id customer_id adviser_id",
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
            name="folders",
            holds="In which folders invoices are filed.",
            about=_FIRM,
            topic=Topic.TECHNICAL,
            keep=FOR_ORGANISATION,
            organisation=_OF_FIRM,
            technical="organisation_id id invoices shared version",
        ),
        Table(
            name="entitlements",
            holds="What a customer bought of a product.",
            about=_FIRM,
            topic=Topic.APPLICATIONS,
            keep=FOR_ORGANISATION,
            organisation="{organisation} IN (provider_id, customer_id)",
            plain="provider_id customer_id product_id id seats changed_at",
            technical="version",
        ),
        Table(
            name="series",
            holds=f"The numbers of invoices: none is missing, none stands twice. {_AFTER}",
            about=_FIRM,
            topic=Topic.INVOICES,
            keep=ACCOUNTING,
            organisation=_OF_FIRM,
            plain="organisation_id code year last_number last_issue_date last_closed_at",
            technical="last_digest",
        ),
        Table(
            name="invoices",
            holds=f"Invoices. {_AFTER}",
            about=_BOTH,
            topic=Topic.INVOICES,
            keep=ACCOUNTING,
            erase=Erasure.KEPT,
            because=_LAW,
            contact="contact_id = {contact}",
            organisation=_OF_FIRM,
            lawful="state <> 'draft'",
            personal="contact_name buyer",
            plain=(
                "organisation_id id state contact_id number series year sequence issue_date due_date supply_date"
                " purchase_order note exemption payment_days currency net_cents tax_cents gross_cents seller"
                " created_at closed_at document_id folder_template_id filed_at digest"
            ),
            technical="search_key version accent",
        ),
        Table(
            name="lines",
            holds="The lines of invoices: they go with them.",
            about=_BOTH,
            topic=Topic.INVOICES,
            keep=ACCOUNTING,
            erase=Erasure.KEPT,
            because=_LAW,
            contact="invoice_id IN (SELECT id FROM invoices WHERE contact_id = {contact})",
            organisation=_OF_FIRM,
            lawful="invoice_id IN (SELECT id FROM invoices WHERE state <> 'draft')",
            personal="description",
            plain="organisation_id invoice_id position quantity unit unit_price vat_rate total_cents",
        ),
    ),
)
