"""A provider tells that somebody signed out there: their sessions here that it vouches for end, and clients are told of
it as of any other end. The browser goes back with an answer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from parvis_identity.models import SsoProvider
from parvis_identity.service.saml import logouts, messages
from parvis_identity.service.saml.logouts import Expected, Wanted
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.sso.saml import Addresses, described
from parvis_identity.service.sso.saml_keys import SamlKeys
from parvis_identity.service.sso.vouching import taken_back
from parvis_identity.store import openid as openid_store
from parvis_identity.store import saml as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database

_SELF = Caller("identity")
_REMEMBERED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Message:
    """A message about signing out, as the browser brought it: in an address (`query`, as it came) or in a form."""

    query: str = ""
    form: str = ""
    relay_state: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """What follows: `location`, where the browser goes with our answer; empty: the provider answered us, and what we
    sent along came back (`relay_state`), or it offers no address for answers.
    """

    location: str = ""
    relay_state: str = ""


class SamlLogout:
    """See the module."""

    def __init__(self, database: Database, keys: SamlKeys, *, public_url: str) -> None:
        self._database = database
        self._keys = keys
        self._public_url = public_url

    async def received(self, provider: SsoProvider, message: Message) -> Received:
        """What follows from a message. Raises Refused."""
        trail, now = Trail(), datetime.now(UTC)
        found = described(provider, trail, now)
        keys = await self._keys.of(provider.id)
        own = Addresses.of(self._public_url, provider)
        expected = Expected(provider.issuer, found.certificates, [each.private for each in keys], own.sign_out_at, now)
        wanted = (
            logouts.in_address(message.query, expected, trail)
            if message.query
            else logouts.in_form(message.form, message.relay_state, expected, trail)
        )
        if not isinstance(wanted, Wanted):
            return Received(relay_state=wanted.relay_state)
        await self._end(provider, wanted, trail)
        if not found.sign_out_answer:
            return Received()
        sent = messages.logout_response(
            next(each for each in keys if each.current).signer,
            issuer=own.entity_id,
            destination=found.sign_out_answer,
            relay_state=wanted.relay_state,
            now=now,
            in_response_to=wanted.identifier,
        )
        return Received(sent.location)

    async def _end(self, provider: SsoProvider, wanted: Wanted, trail: Trail) -> None:
        async with self._database.begin(_SELF) as unit:
            until = unit.now + _REMEMBERED
            first = await openid_store.first_time(unit, "saml logout", str(provider.id), wanted.identifier, until)
            trail.check("logout_repeated", first, "This request was shown before.")
            for each in await store.sessions_of(unit, provider.id, wanted.name.value, wanted.session_indexes):
                await taken_back(unit, provider, each.session_id, each.account_id)
