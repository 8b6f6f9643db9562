"""A gRPC server that answers Check with nothing behind it: what a call costs before anybody decides anything.

The same library, loop, certificates and messages as tenancy's; no token is read, no rule asked, no database. Started by
`rights_checks.py`: `python empty.py PORT`, with tenancy's variables on standard input.
"""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import grpc
import uvloop

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.tls import server_credentials

_ANSWER = tenancy_pb2.Decision(allowed=True)


async def check(_request: tenancy_pb2.CheckRequest, _context: grpc.aio.ServicerContext) -> tenancy_pb2.Decision:
    """Yes."""
    return _ANSWER


async def serve(port: int, told: dict[str, str]) -> None:
    """Listens until it is ended."""
    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        check,
        request_deserializer=tenancy_pb2.CheckRequest.FromString,
        response_serializer=tenancy_pb2.Decision.SerializeToString,
    )
    service = tenancy_pb2.DESCRIPTOR.services_by_name["RightsService"].full_name
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Check": method}),))
    files = {name: Path(told[f"PARVIS_{name.upper()}"]) for name in ("tls_ca", "tls_certificate", "tls_key")}
    server.add_secure_port(f"127.0.0.1:{port}", server_credentials(SimpleNamespace(**files)))
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), json.loads(sys.stdin.readline())))
