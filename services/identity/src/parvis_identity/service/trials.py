"""Try-outs: whoever manages a product sees what it would receive, in a real run of the code flow with PKCE (RFC 6749,
RFC 7636) whose answer comes to a page of ours.

A run is of one person, for ten minutes, and its request is exactly the one that was made here. The verifier is never
told to anybody, so the code is worth nothing to whoever else sees it, the product with its secret too; the tokens are
made and looked at in one transaction, the only one in which the grant counts, and which deletes it. Nothing is left
that anybody could use, and the product hears of nothing.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client, Trial
from parvis_identity.service import product_clients, profiles, signatures
from parvis_identity.service.authentication import Proven
from parvis_identity.service.dpop import Proof
from parvis_identity.service.outgoing import NotReached, Outgoing
from parvis_identity.service.protocol import SCOPES, ClientPolicy
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.token_endpoint import TokenEndpoint
from parvis_identity.store import openid
from parvis_identity.store import trials as store
from parvis_identity.store.openid import CodeRow, GrantRow
from parvis_kit.errors import invalid, not_found, precondition
from parvis_kit.unit import UnitOfWork

LIFETIME = timedelta(minutes=10)
#: Seconds for all calls to the client's addresses together: somebody waits for the page.
PATIENCE = 4.0
_MOST_PROBES = 8
_RETURN = re.compile(r"/o/[a-z0-9][a-z0-9-]*(?:/[a-z0-9-]+)+")
#: What tokens of a client with proofs are bound to: a key that nobody has.
_NOBODYS_KEY = "0" * 43
_OK, _NOT_FOUND, _FAILING = 200, 404, 500


class Trials:
    """See the module."""

    def __init__(self, endpoint: TokenEndpoint, outgoing: Outgoing, *, issuer: str, secret: bytes) -> None:
        self._endpoint = endpoint
        self._outgoing = outgoing
        self._issuer = issuer
        self._secret = hmac.digest(secret, b"trials", "sha256")

    async def start(self, unit: UnitOfWork, client_id: str, return_path: str) -> str:
        """The address of the authorization request. Raises NOT_FOUND, PRECONDITION client_closed, INVALID."""
        client = await product_clients.owned(unit, client_id)
        if client.closed_at is not None:
            raise precondition("client_closed")
        if _RETURN.fullmatch(return_path) is None or unit.caller.account_id is None:
            raise invalid("malformed_request")
        state = secrets.token_urlsafe(32)
        question = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": f"{self._issuer}{return_path}",
            "scope": ClientPolicy(client).get_allowed_scope(" ".join(SCOPES)),
            "state": state,
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": _challenge(self._verifier(state)),
            "code_challenge_method": "S256",
            "organisation": str(unit.organisation_id),
        }
        trial = Trial(
            digest=digest_of(state),
            client_id=client_id,
            account_id=unit.caller.account_id,
            redirect_uri=question["redirect_uri"],
            authorization_url=f"{self._issuer}/oauth2/authorize?{urlencode(question)}",
            created_at=unit.now,
            expires_at=unit.now + LIFETIME,
        )
        unit.add(trial)
        unit.record("client.trial_started", target_kind="client", target_id=client_id)
        return trial.authorization_url

    async def redeem(
        self, unit: UnitOfWork, client_id: str, state: str, code: str, error: tuple[str, str]
    ) -> tuple[Client, dict[str, Any], bool]:
        """What the product would have received, as members of `TrialReport`; and whether it was so before. Raises
        NOT_FOUND.
        """
        client = await product_clients.owned(unit, client_id)
        trial = await store.find(unit, digest_of(state), lock=True)
        if trial is None or trial.client_id != client_id or trial.account_id != unit.caller.account_id:
            raise not_found("trial_not_found")
        if trial.report is not None:
            return client, trial.report, True
        if trial.expires_at <= unit.now:
            raise not_found("trial_not_found")
        told: dict[str, Any] = {
            "authorization_url": trial.authorization_url,
            "at": unit.now.isoformat(),
            "error": error[0][:100],
            "error_description": error[1][:500],
        }
        if not error[0]:
            told |= await self._tokens(unit, _with_address(client, trial.redirect_uri), trial, state, code)
        organisation = await store.delete_grant(unit, trial.grant_id) if trial.grant_id is not None else ""
        if not told["error"]:
            told |= {"assigned": bool(organisation), "organisation_name": organisation}
        trial.report = told
        unit.record("client.tried", target_kind="client", target_id=client_id, outcome=told["error"] or "ok")
        return client, told, False

    async def probe(self, client: Client) -> list[dict[str, Any]]:
        """The client's addresses, called. Outside any transaction."""
        places = [("redirect_uri", address) for address in client.redirect_uris]
        places += [
            (member, getattr(client, member))
            for member in ("backchannel_logout_uri", "jwks_uri")
            if getattr(client, member)
        ]
        return list(await asyncio.gather(*(self._call(*place) for place in places[-_MOST_PROBES:])))

    async def keep(self, unit: UnitOfWork, state: str, report: dict[str, Any]) -> None:
        """Remembers the whole report, for whoever opens the page again."""
        trial = await store.find(unit, digest_of(state), lock=True)
        if trial is not None:
            trial.report = report

    async def _tokens(self, unit: UnitOfWork, client: Client, trial: Trial, state: str, code: str) -> dict[str, Any]:
        method = client.token_endpoint_auth_method
        proof = Proof(_NOBODYS_KEY) if profiles.binds_tokens(client) else None
        parameters = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": trial.redirect_uri,
            "code_verifier": self._verifier(state),
        }
        if method == "none":
            parameters["client_id"] = client.client_id
        if trial.grant_id is not None:
            await store.let_count(unit, trial.grant_id)
        answer = await self._endpoint.token(unit, parameters, Proven(client, method), proof)
        if answer.status != _OK:
            return {
                "error": str(answer.body.get("error", "")),
                "error_description": str(answer.body.get("error_description", "")),
            }
        given = answer.body
        claims = await self._endpoint.userinfo(unit, given["access_token"], jkt=proof.jkt if proof else "")
        header, said = _parts(str(given.get("id_token", "")))
        named = claims if isinstance(claims, dict) else _parts(claims or "")[1]
        return {
            "id_token_header_json": json.dumps(header),
            "id_token_claims_json": json.dumps(said),
            "userinfo_json": json.dumps(named),
            "token_type": str(given.get("token_type", "")),
            "expires_in": int(given.get("expires_in", 0)),
            "scope": str(given.get("scope", "")),
            "refresh_token": "refresh_token" in given,
        }

    async def _call(self, member: str, address: str) -> dict[str, Any]:
        probe: dict[str, Any] = {"member": member, "address": address}
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._outgoing.get(address, accept="*/*")
        except TimeoutError:
            return probe | {"trouble": "The address does not answer in time."}
        except NotReached as error:
            return probe | {"trouble": str(error)}
        probe["status"] = reply.status
        if reply.status == _NOT_FOUND:
            return probe | {"trouble": "There is nothing at this address."}
        if reply.status >= _FAILING:
            return probe | {"trouble": "The server answers with an error of its own."}
        if member == "jwks_uri":
            try:
                signatures.keys_of(json.loads(reply.body))
            except (ValueError, RecursionError):
                return probe | {"trouble": "What is there is no set of public keys."}
        return probe

    def _verifier(self, state: str) -> str:
        digest = hmac.digest(self._secret, state.encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def admitted(
    unit: UnitOfWork, client: Client, parameters: Mapping[str, str], signed_in: SignedIn | None
) -> tuple[Client, Trial] | None:
    """The client with the page of ours among its addresses, when this is the request of a try-out of whoever is signed
    in that had no answer yet; else None.
    """
    trial = await store.find(unit, digest_of(parameters.get("state", "")), lock=True)
    if trial is None or signed_in is None or trial.account_id != signed_in.account.id:
        return None
    if trial.report is not None or trial.grant_id is not None:
        return None
    asked = dict(parse_qsl(urlsplit(trial.authorization_url).query))
    if trial.expires_at <= unit.now or dict(parameters) != asked or client.client_id != trial.client_id:
        return None
    return _with_address(client, trial.redirect_uri), trial


async def save_code(unit: UnitOfWork, trial: Trial, grant: GrantRow, code: CodeRow) -> None:
    """The one code of a try-out, and its grant, which counts for nobody until it is redeemed here."""
    grant.revoked_at = unit.now
    await openid.save_code(unit, grant, code)
    trial.grant_id = grant.id


def _with_address(client: Client, redirect_uri: str) -> Client:
    changed = {"redirect_uris": [*client.redirect_uris, redirect_uri], "consent_required": False}
    return Client(**{**client.model_dump(), **changed})


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token that was made a moment ago."""
    if token.count(".") != 2:  # noqa: PLR2004 - RFC 7515, 7.1
        return {}, {}
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")[:2]
    )
    return header, claims
