"""Configurations of OpenID providers are read again for as long as they are in use: endpoints move, and a firm hears of
a provider that publishes nothing any more before somebody stands before a door that does not open.
"""

import asyncio
import random
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from parvis_identity.models import ProviderKind, SsoProvider
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.sso import discovery
from parvis_identity.service.sso.upstream import Refused
from parvis_identity.store import saml as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database
from parvis_watch import jobs

_EVERY: Final = timedelta(hours=6)
_AFTER_FAILURE: Final = timedelta(minutes=15)
_LEASE: Final = timedelta(minutes=2)
_LOOK_EVERY: Final = 60.0  # s
_AT_ONCE: Final = 10
_SELF = Caller("identity")
_log = structlog.get_logger(__name__)


class ConfigurationReader:
    """See the module. Several processes may run it."""

    def __init__(self, database: Database, outgoing: Outgoing) -> None:
        self._database = database
        self._outgoing = outgoing

    async def run(self) -> None:
        """Reads again what is due, for ever."""
        while True:
            if not await self.read_due():
                await jobs.rest("read_configurations", _LOOK_EVERY)

    async def read_due(self) -> int:
        """Reads what is due, ten at most; how many that were."""
        async with self._database.begin(_SELF) as unit:
            ids = await store.due(unit, kind=ProviderKind.OIDC, lease=_LEASE, most=_AT_ONCE)
        await asyncio.gather(*(self._read(each) for each in ids))
        return len(ids)

    async def _read(self, provider_id: UUID) -> None:
        async with self._database.begin(_SELF) as unit:
            provider = await unit.get(SsoProvider, provider_id)
        if provider is None:
            return
        document, problem, detail = "", "", ""
        try:
            document = await discovery.fetch(self._outgoing, provider.issuer)
        except Refused as refused:
            problem, detail = refused.check, refused.detail
            _log.warning("configuration_unusable", provider=str(provider.id), problem=problem, detail=detail)
        wait = _AFTER_FAILURE if problem else _EVERY * random.uniform(0.8, 1)  # noqa: S311 - spreads, protects nothing
        async with self._database.begin(_SELF, organisation_id=provider.organisation_id) as unit:
            changed = await store.set_read(
                unit, provider.id, read=provider.metadata_url, next_at=unit.now + wait, problem=problem,
                document=document,
            )  # fmt: skip
            if changed:
                act = "sso.metadata_unusable" if problem else "sso.metadata_changed"
                more = {"problem": problem, "detail": detail} if problem else {}
                unit.record(act, target_kind="provider", target_id=provider.id, **more)
