"""The stage of the RPC tests: the running suite, everybody in it, and one trial for each RPC."""

import asyncio
from dataclasses import dataclass, field

from callers import Caller
from cases import CASES, Case, Outcome
from contract import service_of
from forging import Forger
from google.protobuf.message import Message
from ledger import Ledger
from people import Cast
from world import World

from parvis_kit.errors import ServiceError

#: Wrong callers of the firm itself, who may know everything but what is about contacts.
SAME_FIRM = {"no-right", "out-of-scope", "reader", "no-organisation", "cut-member"}
OTHER_CLIENT = "other-client"
#: Times that somebody comes again who is told to.
PATIENCE = 5


@dataclass(slots=True)
class Trial:
    """A request for the wrong callers, and what the rightful caller got for another one of the same kind."""

    case: Case
    request: Message
    first: Outcome


@dataclass(slots=True)
class Stage:
    """See the module."""

    cast: Cast
    world: World
    ledger: Ledger
    forger: Forger
    _trials: dict[str, Trial] = field(default_factory=dict)

    async def trial(self, method: str) -> Trial:
        """The trial of an RPC. The rightful caller goes first: without their success no refusal means anything."""
        if method not in self._trials:
            case = CASES[method]
            first = await self.rightful(case, await case.make(self.world))
            await self.world.give_up(first)
            self._trials[method] = Trial(case, await case.make(self.world), first)
            await self.ledger.quiet()
        return self._trials[method]

    async def rightful(self, case: Case, request: Message) -> Outcome:
        """What the rightful caller gets, who comes again when they are told to: a domain is looked at from time to
        time, and a trail is read once what it says of an erasure is sealed.
        """
        for _ in range(PATIENCE):
            outcome = await self.attempt(case, request, "rightful")
            if not isinstance(outcome, ServiceError) or "retry_after" not in outcome.params:
                break
            await asyncio.sleep(int(outcome.params["retry_after"]))
        return outcome

    async def attempt(self, case: Case, request: Message, name: str) -> Outcome:
        """What somebody gets for a request: the answer, or the error."""
        caller = await self.caller(case, name)
        try:
            return await self.cast.wires.call(caller, case.method, request)
        except ServiceError as error:
            return error

    async def caller(self, case: Case, name: str) -> Caller:
        """Somebody by name, as they would call this RPC."""
        through = case.through[0]
        if name.startswith("through-"):
            through, name = name.removeprefix("through-"), "rightful"
        if name == "rightful" and case.by == "service":
            name = "own-name"
        organisation_id = {"own-name": self.cast.firm, "own-name-other-firm": self.cast.other_firm}.get(name, "")
        if organisation_id or name in {"own-name-of-nobody", "no-token"}:
            return Caller(through, organisation_id=organisation_id)
        if name.startswith("product-"):
            return Caller(through, (await self.cast.product_tokens("administrator"))[name])
        if name.endswith("-token"):
            return Caller(through, self.forger.variants((await self.cast.caller(case.by)).token)[name])
        somebody = {"rightful": case.by, "with-subject": "administrator"}.get(name, name)
        return await self.cast.caller(somebody, through)

    async def hidden(self, name: str) -> frozenset[str]:
        """The identifiers of the firm that somebody must never be told."""
        firm = self.cast.firm
        if name == OTHER_CLIENT:
            about = await self.ledger.identifiers(firm, self.world.contact.id)
            return about | {self.world.client_account_id}
        if name in SAME_FIRM:
            return await self.ledger.contacts(firm)
        return await self.ledger.identifiers(firm)

    async def tried(self, trial: Trial, name: str) -> tuple[Outcome, set[str]]:
        """What somebody gets for the request of a trial, and what of the firm it changed in the service of the RPC."""
        case = trial.case
        return await self.ledger.changed_by(
            lambda: self.attempt(case, trial.request, name), self.cast.firm, service_of(case.method)
        )
