"""Rows as the contract's messages."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.grants import GrantSet
from parvis_tenancy.domain.rights import Carried
from parvis_tenancy.domain.states import OrganisationKind
from parvis_tenancy.models import DirectoryEntry


class Row(Protocol):
    """Columns by name: a record of a statement, or the dictionary of a model."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of a column."""


def instant(moment: datetime | None) -> Timestamp | None:
    """A moment, or None for unset."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def address(row: Row) -> tenancy_pb2.PostalAddress:
    """The columns of a postal address."""
    return tenancy_pb2.PostalAddress(
        lines=row["address_lines"], postal_code=row["postal_code"], city=row["city"], country=row["country"]
    )


def organisation(row: Row) -> tenancy_pb2.Organisation:
    """A row of organisations. A provider has no provider on the wire."""
    return tenancy_pb2.Organisation(
        id=str(row["id"]),
        kind=row["kind"],
        slug=row["slug"],
        name=row["name"],
        legal_name=row["legal_name"],
        legal_form=row["legal_form"],
        capital=row["capital"],
        siren=row["siren"],
        registry=row["registry_entry"],
        vat_number=row["vat_number"],
        address=address(row),
        telephone=row["telephone"],
        mail=row["mail"],
        accent=row["accent"],
        time_zone=row["time_zone"],
        version=row["version"],
        provider_id="" if row["kind"] == OrganisationKind.PROVIDER else str(row["provider_id"]),
        iban=row["iban"],
    )


def face(row: Row, *, organisation_id: UUID, kind: Any) -> tenancy_pb2.Face:
    """The public face in a row."""
    return tenancy_pb2.Face(
        id=str(organisation_id), slug=row["slug"], name=row["name"], accent=row["accent"], kind=kind
    )


def public_face(entry: DirectoryEntry) -> tenancy_pb2.Face:
    """The face of an organisation as its sign-in page shows it."""
    shown = face(entry.model_dump(), organisation_id=entry.organisation_id, kind=entry.kind)
    shown.accepts_requests = entry.accepts_requests
    return shown


def access_request(row: Row) -> tenancy_pb2.AccessRequest:
    """A request for an account, for those who answer it."""
    return tenancy_pb2.AccessRequest(
        id=str(row["id"]),
        mail=row["mail"],
        given_name=row["given_name"],
        family_name=row["family_name"],
        message=row["message"],
        asked_at=instant(row["asked_at"]),
        expires_at=instant(row["expires_at"]),
    )


def membership(row: Row, organisation_id: UUID, contact_ids: Sequence[UUID] = ()) -> tenancy_pb2.Membership:
    """A row of memberships."""
    return tenancy_pb2.Membership(
        id=str(row["id"]),
        organisation_id=str(organisation_id),
        account_id=str(row["account_id"]),
        kind=row["kind"],
        state=row["state"],
        given_name=row["given_name"],
        family_name=row["family_name"],
        profile_name=row["profile_name"],
        profile_built_in=row["profile_built_in"],
        contact_ids=map(str, sorted(contact_ids)),
    )


def frame(row: Row, grants: GrantSet) -> tenancy_pb2.Frame:
    """What is around a page, from the statement of `store.home`."""
    return tenancy_pb2.Frame(
        organisation=face(row, organisation_id=row["organisation_id"], kind=row["organisation_kind"]),
        time_zone=row["time_zone"],
        membership=membership(row, row["organisation_id"], tuple(grants.portal_contacts)),
        rights=sorted(grants.rights),
        organisations=row["organisations"],
        revision=grants.revision,
        closes_at=instant(grants.closes_at),
    )


def member(row: Row, myself: UUID | None) -> tenancy_pb2.Member:
    """A row of `store.members`."""
    return tenancy_pb2.Member(
        id=str(row["id"]),
        account_id=str(row["account_id"]),
        given_name=row["given_name"],
        family_name=row["family_name"],
        mail=row["mail"],
        function=row["function"],
        profile_id=str(row["profile_id"]),
        profile_name=row["profile_name"],
        profile_built_in=row["profile_built_in"],
        structure_id=str(row["structure_id"] or ""),
        structure_name=row["structure_name"] or "",
        state=row["state"],
        invited_at=instant(row["invited_at"]),
        activated_at=instant(row["activated_at"]),
        version=row["version"],
        myself=row["id"] == myself,
        personal=[
            tenancy_pb2.PersonalRight(code=code, scope=scope)
            for code, scope in zip(row["personal_codes"], row["personal_scopes"], strict=True)
        ],
        manager_id=str(row["manager_id"] or ""),
        manager_name=row["manager_name"] or "",
        tier_id=str(row["tier_id"] or ""),
        tier_name=row["tier_name"] or "",
        access_quota=row["access_quota"],
        is_adviser=row["is_adviser"],
        absent_from=instant(row["absent_from"]),
        absent_until=instant(row["absent_until"]),
        directory=row["directory"],
        cut_by_directory=row["cut_by_directory"],
    )


def carried(found: Iterable[Carried]) -> Iterator[tenancy_pb2.CarriedRight]:
    """What rights carried along."""
    for each in found:
        scope: Any = 0 if each.scope is None else int(each.scope)
        yield tenancy_pb2.CarriedRight(code=each.code, scope=scope, because=each.because)


def rights_change(row: Row) -> tenancy_pb2.RightsChange:
    """A change of rights, with the name of whoever made it."""
    return tenancy_pb2.RightsChange(
        revision=row["revision"],
        at=instant(row["at"]),
        membership_id=str(row["membership_id"] or ""),
        name=row["name"] or "",
        service=row["service"],
        act=row["act"],
        reason=row["reason"],
    )


def contact(row: Row) -> tenancy_pb2.Contact:
    """A row of `store.contacts`."""
    return tenancy_pb2.Contact(
        id=str(row["id"]),
        kind=row["kind"],
        code=row["code"],
        name=row["name"],
        addresses=tenancy_pb2.ContactAddresses(
            main=row["mail_main"],
            quotes=row["mail_quotes"],
            billing=row["mail_billing"],
            reminders=row["mail_reminders"],
        ),
        siren=row["siren"],
        vat_number=row["vat_number"],
        address=address(row),
        telephone=row["telephone"],
        advisers=[
            tenancy_pb2.Adviser(membership_id=membership_id, name=name, role=role)
            for membership_id, name, role in json.loads(row["advisers"])
        ],
        version=row["version"],
        locale=row["locale"],
        created_at=instant(row["created_at"]),
        accesses=row["accesses"],
    )


def access(row: Row, *, person_id: UUID) -> tenancy_pb2.Access:
    """A portal access."""
    return tenancy_pb2.Access(
        membership_id=str(row["membership_id"]),
        account_id=str(row["account_id"]),
        person_id=str(person_id),
        contact_id=str(row["contact_id"]),
        identifier=row["identifier"],
        state=row["state"],
        folder_template_ids=map(str, row["folder_template_ids"]),
        invited_at=instant(row["invited_at"]),
        activated_at=instant(row["activated_at"]),
    )


def person(row: Row) -> tenancy_pb2.Person:
    """A person of a contact, with their access when they have one."""
    return tenancy_pb2.Person(
        id=str(row["id"]),
        given_name=row["given_name"],
        family_name=row["family_name"],
        function=row["function"],
        mail=row["mail"],
        telephone=row["telephone"],
        access=None if row["membership_id"] is None else access(row, person_id=row["id"]),
    )


def profile(row: Row, rights: Mapping[str, int]) -> tenancy_pb2.Profile:
    """A profile with its effective rights."""
    return tenancy_pb2.Profile(
        id=str(row["id"]),
        name=row["name"],
        built_in=row["built_in"],
        rights=[_granted(code, int(scope)) for code, scope in rights.items()],
        members=row["members"],
        version=row["version"],
        inactive=row["inactive"],
    )


def _granted(code: str, scope: Any) -> tenancy_pb2.GrantedRight:
    return tenancy_pb2.GrantedRight(code=code, scope=scope)
