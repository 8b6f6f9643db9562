"""Certificates are renewed, and the authority is replaced, under calls: nobody notices."""

import asyncio
import json
import shutil
import socket
import ssl
from uuid import uuid4

import pytest
from cryptography import x509
from joserfc.jwk import ECKey, KeySet
from test_server import ISSUER, MEMBERSHIP, Authority, Members, Revoked, Rights

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit import tls
from parvis_kit.caller import acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.grants import GrantCache
from parvis_kit.server import GrpcServer
from parvis_kit.testing import eventually, free_port
from parvis_kit.tokens import TokenVerifier
from parvis_watch import papers

ORGANISATION = uuid4()


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(papers, "PAUSE", 0.05)


class Pair:
    """A server, and a client that calls it all the time."""

    def __init__(self, authority, address):
        self.authority, self.address = authority, address
        self.settings = authority.settings("web", peers={"tenancy": address})
        self.peers = Peers(self.settings)
        self.answered, self.failed = 0, []

    async def call(self, peers=None):
        stub = tenancy_pb2_grpc.RightsServiceStub((peers or self.peers).channel("tenancy"))
        with acting_for(ORGANISATION):
            await stub.GetGrantSet(tenancy_pb2.GetGrantSetRequest(membership_id=str(MEMBERSHIP)))

    async def keep_calling(self):
        while True:
            try:
                await self.call()
                self.answered += 1
            except ServiceError as error:
                self.failed.append(error)
            await asyncio.sleep(0.002)

    async def some_calls(self, number=25):
        upto = self.answered + number
        async with asyncio.timeout(20):
            while self.answered < upto:  # noqa: ASYNC110 - what is waited for is a number of calls
                await asyncio.sleep(0.01)

    def serial(self):
        """Of the certificate that the server shows in a new handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.settings.tls_certificate, self.settings.tls_key)
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), 5) as plain, context.wrap_socket(plain) as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)).serial_number

    async def shows(self, name):
        """The server shows what the file of `name` holds."""
        kept = x509.load_pem_x509_certificate((self.authority.folder / f"{name}.pem").read_bytes()).serial_number
        await eventually(lambda: asyncio.to_thread(lambda: self.serial() == kept))


@pytest.fixture
async def pair(database, tmp_path):
    authority = Authority(tmp_path)
    address = f"127.0.0.1:{free_port()}"
    key = ECKey.generate_key("P-256", {"kid": "k"})

    async def keys():
        return json.dumps(KeySet([key]).as_dict(private=False))

    async def nothing(_caller):
        raise AssertionError

    server = GrpcServer(
        authority.settings("tenancy", grpc_listen=address), database, verifier=TokenVerifier(keys, issuer=ISSUER),
        revocations=Revoked(), grants=GrantCache(nothing), confirm=nothing,
    )  # fmt: skip
    services = tenancy_pb2.DESCRIPTOR.services_by_name
    server.add(services["RightsService"], Rights(database))
    server.add(services["MemberService"], Members())
    await server.start()
    pair = Pair(authority, address)
    calling = asyncio.create_task(pair.keep_calling())
    await pair.some_calls()
    yield pair
    calling.cancel()
    await pair.peers.close()
    await server.stop(0)


async def test_new_certificates_of_both_ends_are_taken_under_calls_and_none_fails(pair):
    for _ in range(3):
        pair.authority.settings("tenancy")
        pair.authority.settings("web")
        await pair.shows("tenancy")
        await pair.some_calls()
    assert pair.failed == []


async def test_the_authority_is_replaced_under_calls_and_none_fails(pair, tmp_path):
    folder = pair.authority.folder
    before = (folder / "ca.pem").read_bytes()
    after = Authority(made(tmp_path / "new"), "authority of next year")
    new = (after.folder / "ca.pem").read_bytes()

    (folder / "ca.pem").write_bytes(new + before)  # believed by all, before anybody shows one of its certificates
    await asyncio.sleep(0.2)
    for name in ("tenancy", "web"):
        after.settings(name)
        for part in ("key", "pem"):
            shutil.copy(after.folder / f"{name}.{part}", folder / f"{name}.{part}")
        await pair.some_calls()
    await pair.shows("tenancy")
    (folder / "ca.pem").write_bytes(new)
    await asyncio.sleep(0.2)
    await pair.some_calls()

    assert pair.failed == []
    fresh = Peers(pair.settings)
    await pair.call(fresh)
    stranger = Peers(pair.authority.settings("stranger", peers={"tenancy": pair.address}))
    with pytest.raises(ServiceError) as refused:  # signed by the authority of before
        await pair.call(stranger)
    assert refused.value.kind is Kind.UNAVAILABLE
    for each in (fresh, stranger):
        await each.close()


async def test_half_a_renewal_is_not_shown(pair):
    serial = await asyncio.to_thread(pair.serial)
    kept = (pair.authority.folder / "tenancy.key").read_bytes()
    pair.authority.settings("tenancy")
    new = (pair.authority.folder / "tenancy.key").read_bytes()
    (pair.authority.folder / "tenancy.key").write_bytes(kept)  # the certificate is there before its key
    await asyncio.sleep(0.2)
    assert await asyncio.to_thread(pair.serial) == serial
    (pair.authority.folder / "tenancy.key").write_bytes(new)
    await pair.shows("tenancy")
    await pair.some_calls()
    assert pair.failed == []


async def test_grpc_is_given_certificates_when_they_are_new_and_at_no_other_handshake(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(tls.grpc, "dynamic_ssl_server_credentials", lambda *told, **_: given.extend(told))
    authority = Authority(tmp_path)
    tls.server_credentials(authority.settings("tenancy"))
    first, again = given
    assert first is not None
    assert [again() for _ in range(5)] == [None] * 5
    authority.settings("tenancy")  # makes others in their place
    await eventually(lambda: asyncio.to_thread(lambda: again() is not None))
    assert again() is None


def made(folder):
    folder.mkdir()
    return folder
