"""What the user of a service may do at NATS, asked of a real server."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import nats
import pytest
from nats.errors import Error, TimeoutError  # noqa: A004 - the client's own
from nats.js.errors import APIError

from parvis.identity.v1.events_pb2 import SessionEnded
from parvis.records.v1.events_pb2 import DESCRIPTOR
from parvis_kit.broker import STREAM, Broker, Feed, Puller
from parvis_kit.envelope import subject_of
from parvis_local.broker_users import configuration, permissions
from parvis_local.credentials import DATABASES
from parvis_watch.queue import oldest

HOST = "127.0.0.1"
OWN = subject_of(SessionEnded)
OTHERS = ["parvis.billing.v1.InvoiceClosed", "parvis.records.v1.PersonErased", "parvis.sample"]


@pytest.fixture(scope="module")
def address(tmp_path_factory, free_base):
    """Of a user, by name."""
    folder, port = tmp_path_factory.mktemp("nats"), free_base()

    def url(user):
        return f"nats://{user}:password-of-{user}@{HOST}:{port}"

    (folder / "users.conf").write_text(configuration(url("parvis"), {name: url(name) for name in DATABASES}))
    (folder / "nats.conf").write_text(
        f'listen: "{HOST}:{port}"\njetstream {{ store_dir: "{folder}/data" }}\ninclude users.conf\n'
    )
    command = [str(Path(sys.executable).with_name("nats-server")), "--config", str(folder / "nats.conf")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield url
    server.kill()
    server.wait(10)


@pytest.fixture
async def identity(address):
    """The broker as identity has it, which makes the stream."""
    broker = Broker(address("identity"), name="parvis-identity")
    async with asyncio.timeout(20):
        await broker.client()
    yield broker
    await broker.close()


async def raw(address, user, **told):
    """A connection, and what the server complains of."""
    complaints = asyncio.Queue()

    async def complain(error):
        complaints.put_nowait(str(error).lower())

    return await nats.connect(address(user), error_cb=complain, **told), complaints


async def heard(complaints):
    async with asyncio.timeout(10):
        return await complaints.get()


async def test_a_service_publishes_and_hears_what_it_needs(identity):
    came = []
    first, second = asyncio.Event(), asyncio.Event()

    async def on_feed(message):
        came.append(("feed", message.subject))
        first.set()

    async def settle(message):
        await message.ack()
        came.append(("consumer", message.subject))
        second.set()

    settling = []
    puller = Puller(identity, "identity", [OWN], lambda message: settling.append(asyncio.create_task(settle(message))),
                    lambda: 4, 5.0)  # fmt: skip
    running = [
        asyncio.create_task(each.run()) for each in (Feed(identity, [OWN], on_feed, timedelta(minutes=1)), puller)
    ]
    await identity.publish(OWN, b"", {"Nats-Msg-Id": "one"})
    async with asyncio.timeout(20):
        await first.wait()
        await second.wait()
    assert (await identity.stream())["state"]["bytes"] > 0
    assert (await identity.made())[1] > timedelta(0)
    assert await oldest(await identity.client(), STREAM, identity.name, [OWN], 0) > 0
    assert (await puller.stands()).num_pending == 0
    for task in running:
        task.cancel()
    assert sorted(set(came)) == [("consumer", OWN), ("feed", OWN)]


@pytest.mark.parametrize("subject", OTHERS)
async def test_nobody_publishes_what_another_service_says(identity, address, subject):
    client, complaints = await raw(address, "identity")
    await client.publish(subject, b"")
    assert "permissions violation for publish" in await heard(complaints)
    await client.close()


@pytest.mark.parametrize("act", ["delete_stream", "purge_stream", "update_stream"])
async def test_a_service_takes_nothing_out_of_the_stream(identity, address, act):
    client, complaints = await raw(address, "identity", inbox_prefix="_INBOX.parvis.identity")
    arguments = {"name": STREAM, "max_age": 1} if act == "update_stream" else {}
    with pytest.raises((Error, APIError, TimeoutError)):
        await getattr(client.jsm(timeout=0.5), act)(*([] if arguments else [STREAM]), **arguments)
    assert "permissions violation for publish" in await heard(complaints)
    await client.close()


@pytest.mark.parametrize("subject", ["parvis.>", ">", "_INBOX.parvis.billing.>", "_INBOX.>"])
async def test_a_service_hears_its_own_answers_only(identity, address, subject):
    client, complaints = await raw(address, "identity")
    await client.subscribe(subject)
    assert "permissions violation for subscription" in await heard(complaints)
    await client.close()


async def test_the_operators_user_may_do_anything(identity, address):
    client = await nats.connect(address("parvis"))
    await client.jetstream().publish("parvis.billing.v1.InvoiceClosed", b"")
    assert await client.jsm().purge_stream(STREAM)
    await client.close()


def test_somebody_may_say_each_event_of_the_contract_that_all_share():
    said = {name for service in DATABASES for name in permissions(service)["publish"]}
    parts = {field.message_type for each in DESCRIPTOR.message_types_by_name.values() for field in each.fields}
    events = [each for each in DESCRIPTOR.message_types_by_name.values() if each not in parts]
    assert {each.full_name for each in events} - said == set()


def test_only_one_service_spreads_the_stream_over_servers():
    spreading = [name for name in DATABASES if f"$JS.API.STREAM.UPDATE.{STREAM}" in permissions(name)["publish"]]
    assert spreading == ["tenancy"]
