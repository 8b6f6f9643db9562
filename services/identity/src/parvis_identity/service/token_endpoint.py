"""The token endpoint as a use case: what is read before Authlib speaks (`provider`), and what is written after; and
userinfo.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from parvis_identity.domain import sessions as rules
from parvis_identity.domain import user_codes
from parvis_identity.domain.client_metadata import DEVICE
from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client
from parvis_identity.service import door, profiles
from parvis_identity.service.authentication import Proven
from parvis_identity.service.clients import Clients
from parvis_identity.service.dpop import Proof
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.protocol import Answer, ProtocolRefusal, ProtocolRequest, protocol_error, unacceptable
from parvis_identity.service.provider import Provider
from parvis_identity.service.refusals import WAITING, Refusals
from parvis_identity.service.token_exchange import EXCHANGE, TokenExchange
from parvis_identity.service.tokens import Tokens
from parvis_identity.store import device_flow as devices
from parvis_identity.store import openid as store
from parvis_identity.store.device_flow import PresentedDevice
from parvis_identity.store.openid import Granted, GrantRow
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import UnitOfWork

#: How long a refresh token that was replaced gets the same answer again.
GRACE = timedelta(seconds=10)
_OK = 200


class TokenEndpoint:
    """See the module."""

    def __init__(self, tokens: Tokens, clients: Clients, organisations: Organisations) -> None:
        self._tokens = tokens
        self._clients = clients
        self._organisations = organisations
        self._exchange = TokenExchange(tokens, clients, organisations)
        self._refusals = Refusals()

    def at_once(self, parameters: Mapping[str, str], proven: Proven) -> Answer | None:
        """The answer where there is nothing to read and nothing to write, so no transaction: to a client that asks for
        itself and sent its secret. None for everything else.
        """
        alone = parameters.get("grant_type") == "client_credentials" and proven.expires_at is None
        if not alone or profiles.binds_tokens(proven.client) or unacceptable(parameters):
            return None
        now = datetime.now(UTC)
        if not self._clients.is_known_used(proven.client, now):
            return None
        provider = Provider(self._tokens, now, client=proven.client, proven=True)
        return provider.token(ProtocolRequest("POST", parameters, {}))

    async def token(
        self, unit: UnitOfWork, parameters: Mapping[str, str], proven: Proven, proof: Proof | None = None
    ) -> Answer:
        """The answer of the token endpoint. What a reuse revokes is written although the answer is an error."""
        answer = await self._token(unit, parameters, proven, proof)
        error = str(answer.body.get("error", ""))
        if answer.status != _OK and error not in WAITING:
            why = str(answer.body.get("error_description", ""))
            self._refusals.note(unit, "token.refused", proven.client.client_id, error, reason=why)
        return answer

    async def _token(
        self, unit: UnitOfWork, parameters: Mapping[str, str], proven: Proven, proof: Proof | None
    ) -> Answer:
        if name := unacceptable(parameters):
            return protocol_error(400, "invalid_request", f"Invalid '{name}' in request.")
        grant_type = parameters.get("grant_type", "")
        try:
            await proven.once(unit)
            if proof is None and profiles.binds_tokens(proven.client):
                return protocol_error(400, "invalid_request", "The client must send a DPoP proof (RFC 9449).")
            if grant_type == EXCHANGE:
                jkt = proof.jkt if proof is not None else ""
                return await self._exchange.answer(unit, proven.client, parameters, jkt=jkt)
        except ProtocolRefusal as refusal:
            return refusal.answer
        if not grant_type:
            return protocol_error(400, "invalid_request", "Missing 'grant_type' in request.")
        provider = Provider(self._tokens, unit.now, client=proven.client, proven=True, proof=proof)
        await self._load(unit, provider, grant_type, parameters)
        answer = provider.token(ProtocolRequest("POST", parameters, {}))
        if provider.reused is not None:
            await self._revoke(unit, provider.reused, grant_type)
        if provider.device is not None:
            await self._polled(unit, provider.device, proven.client, answer)
        return answer if answer.status != _OK else await self._write(unit, provider, answer)

    async def _load(self, unit: UnitOfWork, provider: Provider, grant_type: str, parameters: Mapping[str, str]) -> None:
        """What is presented."""
        match grant_type:
            case "authorization_code":
                provider.code = await store.presented_code(unit, digest_of(parameters.get("code", "")))
            case "refresh_token":
                await self._present(unit, provider, parameters.get("refresh_token", ""))
            case _ if grant_type == DEVICE:
                provider.device = await devices.presented(unit, digest_of(parameters.get("device_code", "")))

    async def _present(self, unit: UnitOfWork, provider: Provider, refresh_token: str) -> None:
        """Loads a refresh token that was presented. One that was replaced a moment ago is a second tab's, or of an
        answer that was lost, as long as nobody has used what replaced it; else a thief's, or the owner's after one
        (RFC 9700, 4.14.2).
        """
        provider.presented = await store.presented_refresh_token(unit, digest_of(refresh_token))
        provider.presented_as = refresh_token
        if provider.presented is None or provider.presented.token.replaced_at is None:
            return
        if unit.now - provider.presented.token.replaced_at < GRACE:
            successor = digest_of(self._tokens.successor(refresh_token))
            provider.repeated = await store.is_unused(unit, successor)

    async def _polled(self, unit: UnitOfWork, device: PresentedDevice, client: Client, answer: Answer) -> None:
        """Remembers that a device asked: one that asks too often must wait longer (RFC 8628, 3.5)."""
        code = device.code
        if code.client_id != client.client_id or code.used_at is not None:
            return
        slower = user_codes.SLOWER if answer.body.get("error") == "slow_down" else 0
        used_at = unit.now if answer.status == _OK else None
        await devices.polled(unit, code.digest, interval=code.interval_seconds + slower, used_at=used_at)

    async def _write(self, unit: UnitOfWork, provider: Provider, answer: Answer) -> Answer:
        """Uses up what was presented, in one statement that only one of several requests wins; then saves what
        was issued.
        """
        granted = provider.granted
        if granted is None:
            return answer
        fresh = provider.new_refresh_token
        if (refused := await self._use_up(unit, provider, granted)) is not None:
            return refused
        if provider.presented is None:
            if provider.jkt:
                await store.bind_grant(unit, granted.grant.id, provider.jkt)
            if fresh is not None:
                await store.save_refresh_token(unit, fresh)
        elif fresh is not None and not provider.repeated:
            # Of two at once, one writes; the other's answer is the same.
            await store.replace_refresh_token(unit, provider.presented.token.digest, fresh)
        if unit.now - granted.last_seen_at >= rules.SEEN_EVERY:
            await store.touch_session(unit, granted.grant.session_id)
        return answer

    async def _use_up(self, unit: UnitOfWork, provider: Provider, granted: Granted) -> Answer | None:
        """None when what was presented is good until here; a device's code was locked when it was read."""
        if provider.code is not None:
            if await store.use_code(unit, provider.code.code.digest):
                return None
            await self._revoke(unit, granted.grant, "authorization_code")
            return protocol_error(400, "invalid_grant", "The code was used before.")
        if not (ended := await self._ended(unit, granted, provider)):
            return None
        await store.revoke_grant(unit, granted.grant.id)
        return protocol_error(400, "invalid_grant", ended)

    async def _ended(self, unit: UnitOfWork, granted: Granted, provider: Provider) -> str:
        """Why a product may be used no more for the organisation that it was opened for; empty when it may."""
        policy, grant = provider.policy, granted.grant
        if policy is None or policy.row.product_id is None or grant.organisation_id is None:
            return ""
        try:
            found = await self._organisations.product(grant.account_id, grant.client_id, grant.organisation_id)
            if found.assigned:
                return await door.closed_to(unit, self._organisations, granted)
        except ServiceError as error:
            if error.kind not in {Kind.NOT_FOUND, Kind.PRECONDITION}:
                raise
        return "The product is no longer assigned."

    async def _revoke(self, unit: UnitOfWork, grant: GrantRow, what: str) -> None:
        await store.revoke_grant(unit, grant.id)
        unit.record(
            "grant.reused",
            target_kind="account",
            target_id=grant.account_id,
            client=grant.client_id,
            presented=what,
        )

    async def userinfo(self, unit: UnitOfWork, token: str, *, jkt: str = "") -> dict[str, Any] | str | None:
        """Claims for an access token, or a JWT of them (OpenID Connect Core 5.3); None when it is worthless.

        `jkt`: of the key that whoever presents it proved to have; a token that is bound to a key is worth nothing
        without it, nor with another.
        """
        claims = self._tokens.read_access(token)
        if claims is None or "grant" not in claims or "openid" not in str(claims.get("scope", "")).split():
            return None
        if claims.get("cnf", {}).get("jkt", "") != jkt:
            return None
        granted = await store.granted(unit, UUID(claims["grant"]), str(claims.get("jti", "")))
        if granted is None or not granted.alive:
            return None
        client = await self._clients.find(unit, granted.grant.client_id)
        if client is None or client.closed_at is not None:
            return None
        granted.grant.scope = str(claims["scope"])
        return self._tokens.userinfo(client, granted.account, granted.grant)
