"""The queue: an attempt is recorded, the mail server is asked, the result is recorded.

A process killed in between leaves an attempt that never ended. The next one marks it *interrupted* and sends again
under the same Message-ID, since a mail that may be missing is worse than one that may come twice; the history says so.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from parvis.identity.v1 import identity_pb2
from parvis_kit.bus import Retry
from parvis_kit.caller import acting_for
from parvis_kit.errors import Kind as ErrorKind
from parvis_kit.errors import ServiceError
from parvis_notify import store
from parvis_notify.domain import deliveries
from parvis_notify.domain.deliveries import NOBODY, Result, State
from parvis_notify.domain.kinds import Kind
from parvis_notify.models import Message
from parvis_notify.rendering import Words, envelope_message, render, wire_address
from parvis_notify.service import counting
from parvis_notify.service.composing import tell_settled
from parvis_notify.smtp import MailServer, Postponed, Refused, Unsure

if TYPE_CHECKING:
    from parvis.identity.v1 import identity_pb2_grpc
    from parvis.notify.v1 import events_pb2
    from parvis_kit.bus import Delivery
    from parvis_kit.unit import UnitOfWork

#: Codes that speak of the recipient's mailbox (RFC 5321, section 4.2.3).
_MAILBOX = frozenset({550, 551, 553})
#: How long the result of an attempt waits for the database, in seconds, before the attempt counts as interrupted.
_PATIENCE = 20.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; `state` is the message's final one, None when it will be tried again."""

    result: Result
    answer: str
    state: State | None = None
    reason: str = ""


@dataclass(frozen=True)
class Sender:
    """Sends queued messages. `mail_domain` is that of our sender address."""

    server: MailServer
    accounts: "identity_pb2_grpc.AccountServiceStub"
    mail_domain: str
    public_name: str

    async def send(self, delivery: "Delivery", event: "events_pb2.MessageQueued") -> None:
        """Tries once to send a message; raises Retry when it has to wait for a next attempt."""
        message_id = UUID(event.message_id)
        async with delivery.begin() as unit:
            message = await store.message(unit, message_id, lock=True)
            if message is None or message.state != State.PENDING:
                await delivery.finish(unit)
                return
            await store.interrupt_attempts(unit, message_id)
            number = await store.open_attempt(unit, message_id)
            face = await store.organisation(unit)
            words = Words(
                locale=message.locale,
                sender=face.name if face else self.public_name,
                accent=face.accent if face else "",
                subject=message.subject,
                text=message.text,
                button=message.button,
                because=message.because,
            )
            reply_to, now = face.mail if face else "", unit.now
        try:
            link = await self._link(message)
            content = envelope_message(
                render(words, link),
                sender_name=words.sender,
                sender_mail=f"notifications@{self.mail_domain}",
                recipient_name=message.recipient_name,
                recipient_mail=message.recipient_mail,
                reply_to=reply_to,
                message_id=message.message_id,
                date=now,
            )
            outcome = await self._hand_over(message, content)
        except ServiceError as error:
            outcome = _no_link(error)
        except ValueError:
            outcome = Outcome(Result.REFUSED, "", State.FAILED, "address_unusable")
        await self._conclude(delivery, message, number, outcome)

    async def _link(self, message: Message) -> str:
        """The address that goes into the mail. Identity is asked for a one-time one: it is never stored here."""
        wanted = message.one_time_link
        if wanted is None:
            return message.link
        organisation_id = message.organisation_id if message.organisation_id != NOBODY else None
        with acting_for(organisation_id):
            link = await self.accounts.MintLink(
                identity_pb2.MintLinkRequest(
                    link_id=wanted["link_id"],
                    account_id=wanted["account_id"],
                    purpose=identity_pb2.LinkPurpose.Value(wanted["purpose"]),
                    organisation_slug=wanted["organisation_slug"],
                )
            )
        return link.url

    async def _hand_over(self, message: Message, content: bytes) -> Outcome:
        sender = f"notifications@{self.mail_domain}"
        try:
            answer = await self.server.send(sender, wire_address(message.recipient_mail), content)
        except Refused as refusal:
            reason = "mailbox_unavailable" if refusal.code in _MAILBOX else "server_refused"
            return Outcome(Result.REFUSED, str(refusal), State.FAILED, reason)
        except Postponed as delay:
            return Outcome(Result.UNREACHABLE, str(delay))
        except Unsure as doubt:
            return Outcome(Result.INTERRUPTED, str(doubt))
        return Outcome(Result.ACCEPTED, answer, State.SENT)

    async def _conclude(self, delivery: "Delivery", message: Message, number: int, outcome: Outcome) -> None:
        """Records the result, for as long as it takes PostgreSQL to come back from a restart."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        delay = deliveries.delay_after(number) if outcome.state is None else None
        while True:
            try:
                async with delivery.begin() as unit:
                    await store.close_attempt(unit, message.id, number, outcome.result, outcome.answer[:1000])
                    if delay is None:
                        await self._settle(unit, message, outcome)
                        await delivery.finish(unit)
                break
            except ServiceError as error:
                if error.kind is not ErrorKind.UNAVAILABLE or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.25)
        if delay is None:
            counting.ended(*_final(outcome))
        else:
            counting.ended("postponed", "")
            _log.info("message_waits", message_id=str(message.id), attempt=number, again_in=delay, why=outcome.answer)
            raise Retry(delay)

    async def _settle(self, unit: "UnitOfWork", message: Message, outcome: Outcome) -> None:
        state, reason = _final(outcome)
        if state is State.SENT and await store.was_interrupted(unit, message.id):
            reason = deliveries.MAYBE_SENT_TWICE
        await store.settle(unit, message.id, state, reason)
        if message.kind == Kind.ERASURE_DONE:
            await store.forget(unit, message.id)
        tell_settled(unit, message, sent=state is State.SENT, reason=reason)
        unit.record(f"message.{state}", target_kind="message", target_id=message.id, reason=reason)


def _final(outcome: Outcome) -> tuple[State, str]:
    """The message's state and its reason, once it is not tried again."""
    return (outcome.state, outcome.reason) if outcome.state else (State.FAILED, "server_unreachable")


def _no_link(error: ServiceError) -> Outcome:
    """Identity did not give the link: it is away, or the link was taken back since (an invitation was withdrawn)."""
    if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.PRECONDITION}:
        return Outcome(Result.REFUSED, str(error), State.CANCELLED, "link_withdrawn")
    return Outcome(Result.UNREACHABLE, str(error))
