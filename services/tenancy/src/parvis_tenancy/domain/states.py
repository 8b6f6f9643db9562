"""Kinds and states, with the numbers of the contract and of the tables."""

from enum import IntEnum


class OrganisationKind(IntEnum):
    """Who an organisation is in the installation."""

    PROVIDER = 1
    CUSTOMER = 2


class MembershipKind(IntEnum):
    """What a membership is for."""

    STAFF = 1
    PORTAL = 2


class MembershipState(IntEnum):
    """Where a membership is. *Open* ones let their account in: an invited one becomes active by that."""

    INVITED = 1
    ACTIVE = 2
    CUT = 3
    WITHDRAWN = 4


OPEN_STATES = (MembershipState.INVITED, MembershipState.ACTIVE)


class ContactKind(IntEnum):
    """Whom a contact stands for."""

    CLIENT = 1
    EMPLOYEE = 2
    SUPPLIER = 3


class AdviserRole(IntEnum):
    """How an adviser stands to a contact; all of them count as "mine"."""

    MAIN = 1
    FURTHER = 2
    ASSISTANT = 3
