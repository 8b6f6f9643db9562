"""Sign-ins with a firm's own provider: from the button to the session, beside the bare hash that a password costs.

The provider is a double on this machine that agrees at once (`upstream`), on the core of whoever asks. Two requests
reach identity: the one that leads to the provider, and the one that brings its answer, for which identity asks the
provider's token endpoint, checks the ID token, brings names and groups up to date at tenancy, and begins a session.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpcore
import httpx
from browsers import Browser, location_of
from directories import Firm, measure
from stage import Seat, run
from upstream import CLIENT_ID, CLIENT_SECRET, Upstream, running

from parvis.identity.v1 import providers_pb2 as pb
from parvis.identity.v1 import providers_pb2_grpc
from parvis_local.suite import Suite


@dataclass(slots=True, kw_only=True)
class OidcFirm(Firm):
    """The people of a firm at its OpenID provider."""

    upstream: Upstream

    async def sign_in(self, browser: Browser, subject: str) -> tuple[str, float]:
        """See Firm."""
        location = location_of(await browser.ask(f"/sso/{self.provider_id}/start"))
        answer = httpx.QueryParams(self.upstream.agree(location, subject))
        return location_of(await browser.ask(f"/sso/{self.provider_id}/callback?{answer}")), 0.0


@asynccontextmanager
async def firm(suite: Suite, seat: Seat, pool: httpcore.AsyncConnectionPool) -> AsyncIterator[Firm]:
    """The demonstration firm, with a provider that agrees at once."""
    base = suite.environment("web")["PARVIS_IDENTITY_INTERNAL_URL"]
    async with running() as upstream:
        found = await provider(seat, upstream)
        yield OidcFirm(suite, pool, base, suite.addresses["portal"], found, upstream=upstream)


async def provider(seat: Seat, upstream: Upstream) -> str:
    """A live provider of the firm, set up and tried as its administrator does."""
    stub = providers_pb2_grpc.ProviderServiceStub(seat.portal.peers.channel("identity"))
    async with seat.acting():
        made = await stub.CreateProvider(
            pb.CreateProviderRequest(kind=pb.PROVIDER_KIND_OIDC, template="oidc", name="Annuaire mesuré")
        )
        made = await stub.UpdateProvider(
            pb.UpdateProviderRequest(
                id=made.id,
                version=made.version,
                issuer=upstream.url,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
            )
        )
        trial = await stub.StartProviderTrial(pb.StartProviderTrialRequest(id=made.id))
        gone = await seat.person.open(trial.url.removeprefix(seat.portal.url), follow=False)
        answer = httpx.QueryParams(upstream.agree(gone.headers["location"], "administrator"))
        await seat.person.open(f"/sso/{made.id}/callback?{answer}", follow=False)
        found = await stub.GetProviderTrial(pb.GetProviderTrialRequest(id=trial.id))
        if not found.passed:
            raise RuntimeError(f"The test of the provider failed: {found.checks}")
        await stub.SetProviderState(pb.SetProviderStateRequest(id=made.id, state=pb.PROVIDER_STATE_LIVE))
    return made.id


async def main() -> None:
    """Measures and prints."""
    await measure(firm, "a firm's OpenID provider", "ID tokens signed with ES256, by a provider that agrees at once")


if __name__ == "__main__":
    run(main)
