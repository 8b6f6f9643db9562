"""Says whether this container is ready: asks /health/ready where the service listens. Standard library only.

Prints what the service answers, so that `docker inspect` tells what a container waits for.
"""

import http.client
import os
import sys

SECONDS = 4.0


def main() -> int:
    """0 when ready."""
    host, _, port = os.environ.get("PARVIS_HTTP_LISTEN", "0.0.0.0:8080").rpartition(":")
    connection = http.client.HTTPConnection("127.0.0.1" if host in {"", "0.0.0.0"} else host, int(port), SECONDS)  # noqa: S104 - read, not bound
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        sys.stdout.write(answer.read(2000).decode(errors="replace") + "\n")
    except OSError as error:
        sys.stdout.write(f"nothing answers on port {port}: {error}\n")
        return 1
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
