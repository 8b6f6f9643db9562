"""Firms' SAML providers: what is asked of them and what they answer (SAML profiles, 4.1 and 4.4). `service.saml` reads
and writes the messages; here is whose they are.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography import x509

from parvis_identity.domain import saml as names
from parvis_identity.domain.saml import NameId
from parvis_identity.models import SsoProvider
from parvis_identity.service.saml import messages, metadata, responses
from parvis_identity.service.saml.metadata import Provider
from parvis_identity.service.saml.responses import Expected, Said
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.sso.saml_keys import OwnKey, SamlKeys
from parvis_identity.service.sso.saml_metadata import MetadataReader
from parvis_identity.service.sso.upstream import Assertion, Begin, Check, Refused
from parvis_identity.store import openid as openid_store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database

_SELF = Caller("identity")
#: Refusals that new metadata may mend: the provider signs with a key that we do not know yet.
_UNKNOWN_KEY = frozenset({"signature_certificate", "signature_wrong"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where we are to one provider. Each has its own: an answer that comes there is of no other."""

    entity_id: str
    answer_at: str
    sign_out_at: str

    @classmethod
    def of(cls, public_url: str, provider: SsoProvider) -> "Addresses":
        base = f"{public_url}/sso/{provider.id}"
        return cls(f"{base}/metadata", f"{base}/acs", f"{base}/slo")


class SamlUpstream:
    """See the module, and `upstream.Upstream`."""

    def __init__(self, database: Database, keys: SamlKeys, reader: MetadataReader, *, public_url: str) -> None:
        self._database = database
        self._keys = keys
        self._reader = reader
        self._public_url = public_url

    async def begin(self, provider: SsoProvider, state: str, *, force: bool, hint: str) -> Begin:
        """See Upstream."""
        now = datetime.now(UTC)
        found = described(provider, Trail(), now)
        own = Addresses.of(self._public_url, provider)
        sent = messages.authentication_request(
            _current(await self._keys.of(provider.id)).signer,
            issuer=own.entity_id,
            destination=found.sign_in,
            answer_at=own.answer_at,
            relay_state=state,
            now=now,
            force=force,
            name_format=_name_format(provider, found),
            hint=hint,
        )
        kept = {"request": sent.identifier, "force": "1" if force else "", "began": str(now.timestamp())}
        return Begin(sent.location, kept)

    async def finish(
        self, provider: SsoProvider, kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> tuple[Assertion, Sequence[Check]]:
        """See Upstream."""
        keys = await self._keys.of(provider.id)
        try:
            return await self._finish(provider, keys, kept, answer)
        except Refused as refused:
            if refused.check not in _UNKNOWN_KEY or not await self._reader.again(provider):
                raise
        return await self._finish(provider, keys, kept, answer)

    async def _finish(
        self, provider: SsoProvider, keys: Sequence[OwnKey], kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> tuple[Assertion, Sequence[Check]]:
        trail, now = Trail(), datetime.now(UTC)
        found = described(provider, trail, now)
        own = Addresses.of(self._public_url, provider)
        expected = Expected(
            issuer=provider.issuer,
            certificates=found.certificates,
            keys=[each.private for each in keys],
            audience=own.entity_id,
            answer_at=own.answer_at,
            in_response_to=kept["request"],
            now=now,
            # An attempt of the release before does not say when it began: it counts as begun now.
            anew_from=datetime.fromtimestamp(float(kept.get("began", now.timestamp())), UTC)
            if kept.get("force")
            else None,
            encrypted=provider.wants_encrypted,
            allow_cbc=provider.allows_cbc,
        )
        said = responses.read(answer.get("SAMLResponse", ""), expected, trail)
        assertion = assertion_of(provider, said, trail)
        async with self._database.begin(_SELF) as unit:
            first = await openid_store.first_time(unit, "saml", str(provider.id), said.assertion_id, said.ends)
        trail.check("assertion_repeated", first, "This assertion was shown before.")
        return assertion, trail.checks

    async def logout(self, provider: SsoProvider, *, name_id: str, session_index: str, hint: str, back: str) -> str:
        """See Upstream. The path of `back` goes along as RelayState: the answer comes to the address of sign-outs."""
        _ = hint
        try:
            found = described(provider, Trail(), datetime.now(UTC))
        except Refused:
            return ""
        if not found.sign_out or not name_id:
            return ""
        parts = urlsplit(back)
        sent = messages.logout_request(
            _current(await self._keys.of(provider.id)).signer,
            issuer=Addresses.of(self._public_url, provider).entity_id,
            destination=found.sign_out,
            relay_state=f"{parts.path}?{parts.query}" if parts.query else parts.path,
            now=datetime.now(UTC),
            name=NameId.of(name_id),
            session_indexes=[session_index],
        )
        return sent.location

    async def own_metadata(self, provider: SsoProvider) -> bytes:
        """What the provider is to know of us, with all keys that it may meet."""
        keys = await self._keys.of(provider.id)
        own = Addresses.of(self._public_url, provider)
        return await asyncio.to_thread(
            metadata.written,
            entity_id=own.entity_id,
            answer_at=own.answer_at,
            sign_out_at=own.sign_out_at,
            certificates=[each.certificate for each in keys if not each.retired],
            signer=_current(keys).signer,
            now=datetime.now(UTC),
        )


def described(provider: SsoProvider, trail: Trail, now: datetime) -> Provider:
    """A provider as its metadata says. Raises Refused."""
    there = bool(provider.metadata_document)
    trail.check("metadata_missing", there, "The metadata of the provider was never read.")
    found = _described(provider.metadata_document, provider.issuer)
    metadata.current(found, trail, now)
    return found


@lru_cache(maxsize=512)
def _described(document: str, entity_id: str) -> Provider:
    """Read once; it was checked when it was saved."""
    return metadata.read(document.encode(), Trail(), entity_id=entity_id)


def assertion_of(provider: SsoProvider, said: Said, trail: Trail) -> Assertion:
    """What was said of a person, in the words of all providers. Raises Refused when it says nothing that lasts."""
    claims: Mapping[str, tuple[str, ...]] = said.attributes
    chosen = {str(what): str(name) for what, name in provider.claim_names.items()}

    def one(what: str) -> str:
        return next(iter(names.attribute(claims, chosen.get(what, ""), what)), "").strip()

    amr, multi_factor = names.methods(said.context, claims)
    return Assertion(
        subject=_subject(said.name, claims, chosen.get("subject", ""), trail),
        mail=one("mail"),
        user_name=one("user_name"),
        given_name=one("given_name"),
        family_name=one("family_name"),
        groups=names.attribute(claims, chosen.get("groups", ""), "groups"),
        claims={**claims, "NameID": (said.name.value,), "AuthnContextClassRef": (said.context,)},
        amr=amr,
        multi_factor=multi_factor,
        auth_time=said.signed_in_at,
        session_ends=said.session_ends,
        name_id=said.name.kept(),
        session_index=said.session_index,
    )


def _subject(name: NameId, claims: Mapping[str, tuple[str, ...]], chosen: str, trail: Trail) -> str:
    """What somebody is known by: the attribute that the firm chose, else the name."""
    if chosen:
        values = claims.get(chosen, ())
        said = f"{len(values)} values" if values else "nothing"
        trail.check("subject_missing", len(values) == 1, f"The attribute {chosen}, who somebody is, says {said}.")
        trail.passed("subject")
        return values[0]
    problem = names.problem_of_name(name)
    if problem:
        kind = "a mail address" if problem == "name_id_is_mail" else name.format.rpartition(":")[2]
        detail = (
            f"The provider names people in a way that does not last ({kind}): have it send a persistent name, or name "
            "an attribute that lasts (Okta: user.id; Entra ID: objectidentifier)."
        )
        raise trail.failed(problem, detail)
    trail.passed("subject")
    return name.value


def _name_format(provider: SsoProvider, found: Provider) -> str:
    """Persistent, unless people are known by an attribute or the provider says that it has others only."""
    offered = not found.name_formats or names.PERSISTENT in found.name_formats
    return names.PERSISTENT if offered and not provider.claim_names.get("subject") else ""


def _current(keys: Sequence[OwnKey]) -> OwnKey:
    return next(each for each in keys if each.current)


def certificates(provider: SsoProvider) -> tuple[x509.Certificate, ...]:
    """Those of a provider, as far as they are known."""
    try:
        return _described(provider.metadata_document, provider.issuer).certificates
    except Refused:
        return ()
