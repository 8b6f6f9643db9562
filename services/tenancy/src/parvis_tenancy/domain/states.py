"""Kinds and states, with the numbers of the contract and of the tables."""

from enum import IntEnum

#: Strength of a sign-in that only a firm's provider vouched for, in an account of somebody's own: it opens that firm.
VOUCHED_ACR = "0"


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


class RequestState(IntEnum):
    """Where a request for an account is; only an open one can be answered."""

    OPEN = 1
    ACCEPTED = 2
    DECLINED = 3
    WITHDRAWN = 4
    EXPIRED = 5


class RequestOutcome(IntEnum):
    """What the person is told of a request."""

    ACCEPTED = 1
    DECLINED = 2
    EXPIRED = 3
    ALREADY_MEMBER = 4
    ACCESS_CUT = 5
    CLOSED = 6
    TOO_SOON = 7


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
