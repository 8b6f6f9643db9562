"""The servers that tests run against."""

import httpx


def test_the_store_answers_and_lets_nobody_in_without_credentials(store_server):
    assert httpx.get(f"{store_server.url}/healthz").status_code == 200
    assert httpx.get(store_server.url).status_code == 403
