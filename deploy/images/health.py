"""Says whether this container is ready: asks /health/ready where the service listens. Standard library only.

Prints what the service answers, so that `docker inspect` tells what a container waits for.
"""

import http.client
import os
import socket
import ssl
import sys

SECONDS = 4.0
#: Where a listener of every address is asked.
OWN = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound
#: Every certificate of a service bears it, and none the address of a machine.
NAME = "localhost"


def asked(listen: str) -> tuple[str, int]:
    """Where a service is asked that listens there: the address, of IPv6 with or without brackets, and the port. Raises
    ValueError.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    return OWN.get(host, host), int(port)


def connect(host: str, port: int) -> http.client.HTTPConnection:
    """Over TLS where the service speaks it; its certificate is one of the installation's authority."""
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    if os.environ.get("PARVIS_HTTP_TLS", "").lower() in {"1", "true", "t", "yes", "y", "on"}:
        believed = ssl.create_default_context(cafile=os.environ.get("PARVIS_TLS_CA", "/run/secrets/tls_ca"))
        plain = socket.create_connection((connection.host, port), SECONDS)
        connection.sock = believed.wrap_socket(plain, server_hostname=NAME)
    return connection


def main() -> int:
    """0 when ready."""
    listen = os.environ.get("PARVIS_HTTP_LISTEN", "0.0.0.0:8080")
    try:
        host, port = asked(listen)
    except ValueError:
        sys.stdout.write(f"PARVIS_HTTP_LISTEN is HOST:PORT, and is {listen!r}\n")
        return 1
    try:
        connection = connect(host, port)
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        sys.stdout.write(answer.read(2000).decode(errors="replace") + "\n")
    except OSError as error:
        sys.stdout.write(f"nothing answers at {listen}: {error}\n")
        return 1
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
