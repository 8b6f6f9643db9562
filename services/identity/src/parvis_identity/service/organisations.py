"""What identity asks tenancy: the face of an organisation, a person's membership, whether a product is theirs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import Caller, acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError

#: Seconds that a face is used without asking again; when tenancy is down, the last one known is used.
_FRESH = 60.0
#: Faces kept at most, and as many slugs of nobody.
_KNOWN = 2000


@dataclass(frozen=True, slots=True)
class Face:
    """What anybody may see of an organisation: its login page shows it."""

    id: UUID
    slug: str
    name: str
    accent: str = ""
    #: Whether people may ask for an account there.
    accepts_requests: bool = False


@dataclass(frozen=True, slots=True)
class Membership:
    """An open membership."""

    id: UUID
    kind: str
    #: Whose it is: of an account that is linked to the one that was asked for, when it is another one.
    account_id: UUID | None = None
    #: Of staff.
    profile_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Employment:
    """Where somebody is staff."""

    organisation: Face
    profile_id: UUID | None


@dataclass(frozen=True, slots=True)
class Viewed:
    """Who may be viewed, and who views: names as the organisation knows them."""

    account_id: UUID
    kind: str
    name: str
    viewer_name: str
    viewer_membership_id: UUID


@dataclass(frozen=True, slots=True)
class ProductAnswer:
    """Whether somebody may use a product, for which organisation, and else who can assign it: others, or themself."""

    assigned: bool
    organisation: Face | None
    assigners: tuple[str, ...]
    may_assign: bool = False


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """One of an organisation's staff."""

    account_id: UUID
    profile_id: UUID
    name: str
    mail: str
    membership_id: UUID | None = None
    #: Since when the membership is active, where that is asked.
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """The staff of an organisation, by name, and its profiles."""

    accounts: tuple[StaffAccount, ...]
    profiles: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Administration:
    """An organisation that an account administers, and the other accounts that do."""

    slug: str
    name: str
    others: frozenset[UUID]


class Organisations(Protocol):
    """What the use cases need of tenancy."""

    async def face(self, slug: str) -> Face | None:
        """The face of the organisation with this slug; None when there is none. Raises UNAVAILABLE."""
        ...

    async def face_by_id(self, organisation_id: UUID) -> Face | None:
        """The face of an organisation; None when there is none. Raises UNAVAILABLE."""
        ...

    async def membership(self, account_id: UUID, organisation_id: UUID) -> Membership:
        """The open membership of an account. Raises NOT_FOUND, UNAVAILABLE."""
        ...

    async def employments(self, account_id: UUID) -> Sequence[Employment]:
        """Where an account is staff, by name. Raises UNAVAILABLE."""
        ...

    async def viewed(self, account_id: UUID, organisation_id: UUID, membership_id: UUID) -> Viewed:
        """Whom an account views as a membership, where it may. Raises as RightsService.ResolveViewing."""
        ...

    async def product(self, account_id: UUID, client_id: str, organisation_id: UUID | None) -> ProductAnswer:
        """Whether the product that a client is may be used. Raises PRECONDITION choose_organisation, NOT_FOUND,
        UNAVAILABLE.
        """
        ...

    async def staff(self, organisation_id: UUID) -> Staff:
        """The staff of an organisation whose membership is open. Raises UNAVAILABLE."""
        ...

    async def allows(self, right: str) -> bool:
        """Whether the caller at hand holds a right, with any scope. Raises UNAVAILABLE."""
        ...

    async def administrations(self, account_id: UUID) -> list[Administration]:
        """The organisations that an account administers. Raises UNAVAILABLE."""
        ...

    async def name(self, organisation_id: UUID) -> str:
        """The name of the organisation that the caller at hand acts in. Raises UNAVAILABLE."""
        ...

    async def member(self, membership_id: UUID) -> StaffAccount:
        """A member of the caller's organisation, as far as they see it. Raises NOT_FOUND, UNAVAILABLE."""
        ...

    async def allows_on(self, right: str, membership_id: UUID) -> bool:
        """Whether the caller at hand holds a right over a member. Raises UNAVAILABLE."""
        ...


class Tenancy:
    """Organisations over gRPC."""

    def __init__(self, peers: Peers) -> None:
        self._faces = tenancy_pb2_grpc.OrganisationServiceStub(peers.channel("tenancy"))
        self._rights = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))
        self._members = tenancy_pb2_grpc.MemberServiceStub(peers.channel("tenancy"))
        #: Oldest first: until when each is fresh, and what was found.
        self._faces_of: dict[str, tuple[float, Face | None]] = {}
        self._nobodys: dict[str, tuple[float, Face | None]] = {}

    async def face(self, slug: str) -> Face | None:
        """See Organisations."""
        known = self._faces_of.get(slug) or self._nobodys.get(slug)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        found: Face | None = None
        try:
            with acting_for(None):
                found = _face(await self._faces.GetFace(tenancy_pb2.GetFaceRequest(slug=slug)))
        except ServiceError as error:
            if error.kind is Kind.UNAVAILABLE and known is not None:
                return known[1]
            if error.kind not in {Kind.NOT_FOUND, Kind.INVALID}:
                raise
        self._keep(slug, found)
        return found

    async def face_by_id(self, organisation_id: UUID) -> Face | None:
        """See Organisations."""
        try:
            with acting_for(None):
                return _face(await self._faces.GetFace(tenancy_pb2.GetFaceRequest(id=str(organisation_id))))
        except ServiceError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            return None

    def _keep(self, slug: str, found: Face | None) -> None:
        """Slugs of nobody are kept apart: whoever invents some drives out no face, and of their own only the oldest."""
        self._faces_of.pop(slug, None)
        self._nobodys.pop(slug, None)
        known = self._faces_of if found else self._nobodys
        if len(known) >= _KNOWN:
            del known[next(iter(known))]
        known[slug] = (time.monotonic() + _FRESH, found)

    def forget(self, slug: str) -> None:
        """The face is asked for again: it changed. Until the answer is there, the one that was known still serves."""
        self._nobodys.pop(slug, None)
        if slug in self._faces_of:
            self._faces_of[slug] = (0.0, self._faces_of[slug][1])

    async def administrations(self, account_id: UUID) -> list[Administration]:
        """See Organisations."""
        request = tenancy_pb2.ListAdministrationsRequest(account_id=str(account_id))
        with acting_for(None):
            found = await self._members.ListAdministrations(request)
        return [
            Administration(each.slug, each.name, frozenset(map(UUID, each.other_account_ids)))
            for each in found.administrations
        ]

    async def closing(self, caller: Caller) -> datetime | None:
        """From when on the caller's organisation is erased, where it is being closed. Whoever comes through another
        service was let in at its door. Raises UNAVAILABLE.
        """
        if caller.service != "web" or caller.organisation_id is None:
            return None
        with acting_for(None):
            face = await self._faces.GetFace(tenancy_pb2.GetFaceRequest(id=str(caller.organisation_id)))
        return face.closes_at.ToDatetime(UTC) if face.HasField("closes_at") else None

    async def allows(self, right: str) -> bool:
        """See Organisations. Asked with the caller's own token."""
        return (await self._rights.Check(tenancy_pb2.CheckRequest(right=right))).allowed

    async def name(self, organisation_id: UUID) -> str:
        """See Organisations. Asked with the caller's own token, as the next two."""
        del organisation_id  # the token's
        return (await self._faces.GetOrganisation(tenancy_pb2.GetOrganisationRequest())).name

    async def member(self, membership_id: UUID) -> StaffAccount:
        """See Organisations."""
        found = await self._members.GetMember(tenancy_pb2.GetMemberRequest(id=str(membership_id)))
        name = f"{found.given_name} {found.family_name}".strip()
        since = found.activated_at.ToDatetime(UTC) if found.HasField("activated_at") else None
        return StaffAccount(
            UUID(found.account_id), UUID(found.profile_id), name, found.mail, UUID(found.id), since=since
        )

    async def allows_on(self, right: str, membership_id: UUID) -> bool:
        """See Organisations."""
        over = tenancy_pb2.ResourceRef(type="member", id=str(membership_id))
        question = tenancy_pb2.Question(right=right, resource=over)
        answer = await self._rights.BatchCheck(tenancy_pb2.BatchCheckRequest(questions=[question]))
        return answer.decisions[0].allowed

    async def membership(self, account_id: UUID, organisation_id: UUID) -> Membership:
        """See Organisations."""
        request = tenancy_pb2.ResolveMembershipRequest(account_id=str(account_id), organisation_id=str(organisation_id))
        with acting_for(None):
            found = await self._rights.ResolveMembership(request)
        profile_id = UUID(found.profile_id) if found.profile_id else None
        return Membership(UUID(found.id), _kind(found.kind), UUID(found.account_id), profile_id)

    async def staff(self, organisation_id: UUID) -> Staff:
        """See Organisations."""
        with acting_for(organisation_id):
            found = await self._rights.ListStaff(tenancy_pb2.ListStaffRequest(organisation_id=str(organisation_id)))
        accounts = (
            StaffAccount(
                UUID(each.account_id),
                UUID(each.profile_id),
                each.name,
                each.mail,
                UUID(each.membership_id) if each.membership_id else None,
            )
            for each in found.staff
        )
        return Staff(tuple(accounts), frozenset(map(UUID, found.profile_ids)))

    async def employments(self, account_id: UUID) -> Sequence[Employment]:
        """See Organisations."""
        with acting_for(None):
            found = await self._rights.ListEmployments(tenancy_pb2.ListEmploymentsRequest(account_id=str(account_id)))
        return [
            Employment(_face(each.organisation), UUID(each.profile_id) if each.profile_id else None)
            for each in found.employments
        ]

    async def viewed(self, account_id: UUID, organisation_id: UUID, membership_id: UUID) -> Viewed:
        """See Organisations."""
        request = tenancy_pb2.ResolveViewingRequest(
            account_id=str(account_id), organisation_id=str(organisation_id), membership_id=str(membership_id)
        )
        with acting_for(None):
            found = await self._rights.ResolveViewing(request)
        viewer_id = UUID(found.viewer_membership_id)
        return Viewed(UUID(found.account_id), _kind(found.kind), found.name, found.viewer_name, viewer_id)

    async def product(self, account_id: UUID, client_id: str, organisation_id: UUID | None) -> ProductAnswer:
        """See Organisations."""
        request = tenancy_pb2.ResolveProductRequest(
            account_id=str(account_id), client_id=client_id, organisation_id=str(organisation_id or "")
        )
        with acting_for(None):
            found = await self._rights.ResolveProduct(request)
        organisation = _face(found.organisation) if found.organisation.id else None
        return ProductAnswer(found.assigned, organisation, tuple(found.assigners), found.may_assign)


def _kind(kind: int) -> str:
    return "portal" if kind == tenancy_pb2.MEMBERSHIP_KIND_PORTAL else "staff"


def _face(message: tenancy_pb2.Face) -> Face:
    return Face(UUID(message.id), message.slug, message.name, message.accent, message.accepts_requests)
