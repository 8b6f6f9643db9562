"""The OpenID clients of products, as their provider manages them. Tenancy found that the product is the organisation's
and that the person may manage it; here a client is its organisation's, and nobody else's.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis_identity.domain import client_metadata as metadata
from parvis_identity.domain.addresses import is_redirect_uri
from parvis_identity.domain.client_metadata import MetadataRefused
from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client
from parvis_identity.service import sectors, signatures
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.protocol import SCOPES
from parvis_identity.store import openid as store
from parvis_kit.errors import ServiceError, Violation, conflict, invalid, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

#: How long a secret may count beside the one that took its place.
LONGEST_OVERLAP = timedelta(days=30)
_MOST_ADDRESSES = 20
_BY_KEY = "private_key_jwt"
_POLICY = metadata.Policy(SCOPES)
#: Columns that a provider decides on; all others stay as they are.
_COLUMNS = [
    "name",
    "redirect_uris",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "scope",
    "application_type",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
    "id_token_signed_response_alg",
    "subject_type",
    "sector_identifier_uri",
    "profile",
    "pkce_required",
    "rotates_refresh_tokens",
    "grant_types",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a provider wants a client: members by their names in RFC 7591, as `domain.client_metadata` reads them."""

    redirect_uris: list[str]
    post_logout_redirect_uris: list[str] = field(default_factory=list)
    backchannel_logout_uri: str = ""
    backchannel_logout_session_required: bool = False
    scopes: list[str] = field(default_factory=list)
    application_type: str = "web"
    token_endpoint_auth_method: str = "client_secret_basic"  # noqa: S105 - the name of a method
    jwks_json: str = ""
    jwks_uri: str = ""
    id_token_signed_response_alg: str = "ES256"  # noqa: S105 - an algorithm
    subject_type: str = "public"
    sector_identifier_uri: str = ""
    profile: str = ""
    pkce_required: bool = True
    rotates_refresh_tokens: bool = True
    exchange_audiences: list[str] = field(default_factory=list)
    devices: bool = False


async def check_sector(outgoing: Outgoing, wanted: Wanted) -> None:
    """The sector that a client names says that it belongs there. Outside any transaction, before `register` and
    `update`. Raises INVALID client_invalid.
    """
    address = wanted.sector_identifier_uri
    if not address or not is_redirect_uri(address):
        return
    try:
        await sectors.check(outgoing, address, wanted.redirect_uris)
    except MetadataRefused as refused:
        raise _not_accepted(refused) from refused


async def register(
    unit: UnitOfWork, name: str, wanted: Wanted, *, product_id: UUID | None, organisation_id: UUID | None
) -> tuple[Client, str]:
    """A new client and its secret, which is shown this once; empty for one without.

    Raises INVALID client_invalid, CONFLICT product_has_client.
    """
    values = await _columns(unit, name, wanted, organisation_id, "")
    secret = _secret_for(values)
    client = Client(
        client_id=uuid7().hex,
        secret_digest=digest_of(secret) if secret else b"",
        product_id=product_id,
        organisation_id=organisation_id,
        created_at=unit.now,
        **values,
    )
    unit.add(client)
    try:
        await unit.flush()
    except IntegrityError as error:
        raise conflict("product_has_client") from error
    unit.record("client.registered", target_kind="client", target_id=client.client_id, name=client.name)
    return client, secret


async def owned(unit: UnitOfWork, client_id: str, *, lock: bool = False) -> Client:
    """The client of a product of the organisation of the transaction. Raises NOT_FOUND client_not_found."""
    client = await unit.get(Client, client_id, lock=lock) if client_id.isalnum() else None
    if client is None or client.product_id is None or client.organisation_id not in {None, unit.organisation_id}:
        raise not_found("client_not_found")
    return client


async def update(unit: UnitOfWork, client_id: str, name: str, wanted: Wanted) -> tuple[Client, str]:
    """Changes a client; its new secret when it has to have one and had none. Raises NOT_FOUND, INVALID client_invalid.

    Whoever changes clients has `Clients` read them again once that is committed.
    """
    client = await owned(unit, client_id, lock=True)
    values = await _columns(unit, name, wanted, unit.organisation_id, client_id)
    changed = sorted(member for member, value in values.items() if getattr(client, member) != value)
    fresh = "" if client.secret_digest else _secret_for(values)
    if fresh:
        client.secret_digest = digest_of(fresh)
    elif not _secret_for(values):
        client.secret_digest, client.previous_secret_digest, client.previous_secret_until = b"", b"", None
    for member in changed:
        setattr(client, member, values[member])
    client.organisation_id = unit.organisation_id
    unit.record("client.changed", target_kind="client", target_id=client_id, members=" ".join(changed))
    return client, fresh


async def rotate_secret(unit: UnitOfWork, client_id: str, keep: timedelta) -> tuple[Client, str]:
    """A new secret; the present one counts for `keep` longer. Raises NOT_FOUND, PRECONDITION client_has_no_secret,
    INVALID overlap_too_long.
    """
    if not timedelta(0) <= keep <= LONGEST_OVERLAP:
        raise invalid("overlap_too_long")
    client = await owned(unit, client_id, lock=True)
    if not client.secret_digest:
        raise precondition("client_has_no_secret")
    secret = secrets.token_urlsafe(32)
    client.previous_secret_digest = client.secret_digest if keep else b""
    client.previous_secret_until = unit.now + keep if keep else None
    client.secret_digest = digest_of(secret)
    hours = str(int(keep.total_seconds() // 3600))
    unit.record("client.secret_rotated", target_kind="client", target_id=client_id, kept_hours=hours)
    return client, secret


async def set_open(unit: UnitOfWork, client_id: str, *, open_: bool) -> Client:
    """Closes a client, with everything that it was granted, or opens it again. Raises NOT_FOUND."""
    client = await owned(unit, client_id, lock=True)
    if open_ != (client.closed_at is None):
        client.closed_at = None if open_ else unit.now
        # At both: what began before the closing may have been granted after it, and must not live again.
        await store.revoke_of_client(unit, client_id)
        unit.record("client.opened" if open_ else "client.closed", target_kind="client", target_id=client_id)
    return client


def _secret_for(values: Mapping[str, Any]) -> str:
    return secrets.token_urlsafe(32) if values["token_endpoint_auth_method"].startswith("client_secret_") else ""


async def _columns(
    unit: UnitOfWork, name: str, wanted: Wanted, organisation_id: UUID | None, client_id: str
) -> dict[str, Any]:
    """Columns of a client. Raises INVALID client_invalid with what is wrong with which member."""
    wrong = [
        Violation(member, "not_a_redirect_address", {"address": address[:200]})
        for member in ("redirect_uris", "post_logout_redirect_uris")
        for address in getattr(wanted, member)
        if not is_redirect_uri(address)
    ]
    wrong += [
        Violation(member, "not_a_redirect_address", {"address": address[:200]})
        for member in ("backchannel_logout_uri", "jwks_uri", "sector_identifier_uri")
        if (address := getattr(wanted, member)) and not is_redirect_uri(address)
    ]
    if not wanted.redirect_uris:
        wrong.append(Violation("redirect_uris", "required"))
    wrong += [
        Violation(member, "too_many", {"most": str(_MOST_ADDRESSES)})
        for member in ("redirect_uris", "post_logout_redirect_uris", "exchange_audiences")
        if len(getattr(wanted, member)) > _MOST_ADDRESSES
    ]
    if not name.strip() or "\x00" in name:
        wrong.append(Violation("name", "required"))
    if wanted.exchange_audiences and wanted.token_endpoint_auth_method == "none":  # noqa: S105 - the name of a method
        wrong.append(Violation("exchange_audiences", "public_exchange"))
    jwks, trouble = _key_set(wanted)
    wrong += trouble
    wrong += [
        Violation("exchange_audiences", "unknown_client", {"client": each[:64]})
        for each in wanted.exchange_audiences[:_MOST_ADDRESSES]
        if not await store.is_client_of(unit, each, organisation_id) or each == client_id
    ]
    if wrong:
        raise invalid("client_invalid", wrong)
    try:
        values = metadata.read(_said(name, wanted, jwks), _POLICY)
    except MetadataRefused as refused:
        raise _not_accepted(refused) from refused
    if wanted.exchange_audiences:  # not a grant that clients may give themselves
        values["grant_types"] = [*values["grant_types"], metadata.EXCHANGE]
    return {column: values[column] for column in _COLUMNS} | {"exchange_audiences": wanted.exchange_audiences}


def _not_accepted(refused: MetadataRefused) -> ServiceError:
    return invalid("client_invalid", [Violation(refused.member, "not_accepted", {"why": str(refused)})])


def _said(name: str, wanted: Wanted, jwks: dict[str, Any] | None) -> dict[str, Any]:
    """The registration as a client would have sent it itself."""
    confidential = wanted.token_endpoint_auth_method != "none"  # noqa: S105 - the name of a method
    grants = ["authorization_code", "refresh_token", *(["client_credentials"] if confidential else [])]
    return {
        "client_name": name,
        "redirect_uris": wanted.redirect_uris,
        "post_logout_redirect_uris": wanted.post_logout_redirect_uris,
        "backchannel_logout_uri": wanted.backchannel_logout_uri,
        "backchannel_logout_session_required": wanted.backchannel_logout_session_required,
        "scope": " ".join(["openid", *wanted.scopes]) if wanted.scopes else "",
        "application_type": wanted.application_type,
        "token_endpoint_auth_method": wanted.token_endpoint_auth_method,
        "jwks": jwks,
        "jwks_uri": wanted.jwks_uri if wanted.token_endpoint_auth_method == _BY_KEY else "",
        "id_token_signed_response_alg": wanted.id_token_signed_response_alg,
        "subject_type": wanted.subject_type,
        "sector_identifier_uri": wanted.sector_identifier_uri,
        "profile": wanted.profile,
        "pkce_required": wanted.pkce_required,
        "rotates_refresh_tokens": wanted.rotates_refresh_tokens,
        "grant_types": [*grants, metadata.DEVICE] if wanted.devices else grants,
    }


def _key_set(wanted: Wanted) -> tuple[dict[str, Any] | None, list[Violation]]:
    """The keys that were pasted, and what is wrong with how the client proves itself."""
    wrong: list[Violation] = []
    by_key = wanted.token_endpoint_auth_method == _BY_KEY
    if wanted.profile == metadata.FAPI and not by_key:
        wrong.append(Violation("token_endpoint_auth_method", "fapi_needs_key"))
    if wanted.profile == metadata.FAPI and wanted.id_token_signed_response_alg not in metadata.STRONG:
        wrong.append(Violation("id_token_signed_response_alg", "fapi_algorithm"))
    pasted = wanted.jwks_json.strip()
    if by_key and bool(pasted) == bool(wanted.jwks_uri):
        wrong.append(Violation("jwks_json", "keys_twice" if pasted else "keys_needed"))
    if not by_key or not pasted:
        return None, wrong
    try:
        read = json.loads(pasted)
        signatures.keys_of(read)
    except (ValueError, RecursionError):
        return None, [*wrong, Violation("jwks_json", "not_a_key_set")]
    return {"keys": read["keys"]}, wrong
