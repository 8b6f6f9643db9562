"""gRPC ⇄ arguments of the use cases, nothing else."""

from parvis_identity.rpc.accounts import AccountRpc
from parvis_identity.rpc.clients import ClientRpc
from parvis_identity.rpc.sessions import SessionRpc

__all__ = ["AccountRpc", "ClientRpc", "SessionRpc"]
