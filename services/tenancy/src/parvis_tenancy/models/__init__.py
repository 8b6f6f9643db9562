"""Tables of tenancy. Policies and privileges stand in the migrations; a test compares both."""

from parvis_tenancy.models.base import Row
from parvis_tenancy.models.contacts import AccessContact, Contact, ContactAdviser, ContactCodeCounter, Person
from parvis_tenancy.models.history import FactHistory, RightsChange
from parvis_tenancy.models.members import (
    Assignment,
    Delegation,
    Membership,
    PersonalRight,
    Profile,
    ProfileRight,
    Referent,
)
from parvis_tenancy.models.organisations import (
    DirectoryEntry,
    Organisation,
    Product,
    ProductRight,
    RightsRevision,
    Structure,
    StructureSeats,
    Subscription,
)
from parvis_tenancy.models.requests import AccessRequest

__all__ = [
    "AccessContact",
    "AccessRequest",
    "Assignment",
    "Contact",
    "ContactAdviser",
    "ContactCodeCounter",
    "Delegation",
    "DirectoryEntry",
    "FactHistory",
    "Membership",
    "Organisation",
    "Person",
    "PersonalRight",
    "Product",
    "ProductRight",
    "Profile",
    "ProfileRight",
    "Referent",
    "RightsChange",
    "RightsRevision",
    "Row",
    "Structure",
    "StructureSeats",
    "Subscription",
]
