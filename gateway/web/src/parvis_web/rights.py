"""Rights in words. Codes come from tenancy; a code without words here is shown as it is."""

from collections.abc import Iterable

from parvis_ui.translations import Words
from parvis_web.sentences import N_

#: Code → what a member who holds it can do.
RIGHTS = {
    "members.read": N_("See the people of the organisation"),
    "members.invite": N_("Invite colleagues"),
    "members.manage": N_("Change, cut and reopen accesses of colleagues"),
    "members.view_as": N_("See the portal as a colleague sees it"),
    "profiles.manage": N_("Change profiles and their rights"),
    "products.assign": N_("Assign applications"),
    "organisation.manage": N_("Change the organisation's record"),
    "sign_in.manage": N_("Set up how colleagues sign in, and the firm's directory"),
    "audit.view": N_("See the organisation's audit trail"),
    "contacts.read": N_("See clients"),
    "contacts.edit": N_("Create and change clients"),
    "accesses.manage": N_("Give, cut and reopen client accesses"),
    "accesses.view_as": N_("See the portal as a client sees it"),
    "documents.read": N_("Read clients' documents"),
    "documents.file": N_("File documents"),
    "folders.configure": N_("Set up folders"),
    "notifications.read": N_("See the history of notifications"),
    "notifications.configure": N_("Change mail templates"),
    "invoices.read": N_("See invoices"),
    "invoices.edit": N_("Prepare invoices"),
    "invoices.close": N_("Close invoices"),
    "organisations.manage": N_("Create and manage customers"),
    "products.manage": N_("Register products and subscribe customers"),
}

#: Rights that exist at the provider only; elsewhere their pages do not.
OF_PROVIDER = frozenset({"organisations.manage", "products.manage"})

GROUPS = {
    "people": N_("People"),
    "clients": N_("Clients"),
    "documents": N_("Documents and notifications"),
    "billing": N_("Invoices"),
    "organisation": N_("Organisation"),
    "provider": N_("Provider"),
}


def right_label(words: Words, code: str) -> str:
    """What a right lets one do."""
    return words(RIGHTS[code]) if code in RIGHTS else code


def in_order(codes: Iterable[str]) -> list[str]:
    """Rights of the portal in the order of the matrix, so that what belongs together stands together. Those that
    products declare are shown by the products.
    """
    places = {code: place for place, code in enumerate(RIGHTS)}
    return sorted(places.keys() & codes, key=lambda code: places[code])


def group_label(words: Words, group: str) -> str:
    """The heading of a group of rights."""
    return words(GROUPS[group]) if group in GROUPS else group
