"""Signing in with a firm's provider, from the button to the session: begun, answered, finished. Whichever protocol a
provider speaks, what comes back goes through the same hands.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from parvis_identity.domain import sessions as rules
from parvis_identity.domain.links import digest_of
from parvis_identity.domain.sso_refusals import is_suspicious
from parvis_identity.models import (
    Account,
    ProviderState,
    SsoAttempt,
    SsoProvider,
)
from parvis_identity.service import sessions
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.refusals import Refusals
from parvis_identity.service.sealing import Seal
from parvis_identity.service.second_factor import Asked, SecondFactors
from parvis_identity.service.sessions import Begun
from parvis_identity.service.sso import arrival, attempts, warnings
from parvis_identity.service.sso.arrival import Arrivals, Candidate
from parvis_identity.service.sso.attempts import Attempts, Purpose
from parvis_identity.service.sso.directory import Directory
from parvis_identity.service.sso.upstream import Assertion, Begin, Check, Refused, Upstream
from parvis_identity.service.sso.vouching import RECENT, Vouching, proof_of
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import accounts as account_store
from parvis_identity.store import factors as factor_store
from parvis_identity.store import sso as store
from parvis_kit.caller import Caller
from parvis_kit.errors import not_found
from parvis_kit.unit import Database, UnitOfWork

#: For so long an account can be proven before it is linked: its password may have to be set anew.
TO_PROVE = timedelta(minutes=30)
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody is signed in. `after`: where they were going, or empty."""

    begun: Begun | Asked
    after: str
    provider: SsoProvider


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody who was signed in proved it again."""

    after: str
    provider: SsoProvider
    #: The provider does not say when they signed in, and they have no factor to prove it here either.
    untold: bool = False


@dataclass(frozen=True, slots=True)
class ToProve:
    """A personal account has to be proven before it is linked."""

    state: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial is over: its report is there."""

    address: str


Outcome = Arrived | Proven | ToProve | Tried


class NotTaken(Exception):
    """A sign-in that ends here: why, at which provider, and where the person was going."""

    def __init__(self, refused: Refused, provider: SsoProvider | None = None, after: str = "") -> None:
        super().__init__(str(refused))
        self.refused = refused
        self.provider = provider
        self.after = after


class SigningIn:
    """See the module. Providers are called outside of any transaction."""

    def __init__(
        self,
        database: Database,
        seal: Seal,
        arrivals: Arrivals,
        directory: Directory,
        second_factors: SecondFactors,
        upstreams: Mapping[str, Upstream],
    ) -> None:
        """`upstreams`: by ProviderKind."""
        self._second_factors = second_factors
        self.vouching = Vouching(seal)
        second_factors.followers.append(self.vouching.follow)
        second_factors.standing.append(self.vouching.stands)
        self._database = database
        self._attempts = Attempts(seal)
        self._arrivals = arrivals
        self._directory = directory
        self._upstreams = upstreams
        self._refusals = Refusals()
        self._caller = Caller("identity")

    async def provider(self, provider_id: UUID) -> SsoProvider:
        """A provider, whatever its state. Raises NOT_FOUND provider_not_found."""
        async with self._database.begin(self._caller) as unit:
            found = await store.provider(unit, provider_id)
        if found is None:
            raise not_found("provider_not_found")
        return found

    def upstream(self, provider: SsoProvider) -> Upstream:
        """What speaks with a provider."""
        return self._upstreams[provider.kind]

    async def start(
        self,
        provider: SsoProvider,
        *,
        browser: str,
        after: str,
        hint: str = "",
        again: SignedIn | None = None,
        anew: bool = False,
        invited: UUID | None = None,
    ) -> str:
        """Where the browser goes. `again`: whoever is signed in proves it; `anew`: whoever comes is asked there who
        they are, signed in or not; `invited`: the account whose invitation is open in the browser. Raises NotTaken.
        """
        if provider.state != ProviderState.LIVE:
            raise NotTaken(Refused("provider_not_live", "The provider is not in use."), provider, after)
        state = attempts.new_state()
        purpose = Purpose.STEP_UP if again else Purpose.LOGIN
        try:
            force = again is not None or anew
            begun = await self.upstream(provider).begin(provider, state, force=force, hint=hint)
        except Refused as error:
            raise await self.not_taken(provider, error, after) from error
        async with self._database.begin(self._caller) as unit:
            off = again is None and await store.is_off(unit, provider.organisation_id)
            if not off:
                await self._attempts.open(
                    unit, provider, state, purpose, begun=begun, browser=browser, after=after, who=again,
                    account_id=invited,
                )  # fmt: skip
        if off:
            refused = Refused("sso_off", "The firm's policy says that nobody signs in with its directories.")
            raise await self.not_taken(provider, refused, after)
        return begun.location

    async def start_trial(self, provider: SsoProvider, state: str, *, browser: str, who: SignedIn) -> str:
        """Where the browser of whoever began a trial goes. Raises NotTaken."""
        try:
            begun = await self.upstream(provider).begin(provider, state, force=False, hint="")
            kept = {**begun.kept, "trial": "1", "version": str(provider.version)}
            async with self._database.begin(self._caller) as unit:
                await self._attempts.bind(unit, state, Begin(begun.location, kept), browser, who)
        except Refused as error:
            raise await self.not_taken(provider, error) from error
        return begun.location

    async def answered(
        self, provider_id: UUID, state: str, answer: Mapping[str, str], visitor: Visitor, browser: str
    ) -> Outcome:
        """What follows from an answer that the browser brought itself (OpenID Connect). Raises NotTaken."""
        provider, attempt, assertion = await self._verified(provider_id, state, answer, browser)
        if assertion is None:
            return Tried(attempt.next)
        return await self._conclude(provider, state, attempt, assertion, visitor)

    async def posted(self, provider_id: UUID, state: str, answer: Mapping[str, str]) -> None:
        """Takes an answer that another site made the browser send (SAML): its cookies are not with it, so that it is
        kept until the browser comes for it by itself (`finished`). Raises NotTaken.
        """
        _, attempt, assertion = await self._verified(provider_id, state, answer, None)
        if assertion is None:
            return
        self._attempts.keep(attempt, assertion)
        async with self._database.begin(self._caller) as unit:
            await store.keep(unit, attempt.digest, attempt.sealed)

    async def finished(self, state: str, visitor: Visitor, browser: str) -> Outcome:
        """What follows from an answer that was `posted`. Raises NotTaken."""
        provider = None
        try:
            async with self._database.begin(self._caller) as unit:
                if found := await self._attempts.finished(unit, state, browser):
                    attempt, provider, assertion = found
                else:
                    attempt, assertion = await self._attempts.taken(unit, state, browser)
                    provider = await store.provider(unit, attempt.provider_id)
                    if attempt.purpose == Purpose.LINK:
                        return ToProve(state)
                    if attempt.purpose != Purpose.TRIAL:
                        await self._once(unit, attempt)
        except Refused as error:
            raise await self._over(state, browser, error, provider) from error
        if provider is None:
            raise not_found("provider_not_found")
        if assertion is None:
            return Tried(attempt.next)
        return await self._conclude(provider, state, attempt, assertion, visitor)

    async def _verified(
        self, provider_id: UUID, state: str, answer: Mapping[str, str], browser: str | None
    ) -> tuple[SsoProvider, SsoAttempt, Assertion | None]:
        """The attempt and what the provider said; nothing where a trial was refused, which its report says."""
        provider = None
        try:
            async with self._database.begin(self._caller) as unit:
                taken = await self._attempts.answered(unit, provider_id, state, browser)
                if taken is None:
                    provider = await store.provider(unit, provider_id)
                    if provider is None:
                        raise not_found("provider_not_found")
                    raise await self._attempts.refusal(unit, provider_id, state, browser)
                attempt, provider, kept = taken
        except Refused as error:
            raise await self._over(state, browser, error, provider) from error
        trial = attempt.purpose == Purpose.TRIAL
        try:
            if not trial and provider.state != ProviderState.LIVE:
                raise Refused("provider_not_live", "The provider is not in use.")  # noqa: TRY301 - as the others
            assertion, checks = await self.upstream(provider).finish(provider, kept, answer)
        except Refused as error:
            if not trial:
                raise await self.not_taken(provider, error, attempt.next) from error
            await self._report(provider, attempt, error.checks, None, error)
            return provider, attempt, None
        if trial:
            await self._report(provider, attempt, checks, assertion, None, version=kept.get("version", ""))
        return provider, attempt, assertion

    async def _conclude(
        self,
        provider: SsoProvider,
        state: str,
        attempt: SsoAttempt,
        assertion: Assertion,
        visitor: Visitor,
    ) -> Outcome:
        try:
            if attempt.purpose == Purpose.TRIAL:
                return Tried(attempt.next)
            if attempt.purpose == Purpose.STEP_UP:
                return await self._proven_again(provider, attempt, assertion, visitor)
            return await self._arrive(provider, state, attempt, assertion, visitor)
        except Refused as error:
            raise await self.not_taken(provider, error, attempt.next) from error

    async def _arrive(
        self, provider: SsoProvider, state: str, attempt: SsoAttempt, assertion: Assertion, visitor: Visitor
    ) -> Outcome:
        async with self._at(provider) as unit:
            came = await self._arrivals.of(unit, provider, assertion, invited=attempt.account_id)
            if isinstance(came, Candidate):
                row = await store.attempt(unit, attempt.digest)
                if row is not None:
                    row.purpose, row.account_id, row.used_at = Purpose.LINK, came.account_id, None
                    row.expires_at = unit.now + TO_PROVE
                    self._attempts.keep(row, assertion)
                return ToProve(state)
            person = arrival.person_of(unit, came.account, assertion)
        settled = await self._directory.settle(provider.organisation_id, person)
        if not settled.open:
            raise Refused(f"no_access_{settled.reason}", "The firm's mapping gives the person no access.")
        async with self._at(provider) as unit:
            begun = await self.begin_session(unit, provider, came.account, assertion, visitor, attempt)
        return Arrived(begun, attempt.next, provider)

    async def begin_session(
        self,
        unit: UnitOfWork,
        provider: SsoProvider,
        account: Account,
        assertion: Assertion,
        visitor: Visitor,
        attempt: SsoAttempt,
    ) -> Begun | Asked:
        """A session of whoever a provider has just vouched for, or the factor first that they want to be asked."""
        await _in_use(unit, provider, assertion)
        locked = await account_store.hold(unit, account.id)
        if locked is None or locked.state != "active":
            raise Refused("account_closed", "The account that the provider vouches for is closed.")
        proof = proof_of(unit, provider, locked, assertion, attempt)
        if locked.organisation_id != provider.organisation_id:  # somebody's own: the browser was not trusted for this
            visitor = replace(visitor, trusted="")
        return await self._second_factors.begin(unit, locked, visitor, proof, self.vouching.kept(provider, assertion))

    async def to_link(self, state: str, browser: str) -> tuple[SsoProvider, Account, Assertion, str]:
        """What is about to be linked: the provider, the personal account that has to be proven, what the provider said,
        and where the person was going. Raises NotTaken.
        """
        provider = None
        try:
            async with self._database.begin(self._caller) as unit:
                attempt, assertion = await self._attempts.taken(unit, state, browser)
                provider = await unit.get(SsoProvider, attempt.provider_id)
                account = await unit.get(Account, attempt.account_id) if attempt.account_id else None
                if attempt.purpose != Purpose.LINK or assertion is None or provider is None or account is None:
                    raise Refused("attempt_unknown", "Nothing waits to be linked.")  # noqa: TRY301 - as the others
                return provider, account, assertion, attempt.next
        except Refused as error:
            raise await self._over(state, browser, error, provider) from error

    async def link(self, state: str, browser: str, who: SignedIn) -> tuple[SsoProvider, str]:
        """Links what a provider said with the personal account of whoever has just proven it: the provider, and where
        they were going. Raises NotTaken.
        """
        provider, account, assertion, after = await self.to_link(state, browser)
        if who.account.id != account.id or not is_proven(who):
            raise await self.not_taken(provider, Refused("account_not_proven", "Another account was proven."), after)
        try:
            async with self._at(provider) as unit:
                row = await store.attempt(unit, digest_of(state))
                if row is None:
                    raise Refused("attempt_unknown", "Nothing waits to be linked.")  # noqa: TRY301 - as the others
                await self._once(unit, row)
                await _in_use(unit, provider, assertion)
                await store.one_at_a_time(unit, provider.id, assertion.subject)
                if await store.identity(unit, provider.id, assertion.subject) is None:
                    await self._arrivals.prove(unit, provider, assertion, account)
                person = arrival.person_of(unit, account, assertion)
            settled = await self._directory.settle(provider.organisation_id, person)
            if not settled.open:
                detail = "The account is no member of the firm (any more)."
                raise Refused(f"no_access_{settled.reason}", detail)  # noqa: TRY301 - as the others
            async with self._at(provider) as unit:
                await _in_use(unit, provider, assertion)
                await self.vouching.follow(
                    unit, Begun(who.session, account, ""), self.vouching.kept(provider, assertion)
                )
        except Refused as error:
            raise await self.not_taken(provider, error, after) from error
        return provider, after

    async def provider_of(self, who: SignedIn) -> SsoProvider | None:
        """The provider in use that knows whoever is signed in: at best the one that they came with."""
        async with self._database.begin(self._caller) as unit:
            found = await store.provider_of(unit, who.account.id, who.session.id)
            return await unit.get(SsoProvider, found) if found else None

    async def _proven_again(
        self, provider: SsoProvider, attempt: SsoAttempt, assertion: Assertion, visitor: Visitor
    ) -> Outcome:
        async with self._at(provider) as unit:
            await _in_use(unit, provider, assertion)
            known = await store.identity(unit, provider.id, assertion.subject)
            who = await sessions.signed_in(unit, visitor.cookie)
            if who is None or who.session.id != attempt.session_id or who.account.id != attempt.account_id:
                raise Refused("session_ended", "The sign-in that was to be proven again has ended.")
            if known is None or known.account_id != who.account.id:
                raise Refused("somebody_else", "Somebody else signed in at the provider than is signed in here.")
            proof = proof_of(unit, provider, who.account, assertion, attempt)
            has_factor = await factor_store.has_any(unit, who.account.id)
            if has_factor and proof.acr < rules.TWO_FACTORS_ACR:
                proof = replace(proof, strongest=False)
            sessions.strengthen(unit, who.session, proof)
            await self.vouching.follow(
                unit, Begun(who.session, who.account, ""), self.vouching.kept(provider, assertion)
            )
            unit.record(
                "sign_in.proven_again", target_kind="account", target_id=who.account.id, provider=str(provider.id)
            )
        return Proven(attempt.next, provider, untold=assertion.auth_time is None and not has_factor)

    async def _over(
        self, state: str, browser: str | None, error: Refused, provider: SsoProvider | None = None
    ) -> NotTaken:
        """The refusal of an answer that no attempt waits for (any more): where it was, and for the browser that began
        it where that was going.
        """
        async with self._database.begin(self._caller) as unit:
            attempt = await store.attempt(unit, digest_of(state))
            if attempt is not None and provider is None:
                provider = await unit.get(SsoProvider, attempt.provider_id)
            after = attempt.next if attempt and browser and attempts.is_of(attempt, browser) else ""
        return await self.not_taken(provider, error, after)

    async def _once(self, unit: UnitOfWork, attempt: SsoAttempt) -> None:
        """Nothing else follows from the attempt. Raises Refused."""
        if not await store.use(unit, attempt.digest):
            raise Refused("attempt_used", "This sign-in is over already.")

    async def _report(
        self,
        provider: SsoProvider,
        attempt: SsoAttempt,
        checks: Sequence[Check],
        assertion: Assertion | None,
        refused: Refused | None,
        *,
        version: str = "",
    ) -> None:
        async with self._at(provider) as unit:
            row = await store.attempt(unit, attempt.digest)
            if row is None:
                return
            row.report = attempts.report(tuple(checks), assertion, refused)
            now = await unit.get(SsoProvider, provider.id, lock=True)
            if refused is None and now is not None and str(now.version) == version:
                now.tried_at = unit.now
            outcome = refused.check if refused else "ok"
            unit.record("sso.tried", target_kind="provider", target_id=provider.id, outcome=outcome)

    async def not_taken(self, provider: SsoProvider | None, error: Refused, after: str = "") -> NotTaken:
        """Writes the refusal into the firm's trail; administrators hear of what smells of an attack."""
        if provider is not None:
            async with self._at(provider) as unit:
                told = {"check": error.check, "detail": error.detail[:_LONGEST_DETAIL]}
                told |= {"suspicious": "yes"} if is_suspicious(error.check) else {}
                if is_suspicious(error.check):
                    await warnings.warn(unit, provider, error.check)
                self._refusals.note(unit, "sso.refused", str(provider.id), error.check, kind="provider", **told)
        return NotTaken(error, provider, after)

    def _at(self, provider: SsoProvider) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._database.begin(self._caller, organisation_id=provider.organisation_id)


async def _in_use(unit: UnitOfWork, provider: SsoProvider, assertion: Assertion) -> None:
    """Raises Refused where the provider was put out of service meanwhile, or what it said is over."""
    if assertion.session_ends is not None and assertion.session_ends <= unit.now:
        raise Refused("provider_session_over", "The provider says that their session with it is over.")
    if not await store.is_live(unit, provider.id):
        raise Refused("provider_not_live", "The provider is not in use any more.")


def is_proven(who: SignedIn) -> bool:
    """Whether somebody has just proven their own account, as surely as they can: a provider's word is none of it."""
    return who.session.acr >= rules.PASSWORD_ACR and datetime.now(UTC) - who.session.proof_at < RECENT
