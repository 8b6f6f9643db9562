"""gRPC ⇄ arguments."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from parvis.notify.v1 import notify_pb2 as pb
from parvis_kit import paging
from parvis_kit.errors import Violation, invalid, not_found
from parvis_kit.ids import parse, parse_optional
from parvis_notify import store
from parvis_notify.domain import kinds
from parvis_notify.domain.deliveries import State
from parvis_notify.domain.kinds import Kind
from parvis_notify.domain.templates import LINK
from parvis_notify.service import templates
from parvis_notify.service.templates import Wording

if TYPE_CHECKING:
    from parvis_kit.unit import UnitOfWork

_KINDS = {kind: pb.TemplateKind.Value(f"TEMPLATE_KIND_{kind.upper()}") for kind in Kind}
_KINDS_BACK = {number: kind for kind, number in _KINDS.items()}
_STATES = {state: pb.MessageState.Value(f"MESSAGE_STATE_{state.upper()}") for state in State}
_STATES_BACK = {number: state for state, number in _STATES.items()}


class TemplateRpc:
    """parvis.notify.v1.TemplateService."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    async def ListTemplates(self, unit: "UnitOfWork", _: pb.ListTemplatesRequest) -> pb.ListTemplatesResponse:
        return pb.ListTemplatesResponse(templates=map(_template, await templates.all_wordings(unit)))

    async def GetTemplate(self, unit: "UnitOfWork", request: pb.GetTemplateRequest) -> pb.Template:
        return _template(await templates.wording(unit, _kind(request.kind), request.locale))

    async def SaveTemplate(self, unit: "UnitOfWork", request: pb.SaveTemplateRequest) -> pb.Template:
        return _template(await templates.save(unit, _wording(request.template)))

    async def ResetTemplate(self, unit: "UnitOfWork", request: pb.ResetTemplateRequest) -> pb.Template:
        return _template(await templates.reset(unit, _kind(request.kind), request.locale))

    async def PreviewTemplate(self, unit: "UnitOfWork", request: pb.PreviewTemplateRequest) -> pb.Preview:
        mail = await templates.preview(unit, _wording(request.template), self._public_url)
        return pb.Preview(subject=mail.subject, text=mail.text, html=mail.html)


class MessageRpc:
    """parvis.notify.v1.MessageService."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    async def ListMessages(self, unit: "UnitOfWork", request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        size, after = paging.size(request.page_size), paging.cursor(request.page_token)
        if len(request.ids) > paging.LARGEST:
            raise invalid("malformed_request", [Violation("ids", "too_many")])
        found = await store.history(
            unit,
            before=after.id if after else None,
            query=request.query,
            state=_STATES_BACK.get(request.state),
            contact_id=parse_optional(request.contact_id, "contact_id"),
            document_id=parse_optional(request.document_id, "document_id"),
            ids=[parse(each, "ids") for each in request.ids] or None,
            limit=size + 1,
        )
        total = after.total if after else found[0]["total"] if found else 0
        page, token = paging.cut(found, size, lambda row: paging.Cursor("", row["id"], total))
        return pb.ListMessagesResponse(
            messages=[_message(dict(row)) for row in page], next_page_token=token, total=total
        )

    async def GetMessage(self, unit: "UnitOfWork", request: pb.GetMessageRequest) -> pb.MessageRecord:
        message = await store.message(unit, parse(request.id))
        if message is None:
            raise not_found()
        # Whoever reads the history must not be able to use somebody else's one-time link.
        link = message.link or f"{self._public_url}/…"
        return pb.MessageRecord(
            message=_message(message.model_dump()),
            attempts=[
                pb.Attempt(
                    number=each.number,
                    started_at=_time(each.started_at),
                    ended_at=_time(each.ended_at),
                    result=each.result,
                    answer=each.answer,
                )
                for each in await store.attempts(unit, message.id)
            ],
            text=message.text.replace(LINK, link),
        )


def _kind(number: int) -> Kind:
    if number not in _KINDS_BACK:
        raise invalid("malformed_request", [Violation("kind", "unknown")])
    return _KINDS_BACK[pb.TemplateKind.ValueType(number)]


def _wording(template: pb.Template) -> Wording:
    return Wording(_kind(template.kind), template.locale, template.subject, template.body, version=template.version)


def _template(wording: Wording) -> pb.Template:
    return pb.Template(
        kind=_KINDS[wording.kind],
        locale=wording.locale,
        subject=wording.subject,
        body=wording.body,
        customised=wording.customised,
        fields=[
            pb.MergeField(name=field.name, example=field.example(wording.locale), required=field.required)
            for field in kinds.FIELDS[wording.kind]
        ],
        version=wording.version,
    )


def _message(row: dict[str, Any]) -> pb.Message:
    sent = row["state"] == State.SENT
    return pb.Message(
        id=str(row["id"]),
        kind=_KINDS[Kind(row["kind"])],
        state=_STATES[State(row["state"])],
        recipient_name=row["recipient_name"],
        recipient_mail=row["recipient_mail"],
        subject=row["subject"],
        created_at=_time(row["created_at"]),
        sent_at=_time(row["settled_at"]) if sent else None,
        reason=row["reason"],
        contact_id=_id(row["contact_id"]),
        document_id=_id(row["document_id"]),
        document_opened_at=_time(row["document_opened_at"]),
        message_id=row["message_id"],
    )


def _id(value: UUID | None) -> str:
    return str(value or "")


def _time(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp
