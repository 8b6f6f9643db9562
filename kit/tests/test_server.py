"""The gRPC edge over real mutual TLS: who gets in, what a refusal leaves behind, what crosses to the caller."""

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from structlog.testing import capture_logs

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import Acting, acting_as, acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError, conflict
from parvis_kit.grants import ALL, GrantCache, GrantSet
from parvis_kit.server import GrpcServer, in_steps
from parvis_kit.settings import ServiceSettings
from parvis_kit.testing import free_port, make_caller
from parvis_kit.tokens import AUDIENCE, TokenVerifier
from parvis_watch import refusals

ISSUER = "http://localhost:8600"
RIGHTS, MEMBERS = "parvis.tenancy.v1.RightsService", "parvis.tenancy.v1.MemberService"
ORGANISATION, MEMBERSHIP, SESSION = uuid4(), uuid4(), uuid4()


class Settings(ServiceSettings):
    service = "tenancy"
    callers = {
        RIGHTS: frozenset({"web", "tenancy"}),
        f"{RIGHTS}.GetGrantSet": frozenset({"web"}),
        "parvis.tenancy.v1.MemberService": frozenset({"web"}),
    }


class Authority:
    """A local authority that makes certificates into a folder."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key, ca=True)
        (folder / "ca.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, name, key, *, ca=False):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def settings(self, name, **variables):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key)
        pem = serialization.Encoding.PEM
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
        (self.folder / f"{name}.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return Settings(
            database_url="postgresql://unused",
            nats_url="nats://unused",
            http_listen="127.0.0.1:0",
            public_url=ISSUER,
            tls_ca=self.folder / "ca.pem",
            tls_certificate=self.folder / f"{name}.pem",
            tls_key=self.folder / f"{name}.key",
            **variables,
        )


class Rights:
    """Stands where a service's RPCs stand; what it does is chosen by the request."""

    def __init__(self, database):
        self.database = database

    async def Check(self, unit, request):
        if request.right == "traced":
            unit.record("access.denied", target_kind="contact", target_id=request.contact_id)
            unit.outcome(conflict("denied_and_traced"))
        if request.right == "untraced":
            unit.record("access.denied", target_kind="contact", target_id=request.contact_id)
            raise conflict("denied_untraced")
        if request.right == "broken":
            raise RuntimeError("a mistake of ours")
        if request.right.startswith("typed"):
            unit.record(request.right, target_kind="contact", target_id=request.contact_id, typed=request.right)
            await unit.fetch("SELECT $1::text", "a" if request.right == "typed in details\0" else request.right)
        return tenancy_pb2.Decision(allowed=True, reason=str(unit.organisation_id))

    async def GetGrantSet(self, unit, request):
        return tenancy_pb2.GrantSet(membership_id=request.membership_id, organisation_id=str(unit.organisation_or_none))

    @in_steps
    async def ResolveMembership(self, begin, request):
        async with begin() as unit:
            unit.record("step.first", target_kind="membership", target_id=MEMBERSHIP)
            within = self.database.connections.taken
        between = self.database.connections.taken
        async with begin() as unit:
            unit.record("step.second", target_kind="membership", target_id=MEMBERSHIP)
            if request.account_id == "broken":
                raise conflict("second_step")
            return tenancy_pb2.Membership(id=str(unit.organisation_id), profile_name=f"{within} {between}")

    def __getattr__(self, name):
        async def answer(_unit, _request):
            raise AssertionError(name)

        return answer


class Members:
    """Answers every RPC that the rule lets through."""

    def __getattr__(self, name):
        answers = {"ListMembers": tenancy_pb2.ListMembersResponse, "ListProfiles": tenancy_pb2.ListProfilesResponse}

        async def answer(_unit, _request):
            return answers[name]()

        return answer


class Revoked:
    """What the revocation stream has told."""

    stale = False

    def __init__(self):
        self.sessions = set()

    def is_revoked(self, caller):
        return caller.session_id in self.sessions


class Stage:
    """A running server, and how to call it as whom."""

    def __init__(self, authority, address, key, revoked):
        self.authority, self.address, self.key, self.revoked = authority, address, key, revoked
        self.sessions_open = True
        self.closes_at = None

    def peers(self, service):
        return Peers(self.authority.settings(service, peers={"tenancy": self.address}))

    def token(self, **changes):
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": str(uuid4()), "org": str(ORGANISATION), "mbr": str(MEMBERSHIP),
            "mkind": "staff", "sid": str(SESSION), "iat": now, "exp": now + 300,
        } | changes  # fmt: skip
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self.key.kid}, claims, self.key)

    async def check(self, right="contacts.read", service="web", **changes):
        peers = self.peers(service)
        try:
            with acting_as(Acting(token=self.token(**changes))):
                stub = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))
                return await stub.Check(tenancy_pb2.CheckRequest(right=right, contact_id=str(uuid4())))
        finally:
            await peers.close()

    async def members(self, method, **changes):
        peers = self.peers("web")
        try:
            with acting_as(Acting(token=self.token(**changes))):
                stub = tenancy_pb2_grpc.MemberServiceStub(peers.channel("tenancy"))
                return await getattr(stub, method)(getattr(tenancy_pb2, f"{method}Request")())
        finally:
            await peers.close()

    async def grant_set(self, organisation=None, service="web", token=""):
        peers = self.peers(service)
        try:
            acting = acting_as(Acting(token=token)) if token else acting_for(organisation)
            with acting:
                stub = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))
                return await stub.GetGrantSet(tenancy_pb2.GetGrantSetRequest(membership_id=str(MEMBERSHIP)))
        finally:
            await peers.close()


@pytest.fixture(scope="module")
async def stage(database, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("tls"))
    address = f"127.0.0.1:{free_port()}"
    key = ECKey.generate_key("P-256", {"kid": "k", "use": "sig", "alg": "ES256"})
    revoked = Revoked()
    stage = Stage(authority, address, key, revoked)

    async def keys():
        return json.dumps(KeySet([key]).as_dict(private=False))

    async def grants(_caller):
        return GrantSet(MEMBERSHIP, ORGANISATION, "staff", 1, {"members.read": ALL}, closes_at=stage.closes_at)

    async def confirm(_caller):
        return stage.sessions_open

    server = GrpcServer(
        authority.settings("tenancy", grpc_listen=address),
        database,
        verifier=TokenVerifier(keys, issuer=ISSUER),
        revocations=revoked,
        grants=GrantCache(grants),
        confirm=confirm,
    )
    services = tenancy_pb2.DESCRIPTOR.services_by_name
    server.add(services["RightsService"], Rights(database))
    server.add(services["MemberService"], Members())
    await server.start()
    yield stage
    await server.stop(0)


async def refusal(call):
    with pytest.raises(ServiceError) as refused:
        await call
    return refused.value.kind, refused.value.reason


async def acts(database):
    async with database.begin(make_caller(ORGANISATION)) as unit:
        return [row["act"] for row in await unit.fetch("SELECT act FROM audit ORDER BY id")]


async def test_a_member_is_answered_for_the_organisation_of_the_token(stage):
    assert (await stage.check()).reason == str(ORGANISATION)


async def test_a_service_in_its_own_name_is_answered_for_the_organisation_it_names(stage):
    assert (await stage.grant_set(ORGANISATION)).organisation_id == str(ORGANISATION)


async def test_a_service_that_is_not_on_the_list_is_refused(stage):
    assert await refusal(stage.check(service="billing")) == (Kind.FORBIDDEN, "service_not_allowed")


async def test_the_list_of_a_method_stands_for_it_instead_of_its_service_s(stage):
    assert await refusal(stage.grant_set(ORGANISATION, service="tenancy")) == (Kind.FORBIDDEN, "service_not_allowed")


async def test_a_certificate_of_another_authority_does_not_connect(stage, tmp_path):
    elsewhere = Authority(tmp_path).settings("web", peers={"tenancy": stage.address})
    (tmp_path / "ca.pem").write_bytes((stage.authority.folder / "ca.pem").read_bytes())
    peers = Peers(elsewhere)
    with acting_for(ORGANISATION):
        stub = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))
        call = stub.GetGrantSet(tenancy_pb2.GetGrantSetRequest())
        assert await refusal(call) == (Kind.UNAVAILABLE, "service_unavailable")
    await peers.close()


async def test_a_person_does_not_call_what_is_for_services(stage):
    assert await refusal(stage.grant_set(token=stage.token())) == (Kind.FORBIDDEN, "services_only")


async def test_a_service_does_not_call_what_is_for_people(stage):
    peers = stage.peers("web")
    with acting_for(ORGANISATION):
        stub = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))
        assert await refusal(stub.Check(tenancy_pb2.CheckRequest())) == (Kind.UNAUTHENTICATED, "token_missing")
    await peers.close()


async def test_a_right_that_is_not_held_is_refused_by_name(stage):
    await stage.members("ListMembers")
    assert await refusal(stage.members("InviteMember")) == (Kind.FORBIDDEN, "right_missing")


async def test_who_was_refused_what_stands_in_the_log(stage, monkeypatch):
    monkeypatch.setattr(refusals, "_lately", refusals.Lately())
    who = str(uuid4())
    with capture_logs() as lines:
        for _ in range(3):
            await refusal(stage.members("InviteMember", sub=who))
    assert lines == [
        {
            "event": "refused", "log_level": "warning", "where": f"{MEMBERS}.InviteMember", "reason": "right_missing",
            "right": "members.invite", "by": "web", "account": who, "organisation": str(ORGANISATION),
        }
    ]  # fmt: skip


async def test_a_service_that_is_refused_stands_in_the_log(stage, monkeypatch):
    monkeypatch.setattr(refusals, "_lately", refusals.Lately())
    with capture_logs() as lines:
        await refusal(stage.check(service="billing"))
    assert [(line["by"], line["reason"]) for line in lines] == [("billing", "service_not_allowed")]


async def test_what_is_sensitive_is_done_by_whoever_has_just_proven_who_they_are(stage):
    now = int(time.time())
    for proven in (None, now - 1000):
        assert await refusal(stage.members("SaveProfile", proof_time=proven)) == (Kind.PRECONDITION, "step_up_required")
    assert await refusal(stage.members("SaveProfile", proof_time=now - 60)) == (Kind.FORBIDDEN, "right_missing")
    await stage.members("ListMembers", proof_time=now - 1000)


async def test_while_an_organisation_is_closed_it_is_read_and_nothing_changes(stage):
    closing = (Kind.PRECONDITION, "organisation_closing")
    stage.closes_at = datetime.now(UTC) + timedelta(days=30)
    reader = {"mbr": str(uuid4())}
    await stage.members("ListMembers", **reader)
    assert await refusal(stage.members("EndDelegation", **reader)) == closing
    assert await refusal(stage.members("InviteMember", **reader)) == (Kind.FORBIDDEN, "right_missing")
    stage.closes_at = None
    again = {"mbr": str(uuid4())}
    assert await refusal(stage.members("EndDelegation", **again)) != closing


async def test_a_portal_access_does_not_call_what_is_for_staff(stage):
    assert await refusal(stage.members("ListMembers", mkind="portal")) == (Kind.FORBIDDEN, "staff_only")


async def test_a_token_without_organisation_opens_nothing_of_an_organisation(stage):
    assert await refusal(stage.check(org=None, mbr=None)) == (Kind.UNAUTHENTICATED, "no_membership")


async def test_an_ended_session_is_refused_although_its_token_lives(stage):
    ended = uuid4()
    stage.revoked.sessions.add(ended)
    assert await refusal(stage.check(sid=str(ended))) == (Kind.UNAUTHENTICATED, "session_ended")


async def test_while_the_revocation_stream_is_silent_identity_is_asked(stage):
    stage.revoked.stale = True
    await stage.check()
    stage.sessions_open = False
    assert await refusal(stage.check()) == (Kind.UNAUTHENTICATED, "session_ended")
    stage.revoked.stale, stage.sessions_open = False, True


async def test_a_refusal_that_is_an_outcome_commits_its_trace(stage, database):
    before = await acts(database)
    assert await refusal(stage.check("traced")) == (Kind.CONFLICT, "denied_and_traced")
    assert len(await acts(database)) == len(before) + 1


async def test_a_refusal_that_is_raised_leaves_nothing(stage, database):
    before = await acts(database)
    assert await refusal(stage.check("untraced")) == (Kind.CONFLICT, "denied_untraced")
    assert await acts(database) == before


async def resolve(stage, **fields):
    peers = stage.peers("web")
    try:
        with acting_for(ORGANISATION):
            stub = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))
            return await stub.ResolveMembership(tenancy_pb2.ResolveMembershipRequest(**fields))
    finally:
        await peers.close()


async def test_a_call_in_steps_holds_no_connection_between_them_and_stays_in_its_organisation(stage):
    answer = await resolve(stage)
    within, between = answer.profile_name.split()
    assert (int(within), int(between)) == (1, 0)
    assert answer.id == str(ORGANISATION)


async def test_what_a_step_committed_stays_when_a_later_one_refuses(stage, database):
    before = await acts(database)
    assert await refusal(resolve(stage, account_id="broken")) == (Kind.CONFLICT, "second_step")
    assert (await acts(database))[len(before) :] == ["step.first"]


async def test_a_mistake_of_ours_is_told_as_a_reference_only(stage):
    with pytest.raises(ServiceError) as refused:
        await stage.check("broken")
    assert (refused.value.kind, refused.value.reason) == (Kind.INTERNAL, "internal")
    assert set(refused.value.params) == {"reference"}


@pytest.mark.parametrize("typed", ["typed\0", "typed in details\0"])
async def test_a_sign_that_cannot_be_stored_is_the_request_s_mistake(stage, typed):
    assert await refusal(stage.check(right=typed)) == (Kind.INVALID, "malformed_request")


async def test_a_call_without_a_deadline_is_refused(stage):
    settings = stage.authority.settings("web")
    credentials = grpc.ssl_channel_credentials(
        settings.tls_ca.read_bytes(), settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes()
    )
    options = [("grpc.ssl_target_name_override", "tenancy")]
    async with grpc.aio.secure_channel(stage.address, credentials, options) as channel:
        stub = tenancy_pb2_grpc.RightsServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="deadline_missing"):
            await stub.Check(tenancy_pb2.CheckRequest())


async def test_a_service_without_a_list_of_callers_does_not_start(stage, database):
    server = GrpcServer(
        stage.authority.settings("tenancy"), database,
        verifier=None, revocations=None, grants=None, confirm=None,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="ContactService"):
        server.add(tenancy_pb2.DESCRIPTOR.services_by_name["ContactService"], Members())


async def test_a_method_without_implementation_does_not_start(stage, database):
    server = GrpcServer(
        stage.authority.settings("tenancy"), database,
        verifier=None, revocations=None, grants=None, confirm=None,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="RightsService"):
        server.add(tenancy_pb2.DESCRIPTOR.services_by_name["RightsService"], object())


async def test_who_views_as_somebody_else_calls_what_is_marked_as_shown(stage):
    assert (await stage.check(act={"sub": str(uuid4())})).allowed


async def test_who_views_as_somebody_else_calls_nothing_else(stage):
    with pytest.raises(ServiceError) as caught:
        await stage.members("InviteMember", act={"sub": str(uuid4())})
    assert (caught.value.kind, caught.value.reason) == (Kind.FORBIDDEN, "viewing_read_only")


async def test_what_is_marked_as_shown_writes_nothing_for_who_views(stage, database):
    before = await acts(database)
    assert await refusal(stage.check("traced", act={"sub": str(uuid4())})) == (Kind.INTERNAL, "internal")
    assert await acts(database) == before
