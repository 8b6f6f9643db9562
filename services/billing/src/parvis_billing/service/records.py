"""Sellers and clients as far as invoices need them: tenancy's news, and tenancy itself where news is late."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_billing import store
from parvis_billing.domain import Party, party_content
from parvis_billing.models import Customer, Folder, Seller
from parvis_kit.errors import unavailable

if TYPE_CHECKING:
    from parvis_kit.unit import UnitOfWork

#: Documents' name of the folder that closed invoices are filed in.
INVOICES = "invoices"

#: Asks tenancy for a contact by id (None: there is none), in the service's own name for an organisation.
FetchContact = Callable[[UUID, UUID], Awaitable[tenancy_pb2.Contact | None]]
#: Asks tenancy for an organisation's record.
FetchOrganisation = Callable[[UUID], Awaitable[tenancy_pb2.Organisation]]


async def project_seller(unit: "UnitOfWork", told: tenancy_pb2.Organisation, version: int) -> None:
    """Keeps an organisation as it invoices."""
    party = Party(
        name=told.legal_name,
        legal_form=told.legal_form,
        capital=told.capital,
        siren=told.siren,
        registry=told.registry,
        vat_number=told.vat_number,
        address=_address(told.address),
        mail=told.mail,
        telephone=told.telephone,
        iban=told.iban,
    )
    row = Seller(
        organisation_id=unit.organisation_id,
        party=party_content(party),
        accent=told.accent,
        time_zone=told.time_zone or "Europe/Paris",
        version=version,
    )
    await store.save_seller(unit, row)


async def project_customer(unit: "UnitOfWork", told: tenancy_pb2.Contact) -> None:
    """Keeps a client; other contacts are not invoiced."""
    if told.kind != tenancy_pb2.CONTACT_KIND_CLIENT:
        return
    party = Party(
        name=told.name,
        siren=told.siren,
        vat_number=told.vat_number,
        address=_address(told.address),
        mail=told.addresses.billing or told.addresses.main,
    )
    content = party_content(party)
    row = Customer(organisation_id=unit.organisation_id, id=UUID(told.id), party=content, version=told.version)
    await store.save_customer(unit, row, [UUID(adviser.membership_id) for adviser in told.advisers])


async def project_folder(unit: "UnitOfWork", told: documents_pb2.FolderTemplate, version: int) -> None:
    """Keeps a folder of clients; others take no invoice."""
    if told.audience != tenancy_pb2.CONTACT_KIND_CLIENT:
        return
    row = Folder(
        organisation_id=unit.organisation_id,
        id=UUID(told.id),
        invoices=told.built_in == INVOICES,
        shared=told.portal,
        version=version,
    )
    await store.save_folder(unit, row)


@dataclass(frozen=True)
class Records:
    """Sellers and clients. What was made a moment ago is asked for instead of being denied."""

    fetch_contact: FetchContact
    fetch_organisation: FetchOrganisation

    async def seller(self, unit: "UnitOfWork") -> Seller:
        """The unit's organisation. UNAVAILABLE when tenancy cannot tell of it."""
        if (found := await store.seller(unit)) is None:
            told = await self.fetch_organisation(unit.organisation_id)
            await project_seller(unit, told, told.version)
            found = await store.seller(unit)
        if found is None:
            raise unavailable("organisation_not_known_yet")
        return found

    async def customer(self, unit: "UnitOfWork", contact_id: UUID) -> Customer | None:
        """A client; None when there is none."""
        if (found := await store.customer(unit, contact_id)) is None:
            told = await self.fetch_contact(unit.organisation_id, contact_id)
            if told is not None:
                await project_customer(unit, told)
                found = await store.customer(unit, contact_id)
        return found


def _address(told: tenancy_pb2.PostalAddress) -> tuple[str, ...]:
    """Lines of an address as they are written; empty when it is incomplete, since half an address is none."""
    if not (any(told.lines) and told.city and (told.postal_code or told.country not in {"", "FR"})):
        return ()
    country = told.country if told.country not in {"", "FR"} else ""
    rows = (*told.lines, f"{told.postal_code} {told.city}".strip(), country)
    return tuple(row.strip() for row in rows if row.strip())
