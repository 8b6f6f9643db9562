"""Options of channels and servers: gRPC ignores a name that it does not know."""

from pathlib import Path

import pytest
from grpc._cython import cygrpc

from parvis_watch import replicas


@pytest.fixture(scope="module")
def library():
    return Path(cygrpc.__file__).read_bytes()


@pytest.mark.parametrize("name", sorted({name for name, _ in (*replicas.CHANNEL, *replicas.SERVER)}))
def test_grpc_knows_every_option_that_it_is_given(library, name):
    assert f"{name}\0".encode() in library


def test_a_server_bears_the_pings_of_our_channels():
    """Else it ends a quiet connection at the fourth with "too_many_pings"."""
    server, channel = dict(replicas.SERVER), dict(replicas.CHANNEL)
    assert server["grpc.http2.min_ping_interval_without_data_ms"] < channel["grpc.keepalive_time_ms"]
