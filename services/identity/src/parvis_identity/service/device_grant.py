"""The device's half of RFC 8628 as Authlib asks for it (`provider` runs it on what was loaded)."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import InvalidGrantError
from authlib.oauth2.rfc8628 import DeviceCodeGrant

from parvis_identity.models import DeviceCode

if TYPE_CHECKING:
    from parvis_identity.service.protocol import ClientPolicy
    from parvis_identity.store.device_flow import PresentedDevice
    from parvis_identity.store.openid import AccountRow

# Authlib's stubs describe its classes more narrowly than it calls them: here they are taken as they are.
_DeviceCodeGrant: Any = DeviceCodeGrant


class DeviceGrant(_DeviceCodeGrant):  # type: ignore[misc] # see above
    """Tokens for a device, once somebody has agreed."""

    def query_device_credential(self, device_code: str) -> "_Credential":  # noqa: ARG002 - Authlib's signature
        presented: PresentedDevice | None = self.server.device
        client: ClientPolicy = self.server.policy
        if presented is None or presented.code.client_id != client.get_client_id():
            raise InvalidGrantError("There is no such 'device_code'.")
        if presented.code.used_at is not None:
            raise InvalidGrantError("The 'device_code' was used before.")
        if presented.code.dpop_jkt not in {"", self.server.jkt}:  # RFC 9449, 10: the key that it began with
            raise InvalidGrantError("The 'device_code' is bound to another key.")
        return _Credential(presented.code, self.server.now)

    def query_user_grant(self, user_code: str) -> "tuple[AccountRow | None, bool] | None":  # noqa: ARG002 - idem
        presented: PresentedDevice = self.server.device
        if presented.code.denied_at is not None:
            return None, False
        if presented.code.grant_id is None:
            return None
        if presented.granted is None or not presented.granted.alive:
            return None, False
        return presented.granted.account, True

    def should_slow_down(self, credential: "_Credential") -> bool:
        return credential.asked_too_soon


@dataclass(frozen=True, slots=True)
class _Credential:
    code: DeviceCode
    now: datetime

    @property
    def asked_too_soon(self) -> bool:
        before = self.code.polled_at
        return before is not None and (self.now - before).total_seconds() < self.code.interval_seconds

    def get_client_id(self) -> str:
        return self.code.client_id

    def get_scope(self) -> str:
        return self.code.scope

    def get_user_code(self) -> str:
        return self.code.user_code

    def is_expired(self) -> bool:
        return self.code.expires_at <= self.now
