"""Every variable of identity, beside those that all services have."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

import parvis_records
import parvis_trail
from parvis_identity.domain.passwords import LEAST_MINIMUM, LONGEST_MINIMUM, PasswordPolicy
from parvis_records.retention import CENTURY, RetentionSettings


def _cores() -> int:
    """Cores that this process may use; what the machine has where the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


#: Who verifies tokens.
_VERIFIERS = frozenset({"web", "tenancy", "documents", "notify", "billing"})


class Settings(RetentionSettings):
    """Read from `PARVIS_…`. Secrets have no default."""

    service: ClassVar[str] = "identity"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        **parvis_records.CALLERS,
        **parvis_trail.CALLERS,
        "parvis.identity.v1.AccountService": frozenset({"tenancy"}),
        "parvis.identity.v1.AccountService.MintLink": frozenset({"tenancy", "notify"}),
        "parvis.identity.v1.AccountService.GetMyAccount": frozenset({"web"}),
        "parvis.identity.v1.AccountService.UpdateMyAccount": frozenset({"web"}),
        "parvis.identity.v1.AccountService.GetMyErasure": frozenset({"web"}),
        "parvis.identity.v1.AccountService.EraseMyAccount": frozenset({"web"}),
        "parvis.identity.v1.AccountService.ListMyApplications": frozenset({"web"}),
        "parvis.identity.v1.AccountService.WithdrawMyApplication": frozenset({"web"}),
        "parvis.identity.v1.ImportService": frozenset({"web"}),
        "parvis.identity.v1.PasswordService": frozenset({"tenancy"}),
        "parvis.identity.v1.AccountService.ResendMyAddressChange": frozenset({"web"}),
        "parvis.identity.v1.AccountService.CancelMyAddressChange": frozenset({"web"}),
        "parvis.identity.v1.SessionService": frozenset({"web"}),
        "parvis.identity.v1.SessionService.ListSigningKeys": _VERIFIERS,
        "parvis.identity.v1.SessionService.CheckSession": _VERIFIERS,
        "parvis.identity.v1.ProviderService": frozenset({"web"}),
        "parvis.identity.v1.ScimService": frozenset({"web"}),
        "parvis.identity.v1.SignInPolicyService": frozenset({"web"}),
        "parvis.identity.v1.FactorService": frozenset({"web"}),
        "parvis.identity.v1.ViewingService": frozenset({"web"}),
        "parvis.identity.v1.ClientService": frozenset({"tenancy"}),
        "parvis.identity.v1.DomainService": frozenset({"web"}),
    }

    #: Comma-separated base64 of 32 bytes each. The first encrypts private keys at rest, any decrypts: to
    #: rotate, put a new one in front.
    key_encryption_keys: SecretStr
    #: The gateway's OpenID client, registered at every start. Its secret, or two with a comma between: while it is
    #: renewed both count (docs/operations.md, "Secrets and certificates").
    web_client_id: str = "web"
    web_client_secret: SecretStr
    #: The one service that may ask for tokens of the internal audience with the gateway's refresh tokens.
    gateway: ClassVar[str] = "web"

    #: Days that a key signs tokens before a new one takes its place; 0: until `rotate-keys` is called.
    key_lifetime_days: int = Field(default=90, ge=0, le=3650)
    #: Which clients may register themselves (RFC 7591): none ("closed"), those that show the initial access token
    #: ("token"; its SHA-256, hexadecimal, stands in the second variable), or any ("open").
    registration: Literal["closed", "token", "open"] = "closed"
    registration_token_sha256: SecretStr = SecretStr("")
    #: Whether they must use PKCE when they do not say (`pkce_required`); public and FAPI 2.0 clients always must.
    registration_pkce: bool = True
    #: Days after which a client that registered itself and never got a token is deleted; 0: it stays.
    registration_unused_days: int = Field(default=30, ge=0, le=3650)
    #: Authorization requests that one client may have pushed, and devices that it may have waiting, at a time (a pushed
    #: request waits for a minute): beyond, it is told to come back later (429).
    client_waiting: int = Field(default=6000, ge=1, le=1_000_000)
    #: Networks of one's own that may be called at addresses which clients registered (key sets, request objects,
    #: sector files, logout), comma-separated ("127.0.0.0/8, ::1"), over plain HTTP too. Empty: public addresses over
    #: TLS alone.
    private_networks: str = ""

    #: Name servers that are asked for the records which prove mail domains, with ports where they are others than 53,
    #: comma-separated ("192.0.2.53, [2001:db8::53]:5353"). Empty: those of this machine.
    dns_servers: str = ""

    #: Whether DPoP proofs must carry a nonce of ours (RFC 9449, 8): it costs clients a second request now and then, and
    #: makes proofs worthless that somebody had a client sign for later.
    dpop_nonces: bool = False

    #: A session ends after so many hours without a request, and after so many days whatever happens.
    session_idle_hours: int = Field(default=12, ge=1, le=365 * 24)
    session_days: int = Field(default=30, ge=1, le=365)

    #: Days for which is kept: a session that ended with what was granted in it, a link that was used or is too old,
    kept_sessions_days: int = Field(default=90, ge=1, le=CENTURY)
    kept_links_days: int = Field(default=90, ge=1, le=CENTURY)
    #: who saw the portal as somebody else, changes of addresses and resets of second factors, what directories did.
    kept_viewings_days: int = Field(default=365, ge=1, le=CENTURY)
    kept_changes_days: int = Field(default=365, ge=30, le=CENTURY)
    kept_directory_log_days: int = Field(default=365, ge=1, le=CENTURY)
    #: Days after the last use after which an account is erased; its owner is told a month and a week before.
    kept_idle_accounts_days: int = Field(default=1095, ge=90, le=CENTURY)

    #: Minutes that somebody may see the portal as somebody else does before they give a reason again.
    viewing_minutes: int = Field(default=30, ge=1, le=480)

    #: Argon2id (RFC 9106): KiB of memory, passes, lanes. A hash with others is replaced when its owner signs in. The
    #: least memory is that of OWASP's Password Storage Cheat Sheet, which asks for five passes with it.
    argon2_memory_kib: int = Field(default=19 * 1024, ge=7 * 1024, le=1024 * 1024)
    argon2_passes: int = Field(default=2, ge=1, le=20)
    argon2_lanes: int = Field(default=1, ge=1, le=16)
    #: Hashes computed at once; by default one for each core that this process may use.
    hashing_threads: int = Field(default=_cores(), ge=1, le=512)
    #: Hashes that may wait for a thread; beyond it people are asked to try again in a moment.
    hashing_queue: int = Field(default=48, ge=0, le=10_000)

    #: While hashes of other platforms are left, a refused sign-in is answered no sooner than this after it was asked
    #: (seconds): else its time would tell such accounts from others. 0: answered at once.
    refusal_seconds: float = Field(default=1.0, ge=0, le=10)

    #: Hours that a reset of somebody's second factors waits, in which they may say no: always when the provider's staff
    #: asked for it, and of personal accounts also when two administrators of a firm did.
    factor_reset_hours: int = Field(default=24, ge=0, le=30 * 24)

    #: The provider's password policy (requirement D1).
    password_minimum: int = Field(default=8, ge=LEAST_MINIMUM, le=LONGEST_MINIMUM)
    password_digit: bool = True
    password_capital: bool = True
    #: One of these must be in a password; empty: none is asked for.
    password_special_characters: str = "$?!&%*@"  # noqa: S105 - a rule, not a secret
    #: Days after which a provisional password that a firm handed over opens nothing any more.
    provisional_days: int = Field(default=14, ge=1, le=365)
    #: A mounted file of passwords that are known from data breaches: the public "Pwned Passwords" list of SHA-1 hashes,
    #: ordered by hash (service.breached). The commonest ones are refused without it (service.refused_passwords).
    password_breached_list: Path | None = None

    @property
    def web_client_secrets(self) -> list[str]:
        """The gateway's secret, and the other one that counts."""
        return [each.strip() for each in self.web_client_secret.get_secret_value().split(",") if each.strip()]

    @property
    def key_lifetime(self) -> timedelta:
        """How long a key signs; zero: for ever."""
        return timedelta(days=self.key_lifetime_days)

    @property
    def provisional_lifetime(self) -> timedelta:
        """How long a provisional password works."""
        return timedelta(days=self.provisional_days)

    @property
    def password_policy(self) -> PasswordPolicy:
        """What a new password must be."""
        return PasswordPolicy(
            minimum=self.password_minimum,
            digit=self.password_digit,
            capital=self.password_capital,
            special_characters=self.password_special_characters,
        )
