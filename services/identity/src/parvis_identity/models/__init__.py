"""Tables of identity. All are global: an account, its sessions and its links belong to a person or to the
installation, not to an organisation; a managed account names the firm that owns it. What somebody may do in an
organisation is tenancy's.
"""

from parvis_identity.models.account_links import AccountLink
from parvis_identity.models.accounts import (
    Account,
    AccountKind,
    AccountState,
    AddressChange,
    Credential,
    FirmPasswordPolicy,
    Link,
    Session,
    SignInAttempt,
)
from parvis_identity.models.base import Base
from parvis_identity.models.imports import Import, ImportLine, ImportPart
from parvis_identity.models.logout import LogoutNotice
from parvis_identity.models.openid import (
    AuthorizationCode,
    Client,
    Consent,
    DeviceCode,
    Grant,
    PushedRequest,
    RefreshToken,
    RevokedToken,
    SeenProof,
    SigningKey,
    Trial,
)
from parvis_identity.models.requests import AccessRequest
from parvis_identity.models.viewings import Viewing

__all__ = [
    "AccessRequest",
    "Account",
    "AccountKind",
    "AccountLink",
    "AccountState",
    "AddressChange",
    "AuthorizationCode",
    "Base",
    "Client",
    "Consent",
    "Credential",
    "DeviceCode",
    "FirmPasswordPolicy",
    "Grant",
    "Import",
    "ImportLine",
    "ImportPart",
    "Link",
    "LogoutNotice",
    "PushedRequest",
    "RefreshToken",
    "RevokedToken",
    "SeenProof",
    "Session",
    "SignInAttempt",
    "SigningKey",
    "Trial",
    "Viewing",
]
