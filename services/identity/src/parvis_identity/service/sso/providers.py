"""A firm's providers, as its administrators set them up: a draft, tested, then in use, and back."""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from parvis_identity.models import ProviderKind, ProviderState, SignInPolicy, SsoAttempt, SsoMode, SsoProvider
from parvis_identity.service import sign_in_policies
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sso import attempts, notices, vouching
from parvis_identity.service.sso.attempts import Attempts, Purpose
from parvis_identity.service.sso.oidc import secret_label, secrets_of
from parvis_identity.service.sso.setup import Certificate, Metadata, ProviderKeys, Setup, in_lines, is_certificate
from parvis_identity.service.sso.upstream import Refused
from parvis_identity.store import sso as store
from parvis_kit.errors import Violation, conflict, forbidden, invalid, limit, not_found, precondition, unauthenticated
from parvis_kit.unit import UnitOfWork

RIGHT = "sign_in.manage"
MOST_PROVIDERS = 20
#: What has just been read is read again by itself then.
_READ_AGAIN = timedelta(hours=1)
TEMPLATES = frozenset({"entra", "google", "okta", "keycloak", "oidc", "saml"})
CLAIMS = frozenset({"subject", "mail", "user_name", "given_name", "family_name", "groups"})
_LONGEST = {"name": 60, "client_id": 300, "client_secret": 1000, "scope": 500, "scim_match": 200, "metadata_url": 2000}
_LONGEST_CLAIM = 200
#: Changes after which a test says nothing any more.
_TELLING = frozenset({"issuer", "client_id", "sealed_secret", "claim_names", "scope"})
_WHEN = ("before", "after")
#: Of sessions that end at once when it is taken out of service; the others follow (`vouching.withdraw_due`).
_BATCHES = 5
Begin = Callable[[], AbstractAsyncContextManager[UnitOfWork]]


@dataclass(frozen=True, slots=True)
class Known:
    """A provider, how many people it knows, and who signs with what."""

    provider: SsoProvider
    people: int = 0
    #: Open sessions in which its word stands: those that end once it is out of service, and those that go on.
    sessions: tuple[int, int] = (0, 0)
    keys: ProviderKeys = field(default_factory=ProviderKeys)


@dataclass(frozen=True, slots=True)
class Trial:
    """A test. `url`: where the browser goes to begin it."""

    id: str
    url: str = ""
    attempt: SsoAttempt | None = None
    used: Mapping[str, str] = field(default_factory=dict)


class Providers:
    """See ProviderService. Every act asks for the right first: FORBIDDEN right_missing."""

    def __init__(
        self, organisations: Organisations, seal: Seal, setups: Mapping[str, Setup], *, public_url: str
    ) -> None:
        """`setups`: by ProviderKind."""
        self._organisations = organisations
        self._seal = seal
        self._attempts = Attempts(seal)
        self._setups = setups
        self._public_url = public_url

    async def all(self, begin: Begin) -> Sequence[Known]:
        """All of the caller's organisation."""
        async with begin() as unit:
            await self._allowed()
            found = await store.of_organisation(unit, unit.organisation_id)
            people = await store.people(unit, [each.id for each in found])
        return [Known(each, people.get(each.id, 0), keys=await self._keys(each)) for each in found]

    async def one(self, begin: Begin, provider_id: UUID) -> Known:
        """One of them. Raises NOT_FOUND provider_not_found."""
        async with begin() as unit:
            await self._allowed()
            found = await self._own(unit, provider_id)
            people = await store.people(unit, [found.id])
            sessions = await store.vouched_sessions(unit, found)
        return Known(found, people.get(found.id, 0), sessions, await self._keys(found))

    async def create(self, begin: Begin, kind: str, template: str, name: str) -> Known:
        """A draft. Raises INVALID provider_invalid, LIMIT too_many_providers."""
        wrong = [Violation("kind", "unknown")] if kind not in self._setups else []
        wrong += [Violation("template", "unknown")] if template not in TEMPLATES else []
        wrong += _wrong_text("name", name, required=True)
        if wrong:
            raise invalid("provider_invalid", wrong)
        async with begin() as unit:
            await self._allowed()
            face = await self._organisations.face_by_id(unit.organisation_id)
            if face is None:
                raise not_found("no_organisation")
            await store.one_at_a_time(unit, "providers", unit.organisation_id)
            others = await store.of_organisation(unit, unit.organisation_id)
            if len(others) >= MOST_PROVIDERS:
                raise limit("too_many_providers", most=str(MOST_PROVIDERS))
            made = SsoProvider(
                organisation_id=unit.organisation_id,
                organisation_slug=face.slug,
                kind=kind,
                template=template,
                name=name.strip(),
                position=len(others),
                created_at=unit.now,
                changed_at=unit.now,
            )
            unit.add(made)
            unit.record("provider.created", target_kind="provider", target_id=made.id, kind=kind)
            await notices.tell(unit, "directory_added", made.id, made.name)
        return Known(made, keys=await self._keys(made))

    async def update(self, begin: Begin, provider_id: UUID, version: int, wanted: Mapping[str, Any]) -> Known:
        """Changes it. `wanted`: members of the request that are set. Raises as ProviderService.UpdateProvider."""
        if wrong := _wrong(wanted):
            raise invalid("provider_invalid", wrong)
        async with begin() as unit:
            await self._allowed()
            before = await self._own(unit, provider_id)
        read = await self._read(before, wanted)
        known = await self._keys(before)
        async with begin() as unit:
            row = await self._own(unit, provider_id, lock=True)
            if row.version != version:
                raise conflict("version_outdated")
            compared: Sequence[str] = ()
            if read is not None and row.state == ProviderState.LIVE and (not read.url or read.url != row.metadata_url):
                compared = self._compared(known.theirs, self._setups[row.kind].brought(read), wanted)
            changed = self._changes(row, wanted)
            if read is not None:
                await self._keeps_issuer(unit, row, read, wanted)
                changed |= {
                    "issuer": read.issuer, "metadata_url": read.url, "metadata_document": read.document,
                    "metadata_read_at": unit.now, "metadata_next_at": unit.now + _READ_AGAIN,
                    "metadata_problem": "", "metadata_failed_at": None,
                }  # fmt: skip
            if "sealed_secret" in changed:
                changed["secret_changed_at"] = unit.now
            told = sorted(name for name, value in changed.items() if getattr(row, name) != value)
            meant, trusted = _meant_otherwise(row, changed), notices.trust_of(row)
            if _TELLING & set(told) and row.state != ProviderState.LIVE:
                row.tried_at = None
            row.sqlmodel_update({**changed, "version": row.version + 1, "changed_at": unit.now})
            if "position" in told:
                await self._place(unit, row)
            meant |= {"keys_added": ", ".join(compared)} if compared else {}
            unit.record("provider.changed", target_kind="provider", target_id=row.id, what=", ".join(told), **meant)
            otherwise = notices.differing(trusted, notices.trust_of(row))
            if otherwise and row.state != ProviderState.DRAFT:
                await notices.tell(unit, "directory_changed", row.id, row.name, what=otherwise)
        return await self.one(begin, provider_id)

    async def start_trial(self, unit: UnitOfWork, provider_id: UUID) -> Trial:
        """Where the browser of the caller goes to test it. Raises NOT_FOUND, PRECONDITION provider_incomplete."""
        await self._allowed()
        provider = await self._own(unit, provider_id)
        if not provider.metadata_document or (provider.kind == ProviderKind.OIDC and not provider.client_id):
            raise precondition("provider_incomplete")
        if unit.caller.account_id is None:
            raise unauthenticated()
        state = attempts.new_state()
        name = attempts.trial_id(state)
        page = f"/o/{provider.organisation_slug}/settings/sign-in/directories/{provider.id}?trial={name}"
        attempt = await self._attempts.open(
            unit, provider, state, Purpose.TRIAL, account_id=unit.caller.account_id, after=page
        )
        unit.record("provider.trial_started", target_kind="provider", target_id=provider.id)
        return Trial(name, f"{self._public_url}/sso/{provider.id}/start?trial={state}", attempt)

    async def trial(self, unit: UnitOfWork, trial_id: str) -> Trial:
        """What became of a test of the caller's own. Raises NOT_FOUND trial_not_found."""
        await self._allowed()
        try:
            digest = urlsafe_b64decode(trial_id + "=" * (-len(trial_id) % 4))
        except (binascii.Error, ValueError) as error:
            raise not_found("trial_not_found") from error
        attempt = await unit.get(SsoAttempt, digest)
        provider = await unit.get(SsoProvider, attempt.provider_id) if attempt else None
        mine = attempt is not None and attempt.account_id == unit.caller.account_id
        if attempt is None or provider is None or provider.organisation_id != unit.organisation_id or not mine:
            raise not_found("trial_not_found")
        if attempt.purpose != Purpose.TRIAL:
            raise not_found("trial_not_found")
        used = self._setups[provider.kind].used(provider, (attempt.report or {}).get("claims", {}))
        return Trial(trial_id, attempt=attempt, used=used)

    async def set_state(self, begin: Begin, provider_id: UUID, state: str) -> Known:
        """In use, or not: then sessions end that rest on its word, the first ones before this answers. Raises as
        ProviderService.SetProviderState.
        """
        if state not in {ProviderState.LIVE, ProviderState.OFF}:
            raise invalid("provider_invalid", [Violation("state", "unknown")])
        async with begin() as unit:
            await self._allowed()
            row = await self._own(unit, provider_id, lock=True)
            if row.state != state:
                if state == ProviderState.LIVE and row.tried_at is None:
                    raise precondition("provider_untried")
                if state == ProviderState.OFF:
                    await self._not_the_last(unit, row)
                row.state = state
                row.live_since = unit.now if state == ProviderState.LIVE else None
                row.version += 1
                act = "provider.live" if state == ProviderState.LIVE else "provider.off"
                unit.record(act, target_kind="provider", target_id=row.id)
                await notices.tell(unit, act.replace("provider.", "directory_"), row.id, row.name)
                if state == ProviderState.LIVE:
                    await sign_in_policies.offer(unit)
        for _ in range(_BATCHES if row.state == ProviderState.OFF else 0):
            async with begin() as unit:
                if not await vouching.withdraw(unit, row):
                    break
        return await self.one(begin, provider_id)

    async def delete(self, unit: UnitOfWork, provider_id: UUID) -> None:
        """Deletes it, and whom it knows. Raises NOT_FOUND, PRECONDITION provider_live."""
        await self._allowed()
        row = await self._own(unit, provider_id, lock=True)
        if row.state == ProviderState.LIVE:
            raise precondition("provider_live")
        people = (await store.people(unit, [row.id])).get(row.id, 0)
        while await vouching.withdraw(unit, row):
            pass
        await unit.session.delete(row)
        unit.record("provider.deleted", target_kind="provider", target_id=row.id, name=row.name, people=str(people))
        await notices.tell(unit, "directory_deleted", row.id, row.name)

    async def rotate_key(self, begin: Begin, provider_id: UUID, *, use: bool) -> Known:
        """See ProviderService.RotateProviderKey."""
        async with begin() as unit:
            await self._allowed()
            row = await self._own(unit, provider_id)
        await self._setups[row.kind].rotate(row, use=use)
        async with begin() as unit:
            act = "provider.key_changed" if use else "provider.key_added"
            unit.record(act, target_kind="provider", target_id=row.id)
        return await self.one(begin, provider_id)

    async def _read(self, provider: SsoProvider, wanted: Mapping[str, Any]) -> Metadata | None:
        """The metadata that a change brings, read. Raises INVALID provider_invalid."""
        member = "issuer" if provider.kind == ProviderKind.OIDC else "metadata_url"
        document = wanted.get("metadata_document")
        address = str(wanted.get(member, ""))
        if document is None and not address:
            return None
        provider.metadata_certificate = str(wanted.get("metadata_certificate", provider.metadata_certificate)).strip()
        try:
            return await self._setups[provider.kind].read(provider, address=address, document=document)
        except Refused as error:
            raise invalid(
                "provider_invalid", [Violation(_where(provider, wanted), error.check, {"detail": error.detail[:300]})]
            ) from error

    async def _keeps_issuer(
        self, unit: UnitOfWork, row: SsoProvider, read: Metadata, wanted: Mapping[str, Any]
    ) -> None:
        """Names of people are unique at one issuer alone: whose provider became another's would be whomever that one
        says. Raises INVALID provider_invalid.
        """
        if read.issuer == row.issuer:
            return
        if row.state == ProviderState.LIVE or (await store.people(unit, [row.id])).get(row.id):
            raise invalid("provider_invalid", [Violation(_where(row, wanted), "issuer_fixed", {"issuer": row.issuer})])

    def _compared(
        self, known: Sequence[Certificate], brought: Sequence[Certificate], wanted: Mapping[str, Any]
    ) -> Sequence[str]:
        """Keys that come anew, by name. Whoever has somebody put other keys here signs in as anybody of the firm: they
        are taken by their names alone. Raises PRECONDITION keys_unconfirmed.
        """
        before, after = ({each.fingerprint: each for each in keys} for keys in (known, brought))
        if after.keys() - before.keys() - set(wanted.get("confirmed_keys", ())):
            raise precondition(
                "keys_unconfirmed",
                added=in_lines(each for name, each in after.items() if name not in before),
                kept=in_lines(each for name, each in after.items() if name in before),
                gone=in_lines(each for name, each in before.items() if name not in after),
            )
        return sorted(after.keys() - before.keys())

    def _changes(self, row: SsoProvider, wanted: Mapping[str, Any]) -> dict[str, Any]:
        plain = ("name", "client_id", "claim_names", "scope", "scim_match", "position", "metadata_certificate")
        flags = ("accepts_amr", "wants_encrypted", "allows_cbc", "forwards_logout")
        changed = {name: wanted[name] for name in (*plain, *flags) if name in wanted}
        changed |= {name: value.strip() for name, value in changed.items() if isinstance(value, str)}
        if (secret := str(wanted.get("client_secret", "")).strip()) and secret not in secrets_of(self._seal, row)[:1]:
            both = [secret, *secrets_of(self._seal, row)[:1]]
            changed["sealed_secret"] = self._seal.seal(json.dumps(both).encode(), secret_label(row))
        return changed

    async def _place(self, unit: UnitOfWork, row: SsoProvider) -> None:
        """Buttons stand in one order, without gaps."""
        others = [each for each in await store.of_organisation(unit, row.organisation_id) if each.id != row.id]
        others.insert(min(max(row.position, 0), len(others)), row)
        for place, each in enumerate(others):
            each.position = place

    async def _not_the_last(self, unit: UnitOfWork, row: SsoProvider) -> None:
        policy = await unit.get(SignInPolicy, row.organisation_id, lock=True)
        if policy is None or policy.sso != SsoMode.ENFORCED:
            return
        others = await store.of_organisation(unit, row.organisation_id)
        if not any(each.state == ProviderState.LIVE and each.id != row.id for each in others):
            raise precondition("last_provider")

    async def _keys(self, provider: SsoProvider) -> ProviderKeys:
        return await self._setups[provider.kind].keys(provider)

    async def _own(self, unit: UnitOfWork, provider_id: UUID, *, lock: bool = False) -> SsoProvider:
        found = await unit.get(SsoProvider, provider_id, lock=lock)
        if found is None or found.organisation_id != unit.organisation_id:
            raise not_found("provider_not_found")
        return found

    async def _allowed(self) -> None:
        if not await self._organisations.allows(RIGHT):
            raise forbidden("right_missing", right=RIGHT)


def _where(provider: SsoProvider, wanted: Mapping[str, Any]) -> str:
    """The field that says which provider it is."""
    if wanted.get("metadata_document") is not None:
        return "metadata_document"
    return "issuer" if provider.kind == ProviderKind.OIDC else "metadata_url"


def _meant_otherwise(row: SsoProvider, changed: Mapping[str, Any]) -> dict[str, str]:
    """What says whom a live provider means, before and after a change of it: for the firm's journal."""
    if row.state != ProviderState.LIVE:
        return {}
    claims = changed.get("claim_names", row.claim_names)
    both = {name: (getattr(row, name), changed.get(name, getattr(row, name))) for name in ("client_id", "scim_match")}
    both["subject"] = (row.claim_names.get("subject", ""), claims.get("subject", ""))
    differing = {name: values for name, values in both.items() if values[0] != values[1]}
    return {f"{name}_{when}": values[at] for name, values in differing.items() for at, when in enumerate(_WHEN)}


def _wrong(wanted: Mapping[str, Any]) -> list[Violation]:
    found = [
        violation
        for name in ("name", "client_id", "client_secret", "scope", "scim_match", "metadata_url", "issuer")
        if name in wanted
        for violation in _wrong_text(name, str(wanted[name]), required=name in {"name", "issuer", "client_id"})
    ]
    if not is_certificate(str(wanted.get("metadata_certificate", ""))):
        found.append(Violation("metadata_certificate", "malformed"))
    for what, name in dict(wanted.get("claim_names", {})).items():
        if what not in CLAIMS:
            found.append(Violation(f"claim_names.{what}", "unknown"))
        elif not name.strip() or len(name) > _LONGEST_CLAIM or not name.isprintable():
            found.append(Violation(f"claim_names.{what}", "malformed"))
    return found


def _wrong_text(name: str, value: str, *, required: bool = False) -> list[Violation]:
    if required and not value.strip():
        return [Violation(name, "required")]
    longest = _LONGEST.get(name, 2000)
    if len(value) > longest:
        return [Violation(name, "too_long", {"longest": str(longest)})]
    return [] if value.isprintable() else [Violation(name, "control_characters")]
