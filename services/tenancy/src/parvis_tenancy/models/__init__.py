"""Tables of tenancy. Policies and privileges stand in the migrations; a test compares both."""

from parvis_tenancy.models.base import Row
from parvis_tenancy.models.contacts import AccessContact, Contact, ContactAdviser, ContactCodeCounter, Person
from parvis_tenancy.models.members import Assignment, Membership, Profile, ProfileRight
from parvis_tenancy.models.organisations import (
    DirectoryEntry,
    Organisation,
    Product,
    RightsRevision,
    Structure,
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
    "DirectoryEntry",
    "Membership",
    "Organisation",
    "Person",
    "Product",
    "Profile",
    "ProfileRight",
    "RightsRevision",
    "Row",
    "Structure",
    "Subscription",
]
