"""Providers' metadata, from an address or a file: read when a connection is set up, read again for as long as it is
there, so that a provider changes its keys without asking anybody.
"""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from cryptography import x509

from parvis_identity.models import SsoProvider
from parvis_identity.service.outgoing import NotReached, Outgoing
from parvis_identity.service.saml import metadata
from parvis_identity.service.saml.metadata import LARGEST, Provider
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.sso.upstream import Refused
from parvis_identity.store import saml as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database
from parvis_watch import jobs

#: How often metadata is read again: as it says itself (`cacheDuration`), within these bounds; sooner when that failed.
_SOONEST: Final = timedelta(minutes=15)
_LATEST: Final = timedelta(hours=6)
_AFTER_FAILURE: Final = timedelta(minutes=15)
#: After an answer that is signed with a key which nobody knows, no more often than this.
_ASKED_AGAIN: Final = timedelta(seconds=60)
_LEASE: Final = timedelta(minutes=2)
_LOOK_EVERY: Final = 60.0  # s
_AT_ONCE: Final = 10
_OK: Final = 200
_SELF = Caller("identity")
_log = structlog.get_logger(__name__)


class MetadataReader:
    """See the module. Several processes may run it."""

    def __init__(self, database: Database, outgoing: Outgoing) -> None:
        self._database = database
        self._outgoing = outgoing

    async def fetched(self, url: str) -> bytes:
        """What is at an address. Raises Refused."""
        try:
            reply = await self._outgoing.get(
                url, accept="application/samlmetadata+xml, application/xml", largest=LARGEST
            )
        except NotReached as error:
            raise Refused("provider_not_reached", f"{url}: {error}") from error
        if reply.status != _OK:
            raise Refused("metadata_status", f"{url} answers with status {reply.status}.")
        return reply.body

    async def again(self, provider: SsoProvider) -> bool:
        """Reads a provider's metadata once more, now, unless that was done a moment ago; whether it is another one. The
        provider at hand has it then, too.
        """
        last = max(filter(None, (provider.metadata_read_at, provider.metadata_failed_at)), default=None)
        recent = last is not None and datetime.now(UTC) - last < _ASKED_AGAIN
        if not provider.metadata_url or recent:
            return False
        document = await self._read(provider)
        changed = bool(document) and document != provider.metadata_document
        if changed:
            provider.metadata_document = document
        return changed

    async def run(self) -> None:
        """Reads again what is due, for ever."""
        while True:
            async with self._database.begin(_SELF) as unit:
                ids = await store.due(unit, lease=_LEASE, most=_AT_ONCE)
            await asyncio.gather(*(self._refresh(each) for each in ids))
            await jobs.rest("read_metadata", 0 if ids else _LOOK_EVERY)

    async def _refresh(self, provider_id: UUID) -> None:
        async with self._database.begin(_SELF) as unit:
            provider = await unit.get(SsoProvider, provider_id)
        if provider is not None:
            await self._read(provider)

    async def _read(self, provider: SsoProvider) -> str:
        """The document that is there now; empty when there is none that can be used: the one before counts on."""
        document, found, problem, detail = b"", None, "", ""
        try:
            document = await self.fetched(provider.metadata_url)
            found = described(document, provider, datetime.now(UTC), same=True)
        except Refused as refused:
            problem, detail = refused.check, refused.detail
            _log.warning("metadata_unusable", provider=str(provider.id), problem=problem, detail=detail)
        async with self._database.begin(_SELF) as unit:
            changed = await store.set_read(
                unit,
                provider.id,
                read=provider.metadata_url,
                next_at=unit.now + (_wait(found) if found else _AFTER_FAILURE),
                problem=problem,
                document=document.decode() if found else "",
            )
            if changed:
                act = "sso.metadata_unusable" if problem else "sso.metadata_changed"
                more = {"problem": problem, "detail": detail} if problem else {}
                unit.record(act, target_kind="sso_provider", target_id=provider.id, **more)
        return document.decode() if found else ""


def described(document: bytes, provider: SsoProvider, now: datetime, *, same: bool = False) -> Provider:
    """What metadata says of a provider; among several of the one that it was. `same`: it has to be that one. Raises
    Refused.
    """
    trail = Trail()
    signed_by = []
    if provider.metadata_certificate:
        signed_by = [x509.load_pem_x509_certificate(provider.metadata_certificate.encode())]
    try:
        found = metadata.read(document, trail, entity_id=provider.issuer if same else "", signed_by=signed_by)
    except Refused as refused:
        if same or refused.check != "metadata_several" or not provider.issuer:
            raise
        found = metadata.read(document, trail, entity_id=provider.issuer, signed_by=signed_by)
    metadata.current(found, trail, now)
    return found


def _wait(found: Provider) -> timedelta:
    """Not all at once: providers that were set up together are read apart."""
    wanted = min(max(found.cache_for or _LATEST, _SOONEST), _LATEST)
    return wanted * random.uniform(0.8, 1)  # noqa: S311 - spreads, protects nothing
