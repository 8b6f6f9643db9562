"""Tables of identity. All are global but what a firm's directory sends (scim): an account, its sessions and its links
belong to a person or to the installation, not to an organisation; a managed account names the firm that owns it. What
somebody may do in an organisation is tenancy's.
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
from parvis_identity.models.erasures import AccountErasure, ErasureAnswer, IdleNotice, NoticeKind
from parvis_identity.models.factors import Factor, FactorKind, FactorReset, PendingSignIn, RecoveryCode, TrustedDevice
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
from parvis_identity.models.policies import FactorMode, SignInPolicy, SsoMode
from parvis_identity.models.requests import AccessRequest
from parvis_identity.models.scim import ScimGroup, ScimGroupMember, ScimLog, ScimToken, ScimUser
from parvis_identity.models.sso import (
    ProviderKind,
    ProviderState,
    SessionProof,
    SsoAttempt,
    SsoDomain,
    SsoIdentity,
    SsoKey,
    SsoProvider,
    SsoWarning,
)
from parvis_identity.models.viewings import Viewing

__all__ = [
    "AccessRequest",
    "Account",
    "AccountErasure",
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
    "ErasureAnswer",
    "Factor",
    "FactorKind",
    "FactorMode",
    "FactorReset",
    "FirmPasswordPolicy",
    "Grant",
    "IdleNotice",
    "Import",
    "ImportLine",
    "ImportPart",
    "Link",
    "LogoutNotice",
    "NoticeKind",
    "PendingSignIn",
    "ProviderKind",
    "ProviderState",
    "PushedRequest",
    "RecoveryCode",
    "RefreshToken",
    "RevokedToken",
    "ScimGroup",
    "ScimGroupMember",
    "ScimLog",
    "ScimToken",
    "ScimUser",
    "SeenProof",
    "Session",
    "SessionProof",
    "SignInAttempt",
    "SignInPolicy",
    "SigningKey",
    "SsoAttempt",
    "SsoDomain",
    "SsoIdentity",
    "SsoKey",
    "SsoMode",
    "SsoProvider",
    "SsoWarning",
    "Trial",
    "TrustedDevice",
    "Viewing",
]
