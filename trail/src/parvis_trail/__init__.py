"""The audit trail of a service as others read it (docs/adr/0012, docs/adr/0026).

`TrailRpc` answers the contract `parvis.trail.v1` over the rows that the kit appends and seals: the same in every
service. `merkle` holds the trees that the daily anchor signs, `COMMANDS` what an operator asks of one service.
"""

from parvis_trail.commands import COMMANDS
from parvis_trail.rpc import CALLERS, CONTRACT, RIGHT, TrailRpc

__all__ = ["CALLERS", "COMMANDS", "CONTRACT", "RIGHT", "TrailRpc"]
