"""Rows of the store as messages of the contract, and the contract's enumerations as the domain's."""

from datetime import datetime
from typing import Final

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp

from parvis.documents.v1 import documents_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2
from parvis_documents.domain import Audience, LinkTarget, NotifyTo, SignatureSide, UploadState
from parvis_documents.models import FolderTemplate, Upload

AUDIENCES: Final = {
    Audience.CLIENT: tenancy_pb2.CONTACT_KIND_CLIENT,
    Audience.EMPLOYEE: tenancy_pb2.CONTACT_KIND_EMPLOYEE,
    Audience.SUPPLIER: tenancy_pb2.CONTACT_KIND_SUPPLIER,
}
SIDES: Final = {
    SignatureSide.NONE: pb.SIGNATURE_SIDE_UNSPECIFIED,
    SignatureSide.LEFT: pb.SIGNATURE_SIDE_LEFT,
    SignatureSide.RIGHT: pb.SIGNATURE_SIDE_RIGHT,
}
ADDRESSES: Final = {
    NotifyTo.MAIN: pb.NOTIFY_TO_MAIN,
    NotifyTo.QUOTES: pb.NOTIFY_TO_QUOTES,
    NotifyTo.BILLING: pb.NOTIFY_TO_BILLING,
    NotifyTo.REMINDERS: pb.NOTIFY_TO_REMINDERS,
}
LINKS: Final = {
    LinkTarget.HOME: pb.LINK_TARGET_HOME,
    LinkTarget.DOCUMENT: pb.LINK_TARGET_DOCUMENT,
    LinkTarget.QUOTES: pb.LINK_TARGET_QUOTES,
    LinkTarget.INVOICES: pb.LINK_TARGET_INVOICES,
    LinkTarget.PAYSLIPS: pb.LINK_TARGET_PAYSLIPS,
}
STATES: Final = {
    UploadState.SENDING: pb.UPLOAD_STATE_SENDING,
    UploadState.VERIFYING: pb.UPLOAD_STATE_VERIFYING,
    UploadState.FILED: pb.UPLOAD_STATE_FILED,
    UploadState.REFUSED: pb.UPLOAD_STATE_REFUSED,
    UploadState.ABORTED: pb.UPLOAD_STATE_ABORTED,
}


def audience_of(kind: "tenancy_pb2.ContactKind.ValueType") -> Audience | None:
    """The audience of a kind of contact; None when it is not said."""
    return next((audience for audience, value in AUDIENCES.items() if value == kind), None)


def side_of(side: "pb.SignatureSide.ValueType") -> SignatureSide:
    """The side of a signature; none when it is not said."""
    return next((found for found, value in SIDES.items() if value == side), SignatureSide.NONE)


def address_of(address: "pb.NotifyTo.ValueType") -> NotifyTo:
    """The address of a notification; the main one when it is not said."""
    return next((found for found, value in ADDRESSES.items() if value == address), NotifyTo.MAIN)


def link_of(link: "pb.LinkTarget.ValueType") -> LinkTarget:
    """The target of a link; the portal's home when it is not said."""
    return next((found for found, value in LINKS.items() if value == link), LinkTarget.HOME)


def instant(at: datetime | None) -> Timestamp | None:
    """A time as it travels; unset for None."""
    if at is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(at)
    return timestamp


def template(row: FolderTemplate | asyncpg.Record) -> pb.FolderTemplate:
    """A folder template, from its table's row or a query's."""
    found = row.model_dump() if isinstance(row, FolderTemplate) else row
    return pb.FolderTemplate(
        id=str(found["id"]),
        audience=AUDIENCES[Audience(found["audience"])],
        name=found["name"],
        path=found["path"],
        built_in=found["built_in"],
        portal=found["portal"],
        signature=SIDES[SignatureSide(found["signature"])],
        notification=found["notification"],
        notify_to=ADDRESSES[NotifyTo(found["notify_to"])],
        link_to=LINKS[LinkTarget(found["link_to"])],
        deposits=found["deposits"],
        media_types=found["media_types"],
        position=found["position"],
        version=found["version"],
    )


def document(row: asyncpg.Record, *, portal: bool) -> pb.Document:
    """A document of a query; `portal`: as the contact's side sees it, else as the firm does."""
    unread = row["opened_at"] is None and not row["deposit"] if portal else row["deposit"] and row["read_at"] is None
    return pb.Document(
        id=str(row["id"]),
        contact_id=str(row["contact_id"]),
        contact_name=row["contact_name"],
        folder_template_id=str(row["folder_template_id"]),
        folder_name=row["folder_name"],
        name=row["name"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=row["sha256"],
        version=row["version"],
        filed_at=instant(row["filed_at"]),
        filed_by=row["filed_by_name"],
        deposit=row["deposit"],
        shared=row["shared"],
        opened_at=instant(row["opened_at"]),
        unread=unread,
        external_reference=row["external_reference"] or "",
    )


def version(row: asyncpg.Record) -> pb.Version:
    """A version of a query."""
    return pb.Version(
        number=row["number"],
        size=row["size"],
        sha256=row["sha256"],
        filed_at=instant(row["filed_at"]),
        filed_by=row["filed_by_name"],
    )


def opening(row: asyncpg.Record) -> pb.Opening:
    """An opening of a query."""
    return pb.Opening(name=row["name"], at=instant(row["at"]), version=row["version"])


def upload(row: Upload, parts: list[pb.Part] | None = None) -> pb.Upload:
    """An upload, with its parts while they are being sent."""
    filed = row.state == UploadState.FILED
    return pb.Upload(
        id=str(row.id),
        state=STATES[UploadState(row.state)],
        part_size=row.part_size,
        parts=parts or [],
        reason=row.reason,
        document_id=str(row.document_id) if filed else "",
        name=row.name,
        size=row.size,
        sent_bytes=sum(part.size for part in parts if part.sent)
        if parts is not None
        else (0 if row.state == UploadState.ABORTED else row.size),
    )
