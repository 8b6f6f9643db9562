"""A firm's SAML provider beside the service: its row, its metadata at an address, and what it answers."""

import asyncio
import base64
import zlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from identity_stage import ENCRYPTION_KEY, PUBLIC_URL, Stage
from lxml import etree
from saml_parts import ISSUER, Words, assertion, form_of, key, provider_metadata, response, signed

from parvis_identity.models import SsoProvider
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sso.saml import Addresses, SamlUpstream
from parvis_identity.service.sso.saml_connections import Saml
from parvis_identity.service.sso.saml_keys import SamlKeys
from parvis_identity.service.sso.saml_logout import SamlLogout
from parvis_identity.service.sso.saml_metadata import MetadataReader
from parvis_identity.service.sso.upstream import Assertion, Begin
from parvis_kit.ids import uuid7


class Place:
    """An address at which there is metadata, or something else."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.asked = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (self.status, len(self.body)))
        try:
            writer.write(self.body)
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()


@asynccontextmanager
async def publishing():
    place = Place()
    server = await asyncio.start_server(place.serve, "127.0.0.1", 0)
    async with server:
        place.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metadata"
        yield place


@dataclass
class Scene:
    """What the tests act on."""

    stage: Stage
    keys: SamlKeys
    reader: MetadataReader
    upstream: SamlUpstream
    logout: SamlLogout

    @classmethod
    def on(cls, stage: Stage) -> "Scene":
        made = Saml.over(stage.database, Outgoing("127.0.0.0/8"), Seal(ENCRYPTION_KEY), public_url=PUBLIC_URL)
        return cls(stage, made.keys, made.reader, made.upstream, made.logout)

    async def provider(self, **changes: Any) -> SsoProvider:
        """A firm's, set up."""
        now = datetime.now(UTC)
        values = {
            "organisation_id": uuid7(), "organisation_slug": "cabinet-orsel", "kind": "saml", "template": "saml",
            "name": "Annuaire", "state": "live", "issuer": ISSUER, "created_at": now, "changed_at": now,
            "metadata_document": provider_metadata(key()).decode(), "metadata_read_at": now,
        }  # fmt: skip
        row = SsoProvider(**{**values, **changes})
        async with self.stage.unit() as unit:
            unit.add(row)
        return row

    async def stored(self, provider: SsoProvider) -> SsoProvider:
        async with self.stage.unit() as unit:
            return await unit.get(SsoProvider, provider.id)

    async def begun(self, provider: SsoProvider, **options: Any) -> Begin:
        return await self.upstream.begin(provider, "state-1", **{"force": False, "hint": "", **options})

    def words(self, provider: SsoProvider, begun: Begin, **changes: Any) -> Words:
        own = Addresses.of(PUBLIC_URL, provider)
        fitting = {
            "destination": own.answer_at, "recipient": own.answer_at, "audiences": ((own.entity_id,),),
            "in_response_to": begun.kept["request"], "subject_in_response_to": begun.kept["request"],
        }  # fmt: skip
        return Words(**{**fitting, **changes})

    async def taken(self, provider: SsoProvider, begun: Begin, root: etree._Element) -> Assertion:
        form = {"SAMLResponse": form_of(root), "RelayState": "state-1"}
        found, _ = await self.upstream.finish(provider, begun.kept, form)
        return found

    async def signed_in(self, provider: SsoProvider, *, with_key: Any = None, **changes: Any) -> Assertion:
        """All the way, with an answer that is signed as usual."""
        begun = await self.begun(provider)
        words = self.words(provider, begun, **changes)
        return await self.taken(provider, begun, response(words, signed(assertion(words), with_key)))


def message_of(location: str, name: str = "SAMLRequest") -> etree._Element:
    """The message in an address."""
    text = parse_qs(urlsplit(location).query)[name][0]
    return etree.fromstring(zlib.decompress(base64.b64decode(text), -zlib.MAX_WBITS))
