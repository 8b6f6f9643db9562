"""The pages, one module for each thing they are about. `AREAS` is every route of the portal."""

from parvis_web.access import Area
from parvis_web.pages import (
    account,
    applications,
    cabinet,
    contact_people,
    contacts,
    customers,
    documents,
    drafts,
    folders,
    home,
    invoices,
    legal,
    mail_templates,
    notifications,
    organisations,
    passwords,
    people,
    product,
    products,
    profiles,
    requests,
    setup,
    sign_in,
    uploads,
    viewing,
)

AREAS: tuple[Area, ...] = (
    sign_in.pages,
    organisations.pages,
    home.pages,
    applications.pages,
    requests.pages,  # before people: "requests" is not an id
    people.pages,
    profiles.pages,
    cabinet.pages,
    passwords.pages,
    customers.pages,
    products.pages,
    product.pages,  # after products: "new" is not an id
    contacts.pages,
    contact_people.pages,
    viewing.pages,
    folders.pages,
    documents.pages,
    uploads.pages,
    drafts.pages,  # before invoices: "new" is not an id
    invoices.pages,
    notifications.pages,
    mail_templates.pages,
    account.pages,
    setup.pages,
    legal.pages,
)
