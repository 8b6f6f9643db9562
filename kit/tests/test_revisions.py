"""A write's answer says which revision of rights it led to; no older set answers a call that carries one."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey, KeySet
from test_server import ISSUER, MEMBERSHIP, ORGANISATION, Authority, Revoked, Stage

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import Acting, acting, acting_as, acting_for
from parvis_kit.errors import ServiceError, conflict
from parvis_kit.grants import ALL, GrantCache, GrantSet
from parvis_kit.server import GrpcServer, in_steps
from parvis_kit.testing import free_port
from parvis_kit.tokens import TokenVerifier

RIGHTS = "members.manage"


class Members:
    """CutMember changes rights; InviteMember, in steps, meets a change of somebody else's between its two."""

    def __init__(self, tenancy, revoked):
        self.tenancy = tenancy
        self.revoked = revoked

    async def CutMember(self, unit, request):
        self.tenancy.change()
        unit.revised(self.tenancy.grants.revision)
        if request.id == "outcome":
            unit.outcome(conflict("refused_after_all"))
        if request.id == "raised":
            raise conflict("nothing_done")
        return tenancy_pb2.Member()

    @in_steps
    async def UpdateMember(self, begin, request):
        async with begin() as unit:
            first = unit.grants.revision
        if request.id == "session ends":
            self.revoked.sessions.add(unit.caller.session_id)
        if request.version:
            self.tenancy.announce(rights={} if request.version == 1 else {RIGHTS: ALL})
        async with begin() as unit:
            return tenancy_pb2.Member(given_name=f"{first} {unit.grants.revision}")

    async def ListMembers(self, unit, _request):
        acting().saw(ORGANISATION, 40)  # as an answer of a neighbour's would say
        return tenancy_pb2.ListMembersResponse(total=unit.grants.revision)

    def __getattr__(self, name):
        async def answer(_unit, _request):
            raise AssertionError(name)

        return answer


class Tenancy:
    """What a membership may do, and the cache that asks."""

    def __init__(self):
        self.grants = GrantSet(MEMBERSHIP, ORGANISATION, "staff", 1, {RIGHTS: ALL, "members.read": ALL})
        self.cache = GrantCache(self.fetch)
        self.indexed = []

    async def fetch(self, _caller):
        return self.grants

    def change(self, **changes):
        self.grants = replace(self.grants, revision=self.grants.revision + 1, **changes)

    def announce(self, **changes):
        self.change(**changes)
        self.cache.drop(ORGANISATION, frozenset(), self.grants.revision)

    async def ready(self, grants):
        self.indexed.append(grants.revision)


@pytest.fixture
async def tenancy():
    return Tenancy()


@pytest.fixture
async def stage(tenancy, database, tmp_path):
    authority = Authority(tmp_path)
    address = f"127.0.0.1:{free_port()}"
    key = ECKey.generate_key("P-256", {"kid": "k", "use": "sig", "alg": "ES256"})

    async def keys():
        return json.dumps(KeySet([key]).as_dict(private=False))

    revoked = Revoked()
    server = GrpcServer(
        authority.settings("tenancy", grpc_listen=address),
        database,
        verifier=TokenVerifier(keys, issuer=ISSUER),
        revocations=revoked,
        grants=tenancy.cache,
        confirm=None,
    )
    server.ready = tenancy.ready
    server.add(tenancy_pb2.DESCRIPTOR.services_by_name["MemberService"], Members(tenancy, revoked))
    await server.start()
    yield Stage(authority, address, key, None)
    await server.stop(0)


@asynccontextmanager
async def calling(stage, **revisions):
    """Members as somebody calls them who knows of these revisions; what they know of afterwards."""
    peers = stage.peers("web")
    known = {name.replace("_", "-"): revision for name, revision in revisions.items()}
    try:
        with acting_as(Acting(token=stage.token(), revisions=known)):
            yield tenancy_pb2_grpc.MemberServiceStub(peers.channel("tenancy")), known
    finally:
        await peers.close()


def knowing(revision):
    return {str(ORGANISATION): revision}


async def test_the_answer_of_a_write_carries_the_revision_that_it_led_to(stage):
    async with calling(stage) as (members, known):
        await members.CutMember(tenancy_pb2.CutMemberRequest())
    assert known == knowing(2)


async def test_a_refusal_that_committed_carries_it_too(stage):
    async with calling(stage) as (members, known):
        with pytest.raises(ServiceError, match="refused_after_all"):
            await members.CutMember(tenancy_pb2.CutMemberRequest(id="outcome"))
    assert known == knowing(2)


async def test_what_was_rolled_back_led_to_no_revision(stage):
    async with calling(stage) as (members, known):
        with pytest.raises(ServiceError, match="nothing_done"):
            await members.CutMember(tenancy_pb2.CutMemberRequest(id="raised"))
    assert known == {}


async def test_a_service_passes_on_what_its_neighbours_answers_said(stage):
    async with calling(stage) as (members, known):
        await members.ListMembers(tenancy_pb2.ListMembersRequest())
    assert known == knowing(40)


async def test_whoever_wrote_reads_with_the_rights_that_followed(stage, tenancy):
    async with calling(stage) as (members, _):
        await members.ListMembers(tenancy_pb2.ListMembersRequest())
    tenancy.change()  # nobody announces it
    async with calling(stage) as (members, _):
        assert (await members.ListMembers(tenancy_pb2.ListMembersRequest())).total == 1
    async with calling(stage, **knowing(2)) as (members, _):
        assert (await members.ListMembers(tenancy_pb2.ListMembersRequest())).total == 2


async def test_a_revision_of_the_future_is_refused_at_the_edge(stage):
    async with calling(stage, **knowing(9)) as (members, _):
        with pytest.raises(ServiceError, match="revision_ahead"):
            await members.ListMembers(tenancy_pb2.ListMembersRequest())


@pytest.mark.parametrize("text", ["", "nonsense", "{}:", "{}:-1", "{}:9999999999999999999"])
async def test_metadata_that_is_no_revision_counts_for_nothing(text):
    heard = Acting()
    heard.hears([("parvis-revision", text.format(ORGANISATION)), ("parvis-revision", f"{ORGANISATION}:3")])
    assert heard.revisions == knowing(3)


async def test_an_older_revision_never_replaces_a_newer_one():
    heard = Acting()
    heard.hears([("parvis-revision", f"{ORGANISATION}:3"), ("parvis-revision", f"{ORGANISATION}:2")])
    assert heard.revisions == knowing(3)


async def test_what_an_index_lacks_is_asked_about_only_for_whoever_carries_a_revision(stage, tenancy):
    async with calling(stage, **{str(uuid4()): 5}) as (members, _):
        await members.ListMembers(tenancy_pb2.ListMembersRequest())
    assert tenancy.indexed == []
    async with calling(stage, **knowing(1)) as (members, _):
        await members.ListMembers(tenancy_pb2.ListMembersRequest())
    assert tenancy.indexed == [1]


async def test_a_right_taken_away_during_a_call_in_steps_is_not_used_in_its_next_one(stage):
    async with calling(stage) as (members, _):
        with pytest.raises(ServiceError, match="right_missing"):
            await members.UpdateMember(tenancy_pb2.UpdateMemberRequest(version=1))


async def test_a_session_that_ends_during_a_call_in_steps_does_nothing_in_its_next_one(stage):
    async with calling(stage) as (members, _):
        with pytest.raises(ServiceError, match="session_ended"):
            await members.UpdateMember(tenancy_pb2.UpdateMemberRequest(id="session ends"))


async def test_a_step_after_an_announced_change_has_the_rights_that_followed(stage):
    async with calling(stage) as (members, _):
        assert (await members.UpdateMember(tenancy_pb2.UpdateMemberRequest(version=2))).given_name == "1 2"


async def test_without_a_change_every_step_has_the_same_rights(stage):
    async with calling(stage) as (members, _):
        assert (await members.UpdateMember(tenancy_pb2.UpdateMemberRequest())).given_name == "1 1"


async def test_what_is_asked_in_the_service_s_own_name_ends_with_the_request_and_teaches_it():
    with acting_as(Acting(token="t", deadline=12.5)):
        request = acting()
        with acting_for(ORGANISATION):
            assert (acting().token, acting().deadline) == ("", 12.5)
            acting().saw(ORGANISATION, 4)
        assert request.revisions == knowing(4)
