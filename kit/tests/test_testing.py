"""The servers that tests run against."""

import urllib.request
from urllib.error import HTTPError

import pytest


def test_the_store_answers_and_lets_nobody_in_without_credentials(store_server):
    with urllib.request.urlopen(f"{store_server.url}/healthz", timeout=5) as answer:
        assert answer.status == 200
    with pytest.raises(HTTPError, match="403"):
        urllib.request.urlopen(store_server.url, timeout=5)
