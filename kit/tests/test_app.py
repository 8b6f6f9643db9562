"""Whom a request is from, as the pages see it."""

import pytest

from parvis_kit.app import HttpServer


@pytest.mark.parametrize(
    ("peer", "seen"),
    [("10.1.0.9", "203.0.113.7"), ("127.0.0.1", "127.0.0.1"), ("192.0.2.66", "192.0.2.66")],
    ids=["our proxy", "somebody on this machine", "a stranger"],
)
async def test_only_a_trusted_proxy_says_where_a_visitor_comes_from(peer, seen):
    found = []

    async def app(scope, _receive, _send):
        found.append(scope["client"][0])

    config = HttpServer(app, "127.0.0.1:0", trusted_proxies="10.1.0.0/16").config
    config.load()
    headers = [(b"x-forwarded-for", b"198.51.100.1, 203.0.113.7")]
    await config.loaded_app({"type": "http", "client": (peer, 1), "headers": headers, "scheme": "http"}, None, None)
    assert found == [seen]
