"""gRPC ⇄ arguments of the use cases, nothing else."""

from parvis_identity.rpc.accounts import AccountRpc
from parvis_identity.rpc.clients import ClientRpc
from parvis_identity.rpc.domains import DomainRpc
from parvis_identity.rpc.factors import FactorRpc
from parvis_identity.rpc.imports import ImportRpc
from parvis_identity.rpc.passwords import PasswordRpc
from parvis_identity.rpc.providers import ProviderRpc
from parvis_identity.rpc.scim import ScimRpc
from parvis_identity.rpc.sessions import SessionRpc
from parvis_identity.rpc.sign_in_policies import SignInPolicyRpc
from parvis_identity.rpc.viewings import ViewingRpc

__all__ = [
    "AccountRpc",
    "ClientRpc",
    "DomainRpc",
    "FactorRpc",
    "ImportRpc",
    "PasswordRpc",
    "ProviderRpc",
    "ScimRpc",
    "SessionRpc",
    "SignInPolicyRpc",
    "ViewingRpc",
]
