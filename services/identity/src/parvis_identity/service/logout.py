"""Clients are told when a session ends (OpenID Connect Back-Channel Logout 1.0).

Ending a session writes a notice for each client beside it, in the same transaction: nothing is lost, and nobody who
signs out waits for anybody's server. A worker sends the notices, with growing waits while a client does not answer.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import prometheus_client
import structlog

from parvis_identity.models import Account, Client
from parvis_identity.service.outgoing import NotReached, Outgoing
from parvis_identity.service.tokens import Tokens
from parvis_identity.store import logout as store
from parvis_identity.store import openid as openid_store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork
from parvis_watch import jobs

#: Seconds until a notice that was not taken is sent again: four times more each time, an hour at most.
FIRST_WAIT = 5.0
LONGEST_WAIT = 3600.0
#: After this long it is given up: the tokens of the session have long expired.
GIVEN_UP_AFTER = timedelta(days=1)
#: Longer than a call may take (`outgoing.WHOLE`): whoever took a notice and died does not keep it.
LEASE = timedelta(seconds=60)
_AT_ONCE = 20
_OF_ONE_CLIENT = 4
_LOOK_EVERY = 1.0  # s
_TAKEN = frozenset({200, 204})
_REFUSED = range(400, 429)  # the notice's fault rather than the server's

NOTICES = prometheus_client.Counter(
    "parvis_logout_notices", "Attempts to tell a client of a session's end", ["outcome"]
)
_log = structlog.get_logger(__name__)


async def tell(unit: UnitOfWork, account_id: UUID, ended: Sequence[UUID]) -> None:
    """Puts in the queue whom the end of these sessions concerns."""
    await store.queue_for_sessions(unit, account_id, ended)


async def cut(unit: UnitOfWork, account_id: UUID, organisation_id: UUID, until: datetime) -> None:
    """Ends what somebody was granted for an organisation that they had access to until a moment; the rest of their
    sessions goes on.
    """
    for grant_id in await store.revoke_for_organisation(unit, account_id, organisation_id, until):
        unit.record("grant.cut", target_kind="account", target_id=account_id, grant=str(grant_id))


class LogoutNotices:
    """Sends what is in the queue. Several processes may do so at once."""

    def __init__(self, database: Database, tokens: Tokens, outgoing: Outgoing) -> None:
        self._database = database
        self._tokens = tokens
        self._outgoing = outgoing
        self._caller = Caller("identity")
        self._sending: dict[asyncio.Task[None], str] = {}

    async def run(self) -> None:
        """Sends, for ever."""
        try:
            while True:
                if not await self.begin():
                    await jobs.rest("tell_logouts", _LOOK_EVERY)
        finally:
            for task in self._sending:
                task.cancel()

    async def begin(self) -> int:
        """Begins to send what is due, as far as there is room; how many that are."""
        busy = [name for name, count in Counter(self._sending.values()).items() if count >= _OF_ONE_CLIENT]
        room = _AT_ONCE - len(self._sending)
        if room <= 0:
            return 0
        async with self._database.begin(self._caller) as unit:
            due = await store.claim(unit, most=room, of_one_client=_OF_ONE_CLIENT, but=busy, lease=LEASE)
        for notice in due:
            task = asyncio.create_task(self._send(notice))
            self._sending[task] = notice.client_id
            task.add_done_callback(self._sending.pop)
        return len(due)

    async def settled(self) -> None:
        """Returns when nothing is being sent."""
        while self._sending:
            await asyncio.wait(list(self._sending))

    async def _send(self, notice: store.Due) -> None:
        try:
            await self._tell(notice)
        except Exception:  # noqa: BLE001 - it is sent again when its lease ends
            _log.exception("logout_notice_failed", notice=str(notice.id))

    async def _tell(self, notice: store.Due) -> None:
        async with self._database.begin(self._caller) as unit:
            client = await openid_store.find_client(unit, notice.client_id)
            account = await unit.get(Account, notice.account_id)
        if client is None or account is None or not client.backchannel_logout_uri:
            async with self._database.begin(self._caller) as unit:
                await store.finish(unit, notice.id, "The client wants to know no more.")
            return
        token = self._tokens.logout(client, account, notice.session_id)
        trouble, gone = await self._post(client, token)
        NOTICES.labels("failed" if trouble else "told").inc()
        async with self._database.begin(self._caller) as unit:
            if not trouble:
                await store.finish(unit, notice.id)
            elif unit.now - notice.created_at > GIVEN_UP_AFTER:
                await store.finish(unit, notice.id, trouble)
                _log.error("logout_notice_given_up", client=client.client_id, why=trouble)
                told = {"session": str(notice.session_id), "why": trouble}
                unit.record("logout.undelivered", target_kind="client", target_id=client.client_id, **told)
            else:
                wait = wait_after(notice.attempts)
                await store.postpone(unit, notice, unit.now + wait, trouble, all_of_client=gone)
                _log.warning("logout_notice_waits", client=client.client_id, why=trouble, seconds=wait.total_seconds())

    async def _post(self, client: Client, token: str) -> tuple[str, bool]:
        """What is wrong (nothing: empty), and whether the whole client is out of reach."""
        try:
            reply = await self._outgoing.post_form(client.backchannel_logout_uri, {"logout_token": token})
        except NotReached as error:
            return str(error), True
        if reply.status in _TAKEN:
            return "", False
        return f"The client answered {reply.status}.", reply.status not in _REFUSED


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts (1 or more); a little different each time, so that they spread."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 4 ** min(attempts - 1, 10))
    return timedelta(seconds=wait * random.uniform(1, 1.2))  # noqa: S311 - spreads, protects nothing
