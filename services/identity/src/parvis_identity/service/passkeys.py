"""Passkeys (Web Authentication Level 2): what a browser is asked, and what is made of its answer. py_webauthn reads and
verifies; nothing here writes.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from parvis_identity.domain import challenges
from parvis_identity.domain.challenges import Ceremony
from parvis_identity.models import Account, Factor

#: Characters of an answer at most: one has about 1,000, with an attestation some thousands.
LARGEST = 24_000
#: Milliseconds that a browser waits for its owner.
_TIMEOUT = 300_000


class PasskeyRefused(Exception):
    """An answer that does not count. `reason` is stable; `detail` is for the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Registered:
    """A passkey that an authenticator has just made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    transports: tuple[str, ...]
    #: Whether it can say by itself whose it is (as far as the browser told).
    discoverable: bool
    #: Whether it is kept in more than one device.
    backed_up: bool
    verified: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A passkey that somebody has just used: `amr` of RFC 8176, `verified` whether the authenticator knew its owner."""

    sign_count: int
    verified: bool
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """An answer of a browser, not verified yet: which passkey, for which challenge, and whose it says it is."""

    answer: dict[str, object]
    credential_id: bytes
    challenge: bytes
    user_handle: bytes


class Passkeys:
    """The passkeys of one site. `public_url` is its address, and names it; `secret` makes the challenges."""

    def __init__(self, public_url: str, secret: bytes) -> None:
        parts = urlsplit(public_url)
        self.rp_id = parts.hostname or ""
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._secret = secret
        #: What devices and applications show beside what they keep for us.
        self.name = parts.netloc

    def to_register(self, account: Account, there: Iterable[Factor], browser: str, now: datetime) -> str:
        """What `navigator.credentials.create` is asked, as JSON. Authenticators that hold one already refuse."""
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=self.name,
            user_id=account.id.bytes,
            user_name=account.identifier,
            user_display_name=account.name,
            challenge=challenges.make(self._secret, Ceremony.REGISTER, _of(browser, account), now),
            timeout=_TIMEOUT,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
            ),
            exclude_credentials=_described(there),
        )
        return json.dumps({**json.loads(options_to_json(options)), "extensions": {"credProps": True}})

    def to_confirm(self, account: Account, there: Iterable[Factor], browser: str, now: datetime) -> str:
        """What `navigator.credentials.get` is asked of somebody who is known."""
        challenge = challenges.make(self._secret, Ceremony.CONFIRM, _of(browser, account), now)
        return self._asked(challenge, _described(there), UserVerificationRequirement.PREFERRED)

    def to_sign_in(self, browser: str, now: datetime) -> str:
        """The same of nobody in particular: whoever holds a passkey of ours."""
        challenge = challenges.make(self._secret, Ceremony.SIGN_IN, browser, now)
        return self._asked(challenge, [], UserVerificationRequirement.REQUIRED)

    def _asked(
        self,
        challenge: bytes,
        allowed: list[PublicKeyCredentialDescriptor],
        verification: UserVerificationRequirement,
    ) -> str:
        return options_to_json(
            generate_authentication_options(
                rp_id=self.rp_id,
                challenge=challenge,
                timeout=_TIMEOUT,
                allow_credentials=allowed,
                user_verification=verification,
            )
        )

    def read(self, typed: str) -> Read:
        """What a browser answered, before it is known to be true. Raises PasskeyRefused malformed."""
        if len(typed) > LARGEST:
            raise PasskeyRefused("malformed", "too large")
        try:
            answer = json.loads(typed)
            response = answer["response"]
            client = parse_client_data_json(base64url_to_bytes(response["clientDataJSON"]))
            handle = response.get("userHandle") or ""
            found = Read(answer, base64url_to_bytes(answer["rawId"]), client.challenge, base64url_to_bytes(handle))
        except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise PasskeyRefused("malformed", repr(error)) from error
        # Level 2, 7.1 step 9 and 7.2 step 13: nobody else's page may ask for ours from a frame.
        if client.cross_origin:
            raise PasskeyRefused("cross_origin")
        return found

    def until(
        self, read: Read, ceremony: Ceremony, browser: str, now: datetime, account: Account | None = None
    ) -> datetime:
        """Until when the challenge of an answer counts: it is used up until then. Raises PasskeyRefused challenge."""
        whose = browser if account is None else _of(browser, account)
        end = challenges.end_of(self._secret, read.challenge, ceremony, whose, now)
        if end is None:
            raise PasskeyRefused("challenge")
        return end

    def registered(self, read: Read) -> Registered:
        """A new passkey (Level 2, 7.1). No attestation is asked for: people use what they have. Raises
        PasskeyRefused unverified.
        """
        try:
            found = verify_registration_response(
                credential=dict(read.answer),
                expected_challenge=read.challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self._origin,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise PasskeyRefused("unverified", str(error)) from error
        return Registered(
            credential_id=found.credential_id,
            public_key=found.credential_public_key,
            sign_count=found.sign_count,
            aaguid=found.aaguid,
            transports=_transports(read.answer),
            discoverable=_is_discoverable(read.answer),
            backed_up=found.credential_backed_up,
            verified=found.user_verified,
        )

    def shown(self, read: Read, factor: Factor, *, verified: bool) -> Shown:
        """A passkey that was used (Level 2, 7.2). `verified`: its owner must be known to the authenticator. Raises
        PasskeyRefused unverified, counter.
        """
        try:
            found = verify_authentication_response(
                credential=dict(read.answer),
                expected_challenge=read.challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self._origin,
                credential_public_key=factor.public_key,
                credential_current_sign_count=0,  # told apart below: it means something else
                require_user_verification=verified,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise PasskeyRefused("unverified", str(error)) from error
        # Level 2, 6.1.1: a counter that does not grow is that of a copy.
        if (found.new_sign_count or factor.sign_count) and found.new_sign_count <= factor.sign_count:
            raise PasskeyRefused("counter")
        synced = found.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        amr = ("swk" if synced else "hwk", *(("user",) if found.user_verified else ()))
        return Shown(found.new_sign_count, found.user_verified, amr)


def _of(browser: str, account: Account) -> str:
    return f"{browser}.{account.id}"


def _described(there: Iterable[Factor]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=each.credential_id, transports=_known(each.transports) or None)
        for each in there
        if each.credential_id is not None
    ]


def _known(transports: Sequence[str]) -> list[AuthenticatorTransport]:
    names = {each.value for each in AuthenticatorTransport}
    return [AuthenticatorTransport(each) for each in transports if each in names]


def _transports(answer: dict[str, object]) -> tuple[str, ...]:
    response = answer.get("response")
    told = response.get("transports") if isinstance(response, dict) else None
    return tuple(each.value for each in _known([str(one) for one in told[:10]])) if isinstance(told, list) else ()


def _is_discoverable(answer: dict[str, object]) -> bool:
    results = answer.get("clientExtensionResults")
    properties = results.get("credProps") if isinstance(results, dict) else None
    return isinstance(properties, dict) and properties.get("rk") is True
