"""Calls to registered addresses: where they may go, and how long and large an answer may be."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from parvis_identity.domain.destinations import networks_of, reachable
from parvis_identity.service import outgoing
from parvis_identity.service.outgoing import NotAllowed, NotReached, Outgoing

HOME = networks_of("127.0.0.0/8, ::1")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.1.1",  # noqa: S104
        "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff0e::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:7f00:1::", "192.0.2.1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_everybodys_is_not_called(address):
    assert reachable([address], private=(), encrypted=True) == []


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_is_called_over_tls_only(address):
    assert reachable([address], private=(), encrypted=True) == [address]
    assert reachable([address], private=(), encrypted=False) == []


def test_a_name_that_leads_inside_too_is_not_called_at_all():
    assert reachable(["93.184.215.14", "10.0.0.1"], private=(), encrypted=True) == []


def test_what_the_settings_list_is_called_without_tls():
    assert reachable(["127.0.0.1", "::1"], private=HOME, encrypted=False) == ["127.0.0.1", "::1"]


@asynccontextmanager
async def server(answer: bytes, *, pause: float = 0):
    """Answers anything with `answer`; remembers what came."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        seen.append(head + await reader.readexactly(length))
        await asyncio.sleep(pause)
        writer.write(answer)
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with running:
        yield f"http://localhost:{running.sockets[0].getsockname()[1]}", seen


@pytest.fixture
async def home():
    made = Outgoing("127.0.0.0/8, ::1")
    yield made
    await made.close()


async def test_a_form_arrives_as_it_was_sent(home):
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (url, seen):
        reply = await home.post_form(f"{url}/back?a=1", {"logout_token": "x y"})

    assert (reply.status, reply.body) == (200, b"ok")
    assert seen[0].startswith(b"POST /back?a=1 HTTP/1.1\r\n")
    assert seen[0].endswith(b"logout_token=x+y")


async def test_a_redirect_is_not_followed(home):
    async with server(b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n") as (url, seen):
        reply = await home.get(url)

    assert (reply.status, len(seen)) == (302, 1)


async def test_an_answer_without_end_is_cut(home):
    body = b"x" * (outgoing.LARGEST + 1)
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)) as (url, _):
        with pytest.raises(NotReached, match="too large"):
            await home.get(url)


async def test_an_answer_that_does_not_come_is_not_waited_for(home, monkeypatch):
    monkeypatch.setattr(outgoing, "STEP", 0.1)
    async with server(b"", pause=1) as (url, _):
        with pytest.raises(NotReached, match="in time"):
            await home.get(url)


async def test_this_machine_is_called_only_when_the_settings_say_so():
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, seen):
        with pytest.raises(NotAllowed):
            await Outgoing().get(url)
        with pytest.raises(NotAllowed):
            await Outgoing().get(url.replace("http:", "https:"))

    assert seen == []


@pytest.mark.parametrize(
    "url",
    ["ftp://localhost/", "file:///etc/passwd", "https://", "https://a@b/", "https://[::1/", "https://exämple/", "x"],
)
async def test_what_is_no_address_is_not_called(home, url):
    with pytest.raises(NotAllowed):
        await home.get(url)


async def test_what_is_no_http_is_no_answer(home):
    async with server(b"220 mail.example ESMTP\r\n") as (url, _):
        with pytest.raises(NotReached):
            await home.get(url)


async def test_whoever_asks_says_how_much_is_read_of_an_answer(home):
    async with server(b"HTTP/1.1 200 X\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000) as (url, _):
        assert len((await home.get(url, largest=3000)).body) == 3000
        with pytest.raises(NotReached, match="too large"):
            await home.get(url, largest=2999)


async def test_whoever_asks_says_who_they_are(home):
    async with server(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n") as (url, seen):
        await home.get(url, authorization="Bearer t")
        await home.post_form(url, {"a": "b"}, authorization="Basic eA==")
        await home.get(url)

    assert [b"Authorization" in each for each in seen] == [True, True, False]
