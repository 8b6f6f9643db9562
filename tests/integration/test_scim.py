"""A compliance checker of SCIM that others wrote (scim2-tester) passes against the suite."""

import asyncio
from collections import Counter

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from parvis.identity.v1 import scim_pb2, scim_pb2_grpc

FIRM = "cabinet-orsel"
#: What its random people cannot have here, each with its reason. Nothing else may fail.
PASSED_OVER: dict[str, str] = {}


@pytest.fixture
async def token(portal):
    """A token of the firm's directory, for as long as the test runs."""
    administrator = await portal.activated("claire.orsel@orsel.example")
    organisation_id = (await administrator.organisations())[FIRM]
    tokens = scim_pb2_grpc.ScimServiceStub(portal.peers.channel("identity"))
    async with administrator.acting_for(organisation_id):
        for each in (await tokens.GetScim(scim_pb2.GetScimRequest())).tokens:
            await tokens.RevokeScimToken(scim_pb2.RevokeScimTokenRequest(id=each.id))
        made = await tokens.CreateScimToken(scim_pb2.CreateScimTokenRequest(name="scim2-tester", days=1))
    yield made.secret
    async with administrator.acting_for(organisation_id):
        await tokens.RevokeScimToken(scim_pb2.RevokeScimTokenRequest(id=made.token.id))


async def test_a_checker_by_others_passes(portal, token):
    def check():
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=f"{portal.url}/scim/v2", headers=headers, trust_env=False, timeout=60) as http:
            return check_server(SyncSCIMClient(http))

    results = await asyncio.to_thread(check)

    bad = [f"{each.title}: {each.reason}" for each in results if each.status not in {Status.SUCCESS, Status.SKIPPED}]
    assert not bad, "\n".join(bad)
    assert Counter(each.status for each in results)[Status.SUCCESS] > 100


@pytest.mark.parametrize("size", [5_000_000, 20_000_000])
async def test_what_is_too_large_is_refused_in_words_that_arrive(portal, token, size):
    def ask():
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        with httpx2.Client(base_url=portal.url, headers=headers, trust_env=False, timeout=60) as http:
            return http.post("/scim/v2/Users", content=b" " * size)

    answer = await asyncio.to_thread(ask)

    assert (answer.status_code, answer.json()["status"]) == (413, "413")
