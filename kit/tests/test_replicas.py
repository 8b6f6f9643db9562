"""Several replicas of a service: called in turn, and one that leaves fails no call."""

import asyncio
import socket
import struct

import pytest
from test_server import ISSUER, ORGANISATION, RIGHTS, Authority, Revoked, Rights

from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import ServiceError
from parvis_kit.server import GrpcServer
from parvis_kit.testing import eventually, free_port
from parvis_kit.tokens import TokenVerifier
from parvis_watch import replicas as choice


class Counted(Rights):
    """Counts what it is asked."""

    def __init__(self, database):
        super().__init__(database)
        self.asked = 0

    async def GetGrantSet(self, unit, request):
        self.asked += 1
        return await super().GetGrantSet(unit, request)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def replicas(request, database, authority):
    """Two servers of one service, each with what counts its calls; where the test names hosts, on one port of them."""
    made, port = [], free_port()
    for host in getattr(request, "param", ("", "")):
        rights, address = Counted(database), f"{host}:{port}" if host else f"127.0.0.1:{free_port()}"
        server = GrpcServer(
            authority.settings("tenancy", grpc_listen=address),
            database,
            verifier=TokenVerifier(None, issuer=ISSUER),
            revocations=Revoked(),
            grants=None,
            confirm=None,
        )
        server.add(tenancy_pb2.DESCRIPTOR.services_by_name[RIGHTS.rpartition(".")[2]], rights)
        await server.start()
        made.append((address, server, rights))
    yield made
    for _, server, _ in made:
        await server.stop(0)


@pytest.fixture
async def ask(authority, replicas):
    """Calls an RPC that may change something: nothing tries it again."""
    peers = Peers(authority.settings("web", peers={"tenancy": ",".join(address for address, *_ in replicas)}))
    stub = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))

    async def ask():
        with acting_for(ORGANISATION):
            await stub.GetGrantSet(tenancy_pb2.GetGrantSetRequest(membership_id="m"))

    yield ask
    await peers.close()


async def test_replicas_are_asked_in_turn(replicas, ask):
    async def both():
        await ask()
        return all(rights.asked > 3 for *_, rights in replicas)

    await eventually(both)


async def test_a_replica_that_leaves_fails_no_call_and_is_asked_nothing_more(replicas, ask):
    (_, first, left), (_, _, stays) = replicas
    over, failed = asyncio.Event(), []

    async def people():
        while not over.is_set():
            try:
                await ask()
            except ServiceError as error:
                failed.append(error)

    working = asyncio.gather(*(people() for _ in range(8)))

    async def both():
        return left.asked and stays.asked

    await eventually(both)
    first.health.leave()
    await asyncio.sleep(0.5)
    asked = left.asked
    await asyncio.sleep(0.3)
    assert left.asked == asked
    await first.stop(5)
    went_on = stays.asked
    await asyncio.sleep(0.3)
    over.set()
    await working
    assert (failed, stays.asked > went_on) == ([], True)


async def test_a_replica_that_died_is_left_out(replicas, ask):
    (_, first, _), _ = replicas
    await ask()
    await first.stop(0)

    async def answered():
        try:
            await ask()
        except ServiceError:
            return False
        return True

    for _ in range(3):
        await eventually(answered)


class Names(asyncio.DatagramProtocol):
    """A name server that knows one name, whatever is asked."""

    def __init__(self, *addresses):
        self.addresses = addresses

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, asker):
        end = data.index(0, 12) + 5
        # Of type A, class IN, for ten minutes: as container engines answer.
        known = self.addresses if data[end - 4 : end - 2] == b"\0\1" else ()
        answers = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 600, 4) + socket.inet_aton(address) for address in known
        )
        head = data[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, len(known), 0, 0)
        self._transport.sendto(head + data[12:end] + answers, asker)


@pytest.fixture
async def names(monkeypatch):
    """What a name stands for; connections live for a second."""
    age = "grpc.max_connection_age_ms"
    monkeypatch.setattr(choice, "SERVER", tuple({**dict(choice.SERVER), age: 1000}.items()))
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(lambda: Names("127.0.0.2"), local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(choice, "target", lambda address: f"dns://127.0.0.1:{port}/{address}")
    yield names
    transport.close()


@pytest.mark.parametrize("replicas", [("127.0.0.2", "127.0.0.3")], indirect=True)
async def test_who_comes_under_the_same_name_is_found_and_the_one_before_leaves_without_a_call_that_fails(
    names, replicas, authority
):
    (address, first, left), (_, _, stays) = replicas
    peers = Peers(authority.settings("web", peers={"tenancy": address.replace("127.0.0.2", "tenancy.test")}))
    stub = tenancy_pb2_grpc.RightsServiceStub(peers.channel("tenancy"))

    async def found():
        with acting_for(ORGANISATION):
            await stub.GetGrantSet(tenancy_pb2.GetGrantSetRequest(membership_id="m"))
        return stays.asked

    for _ in range(5):
        assert not await found()
    names.addresses = ("127.0.0.2", "127.0.0.3")
    await eventually(found)
    first.health.leave()
    await asyncio.sleep(0.5)
    asked = left.asked
    for _ in range(20):
        await found()
    assert left.asked == asked
    await peers.close()


def test_callers_look_again_before_a_replacement_lets_the_old_one_leave():
    """`found` of deploy/compose/replace, FOUND of deploy/clusters/compose_source.py: 20 and 25 seconds."""
    look = dict(choice.SERVER)["grpc.max_connection_age_ms"] * 1.1  # gRPC takes up to a tenth more
    assert look + dict(choice.CHANNEL)["grpc.dns_min_time_between_resolutions_ms"] < 20_000
