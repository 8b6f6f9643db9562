"""Tables of tenancy. Policies and privileges stand in the migrations; a test compares both."""

from parvis_tenancy.models.anchors import Anchor, AnchoredHead
from parvis_tenancy.models.base import Row
from parvis_tenancy.models.closings import Closing, ClosingAnswer
from parvis_tenancy.models.contacts import AccessContact, Contact, ContactAdviser, ContactCodeCounter, Person
from parvis_tenancy.models.directory import DirectoryMapping, DirectoryPerson, DirectoryRule
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
    "Anchor",
    "AnchoredHead",
    "Assignment",
    "Closing",
    "ClosingAnswer",
    "Contact",
    "ContactAdviser",
    "ContactCodeCounter",
    "Delegation",
    "DirectoryEntry",
    "DirectoryMapping",
    "DirectoryPerson",
    "DirectoryRule",
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
