"""Sign-ins with a firm's SAML provider, as `bench_sso` measures those with OpenID: from the button to the session.

Three requests reach identity: the one that leads to the provider with a signed request, the form with its answer, and
the one with which the browser comes for what follows. The answers are made and signed on the core of whoever asks.
"""

import base64
import sys
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpcore
import httpx
from browsers import Browser, location_of
from directories import Firm, measure
from lxml import etree
from stage import Seat, run

from parvis.identity.v1 import providers_pb2 as pb
from parvis.identity.v1 import providers_pb2_grpc
from parvis_local.suite import Suite

sys.path.insert(0, str(Path(__file__).parents[2] / "services" / "identity" / "tests"))

from saml_parts import Words, assertion, form_of, key, provider_metadata, response, signed


@dataclass(slots=True)
class SamlFirm(Firm):
    """The people of a firm at its SAML provider."""

    async def sign_in(self, browser: Browser, subject: str) -> tuple[str, float]:
        """See Firm: what is aside is the making of the answer."""
        location = location_of(await browser.ask(f"/sso/{self.provider_id}/start"))
        began = time.perf_counter()
        form = agreed(location, self.origin, self.provider_id, subject)
        making = time.perf_counter() - began
        finish = location_of(await browser.ask(f"/sso/{self.provider_id}/acs", form))
        return location_of(await browser.ask(urlsplit(finish).path)), making


@asynccontextmanager
async def firm(suite: Suite, seat: Seat, pool: httpcore.AsyncConnectionPool) -> AsyncIterator[Firm]:
    """The demonstration firm, with a provider that agrees at once."""
    base = suite.environment("web")["PARVIS_IDENTITY_INTERNAL_URL"]
    yield SamlFirm(suite, pool, base, suite.addresses["portal"], await provider(seat))


def agreed(location: str, origin: str, provider_id: str, subject: str) -> dict[str, str]:
    """The form that a provider makes the browser send, which signed somebody in at once."""
    asked = parse_qs(urlsplit(location).query)
    request = etree.fromstring(zlib.decompress(base64.b64decode(asked["SAMLRequest"][0]), -zlib.MAX_WBITS))
    base = f"{origin}/sso/{provider_id}"
    words = Words(
        destination=f"{base}/acs", recipient=f"{base}/acs", audiences=((f"{base}/metadata",),), name_id=subject,
        in_response_to=request.get("ID"), subject_in_response_to=request.get("ID"), mail=f"{subject}@mesure.example",
    )  # fmt: skip
    return {"SAMLResponse": form_of(response(words, signed(assertion(words)))), "RelayState": asked["RelayState"][0]}


async def provider(seat: Seat) -> str:
    """A live provider of the firm, set up and tried as its administrator does."""
    stub = providers_pb2_grpc.ProviderServiceStub(seat.portal.peers.channel("identity"))
    async with seat.acting():
        asked = pb.CreateProviderRequest(kind=pb.PROVIDER_KIND_SAML, template="saml", name="Annuaire mesuré")
        made = await stub.CreateProvider(asked)
        document = provider_metadata(key())
        made = await stub.UpdateProvider(
            pb.UpdateProviderRequest(id=made.id, version=made.version, metadata_document=document)
        )
        trial = await stub.StartProviderTrial(pb.StartProviderTrialRequest(id=made.id))
        gone = await seat.person.open(trial.url.removeprefix(seat.portal.url), follow=False)
        form = agreed(gone.headers["location"], seat.portal.url, made.id, "administrator")
        async with httpx.AsyncClient(trust_env=False) as there:
            posted = await there.post(f"{seat.portal.url}/sso/{made.id}/acs", data=form)
        await seat.person.open(urlsplit(posted.headers["location"]).path, follow=False)
        found = await stub.GetProviderTrial(pb.GetProviderTrialRequest(id=trial.id))
        if not found.passed:
            raise RuntimeError(f"The test of the provider failed: {found.checks}")
        await stub.SetProviderState(pb.SetProviderStateRequest(id=made.id, state=pb.PROVIDER_STATE_LIVE))
    return str(made.id)


async def main() -> None:
    """Measures and prints."""
    note = "assertions signed with RSA of 2,048 bits, our requests with 3,072"
    await measure(firm, "a firm's SAML provider", note)


if __name__ == "__main__":
    run(main)
