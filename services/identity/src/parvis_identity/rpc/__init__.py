"""gRPC ⇄ arguments of the use cases, nothing else."""

from parvis_identity.rpc.accounts import AccountRpc
from parvis_identity.rpc.clients import ClientRpc
from parvis_identity.rpc.imports import ImportRpc
from parvis_identity.rpc.passwords import PasswordRpc
from parvis_identity.rpc.sessions import SessionRpc
from parvis_identity.rpc.viewings import ViewingRpc

__all__ = ["AccountRpc", "ClientRpc", "ImportRpc", "PasswordRpc", "SessionRpc", "ViewingRpc"]
