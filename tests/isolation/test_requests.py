"""Whoever asked an organisation for an account waits outside of it."""

import pytest
from callers import Caller
from people import FIRM

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError


async def test_whoever_waits_gets_no_token_of_the_organisation(cast, wires):
    who = await cast.member("requested-member")
    request = identity_pb2.GetOrganisationTokenRequest(
        refresh_token=who.person._refresh_token, organisation_id=cast.firm
    )
    with pytest.raises(ServiceError) as refusal:
        await wires.call(Caller("web"), "SessionService.GetOrganisationToken", request)
    assert refusal.value.kind is Kind.NOT_FOUND


async def test_whoever_waits_belongs_to_nothing_and_sees_their_own_request(cast, wires):
    caller = await cast.caller("requested-member")
    mine = await wires.call(caller, "OrganisationService.ListMyOrganisations", tenancy_pb2.ListMyOrganisationsRequest())
    asked = await wires.call(caller, "RequestService.ListMyRequests", tenancy_pb2.ListMyRequestsRequest())
    assert not mine.organisations
    assert [each.organisation.slug for each in asked.requests] == [FIRM]
    assert "isolation" not in str(asked.requests[0].support)
