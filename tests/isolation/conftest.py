"""Every RPC, route, table and presigned address, as everybody who must not get through."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from fixtures import cast, http, ledger, stage, wires, world  # noqa: F401 - pytest finds them here
