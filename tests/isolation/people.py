"""The people of the isolation tests: some of the demonstration, some made for what they lack, each with a browser."""

import asyncio
import json
import secrets
import time
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from browsing import csrf_of
from callers import Caller, Wires

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.identity.v1 import identity_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_local.demo.portal import Person, Portal, eventually
from parvis_local.demonstration import Context

FIRM, OTHER_FIRM, PROVIDER = "cabinet-orsel", "valmer-patrimoine", "cadrane"
ADMINISTRATOR = "claire.orsel@orsel.example"
#: A token is asked for again after this many seconds; it lives for five minutes.
FRESH = 200.0
#: Seconds after which a service that still lets in whose access was cut has not heard of it at all (how soon it
#: must: test_cut.py).
DEAF = 20.0
#: An RPC of each service that every member may ask.
EVERYWHERE = {
    "AccountService.GetMyAccount": identity_pb2.GetMyAccountRequest(),
    "OrganisationService.GetFrame": tenancy_pb2.GetFrameRequest(),
    "DocumentService.GetOverview": documents_pb2.GetOverviewRequest(),
    "TemplateService.ListTemplates": notify_pb2.ListTemplatesRequest(),
    "InvoiceService.GetOverview": billing_pb2.GetOverviewRequest(),
}
#: Who sees the portal as whom.
VIEWED = {"viewer-of-client": "client", "viewer-of-colleague": "colleague"}
#: Of the products' code flow (RFC 7636).
VERIFIER = b"a-verifier-that-is-as-long-as-the-rules-of-pkce-ask"
SCOPED = (
    "contacts.read", "contacts.edit", "accesses.manage", "documents.read", "documents.file", "invoices.read",
    "invoices.edit", "invoices.close",
)  # fmt: skip
READING = {"contacts.read", "documents.read", "invoices.read"}


@dataclass(slots=True)
class Member:
    """Somebody in one organisation (or in none: ""), with their browser."""

    person: Person
    organisation_id: str = ""
    membership_id: str = ""
    account_id: str = ""
    #: Of the session in the browser; empty until they have opened the portal.
    csrf: str = ""
    #: Of somebody who sees the portal as somebody else does.
    viewing_id: str = ""
    _token: str = ""
    _since: float = field(default=float("-inf"))

    async def token(self, wires: Wires) -> str:
        """A token of the internal audience, as the gateway gets it."""
        if time.monotonic() - self._since > FRESH:
            await self.take_token(wires)
        return self._token

    async def take_token(self, wires: Wires) -> None:
        """Asks identity for a new token."""
        request = identity_pb2.GetOrganisationTokenRequest(
            refresh_token=self.person._refresh_token,
            organisation_id=self.organisation_id,
            viewing_id=self.viewing_id,
        )
        issued = await wires.call(Caller("web"), "SessionService.GetOrganisationToken", request)
        self._token, self._since = issued.token, time.monotonic()
        self.membership_id, self.account_id = issued.membership_id, issued.account_id

    def keep_token(self) -> None:
        """What is held is never replaced: access was cut, or will be."""
        self._since = float("inf")


class Cast:
    """Everybody by name; made when first asked for."""

    def __init__(self, context: Context, portal: Portal, wires: Wires) -> None:
        self.context = context
        self.portal = portal
        self.wires = wires
        self.run = secrets.token_hex(3)
        self.organisations: dict[str, str] = {}
        self._members: dict[str, Member] = {}
        self._products: dict[str, dict[str, str]] = {}
        self._cut_at: dict[str, float] = {}

    async def open(self) -> None:
        """Signs in the administrators, who make everybody else."""
        await asyncio.gather(
            self._join("administrator", ADMINISTRATOR, FIRM),
            self._join("other-firm", "sophie.valmer@valmer.example", OTHER_FIRM),
            self._join("provider", "helene.mercadier@cadrane.example", PROVIDER),
            self._join("two-firms", "karim.benhaddou@conseil.example", OTHER_FIRM),
        )
        self._members["no-organisation"] = Member(self._members["administrator"].person)
        mine, all_ = tenancy_pb2.SCOPE_MINE, tenancy_pb2.SCOPE_ALL
        await asyncio.gather(
            self._join_as_client("client", "C0001", FIRM),
            self._join_as_client("other-client", "C0002", FIRM),
            self._join_as_client("other-firm-client", "C0001", OTHER_FIRM),
            self._hire("no-right", {}),
            self._hire("out-of-scope", dict.fromkeys(SCOPED, mine)),
            self._hire("reader", {code: all_ if code in READING else mine for code in SCOPED}),
            self._hire("provider-no-right", {}, by="provider"),
            self._ask("requested-member"),
        )

    @property
    def firm(self) -> str:
        """The organisation whose identifiers the tests use."""
        return self.organisations[FIRM]

    @property
    def other_firm(self) -> str:
        return self.organisations[OTHER_FIRM]

    async def member(self, name: str) -> Member:
        """Somebody by name. Those whose access is cut are made anew while their token still lives."""
        made = self._members.get(name)
        if name.startswith("cut-") and (made is None or time.monotonic() - self._cut_at[name] > FRESH):
            await (self._cut_member() if name == "cut-member" else self._cut_client())
        if made is None and name in VIEWED:
            await self._view(name, VIEWED[name])
        return self._members[name]

    async def _view(self, name: str, whom: str) -> None:
        """The administrator, in a session of its own, as somebody else sees the portal."""
        if whom == "colleague":
            invited = await self.invite((await self.profiles())["administrator"].id)
            await self._play(whom, await self.portal.activated(invited.mail), self.firm)
        viewer = await self.sign_in_again("administrator")
        await viewer.take_token(self.wires)
        request = identity_pb2.StartViewingRequest(
            membership_id=(await self.member(whom)).membership_id, reason="isolation"
        )
        caller = Caller("web", await viewer.token(self.wires))
        begun = await self.wires.call(caller, "ViewingService.StartViewing", request)
        viewer.viewing_id = begun.id
        await viewer.take_token(self.wires)
        self._members[name] = viewer

    async def reader(self, name: str) -> Member:
        """Somebody by name, with the portal open in their browser."""
        member = await self.member(name)
        if not member.csrf:
            await self._open_portal(member)
        return member

    def slug_of(self, member: Member) -> str:
        """The address of somebody's organisation."""
        return next(slug for slug, each in self.organisations.items() if each == member.organisation_id)

    async def _open_portal(self, member: Member) -> None:
        account = f"/o/{self.slug_of(member)}/account" if member.organisation_id else "/organisations"
        page = await member.person._http.get(f"{self.portal.url}/auth/start", params={"next": account})
        member.csrf = csrf_of(page.text)

    async def caller(self, name: str, through: str = "web") -> Caller:
        """Somebody by name, calling through a service."""
        return Caller(through, await (await self.member(name)).token(self.wires))

    async def as_administrator(self, method: str, request: object, *, by: str = "administrator") -> object:
        """Calls as who may: to make what the tests then try to reach."""
        return await self.wires.call(await self.caller(by), method, request)

    async def product_tokens(self, name: str) -> dict[str, str]:
        """The tokens that a product gets about somebody (OpenID Connect Core, 3.1)."""
        if name not in self._products:
            issued = await self.redeem(await self.product_code(name))
            told = issued.json()
            self._products[name] = {
                "product-access-token": told["access_token"],
                "product-id-token": told["id_token"],
            }
        return self._products[name]

    @property
    def product(self) -> dict[str, str]:
        """The product example as an OpenID client: `client_id`, `client_secret`."""
        return json.loads(self.context.product_file.read_text())

    async def authorize(self, http: httpx.AsyncClient, **changed: str) -> httpx.Response:
        """What a browser gets when a product asks who is there (RFC 6749, 4.1.1)."""
        question = {
            "response_type": "code", "client_id": self.product["client_id"], "redirect_uri": self._redirect_uri,
            "scope": "openid profile email", "state": "s", "nonce": "n", "organisation": FIRM,
            "code_challenge": urlsafe_b64encode(sha256(VERIFIER).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }  # fmt: skip
        address = f"{self.portal.url}/oauth2/authorize?{urlencode(question | changed)}"
        return await http.get(address, follow_redirects=False)

    async def product_code(self, name: str) -> str:
        """A code for the product, about somebody."""
        answer = await self.authorize((await self.member(name)).person._http)
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    async def redeem(self, code: str, *, by: tuple[str, str] | None = None, **changed: str) -> httpx.Response:
        """What the token endpoint answers; `by` is another client than the product."""
        told = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}
        return await self.portal._http.post(
            f"{self.portal.url}/oauth2/token",
            data=told | {"code_verifier": VERIFIER.decode()} | changed,
            auth=by or (self.product["client_id"], self.product["client_secret"]),
        )

    @property
    def _redirect_uri(self) -> str:
        return f"{self.context.addresses['product']}/callback"

    # Making people

    async def invite(self, profile_id: str, *, by: str = "administrator") -> tenancy_pb2.Member:
        """A colleague who has not answered yet."""
        request = tenancy_pb2.InviteMemberRequest(
            mail=f"iso-{self.run}-{secrets.token_hex(4)}@isolation.example",
            given_name="Iso",
            family_name=secrets.token_hex(4),
            profile_id=profile_id,
        )
        return await self.as_administrator("MemberService.InviteMember", request, by=by)

    async def profiles(self, *, by: str = "administrator") -> dict[str, tenancy_pb2.Profile]:
        """The profiles of an organisation by their key (or name)."""
        listed = await self.as_administrator("MemberService.ListProfiles", tenancy_pb2.ListProfilesRequest(), by=by)
        return {each.built_in or each.name: each for each in listed.profiles}

    async def profile(self, name: str, rights: dict[str, int], *, by: str = "administrator") -> tenancy_pb2.Profile:
        """A profile with exactly these rights."""
        granted = [tenancy_pb2.GrantedRight(code=code, scope=scope) for code, scope in rights.items()]
        wanted = tenancy_pb2.Profile(name=f"{name} {self.run}", rights=granted)
        request = tenancy_pb2.SaveProfileRequest(profile=wanted)
        return await self.as_administrator("MemberService.SaveProfile", request, by=by)

    async def grant_access(self, contact_id: str) -> tuple[tenancy_pb2.Access, str]:
        """A portal access of a new person of a contact; with the address that its mail goes to."""
        mail = f"iso-{self.run}-{secrets.token_hex(4)}@isolation.example"
        person = tenancy_pb2.Person(given_name="Iso", family_name=secrets.token_hex(4), mail=mail)
        record = await self.as_administrator(
            "ContactService.SavePerson", tenancy_pb2.SavePersonRequest(contact_id=contact_id, person=person)
        )
        made = next(each for each in record.people if each.mail == mail)
        request = tenancy_pb2.GrantAccessRequest(contact_id=contact_id, person_id=made.id)
        return await self.as_administrator("ContactService.GrantAccess", request), mail

    async def _join(self, name: str, mail: str, slug: str) -> None:
        person = await self._signed_in(mail)
        found = await person.organisations()
        self.organisations |= found
        await self._play(name, person, found[slug])

    async def _join_as_client(self, name: str, code: str, slug: str) -> None:
        await self._play(name, await self._signed_in(code, slug=slug), self.organisations[slug])

    async def _hire(self, name: str, rights: dict[str, int], *, by: str = "administrator") -> None:
        profile = await self.profile(name, rights, by=by)
        invited = await self.invite(profile.id, by=by)
        await self._play(name, await self.portal.activated(invited.mail), (await self.member(by)).organisation_id)

    async def _ask(self, name: str) -> None:
        """Somebody who asked the firm for an account, proved their address, and waits."""
        await self.as_administrator(
            "RequestService.SetRequestsAccepted", tenancy_pb2.SetRequestsAcceptedRequest(accepted=True)
        )
        mail, page_of_firm = f"iso-{self.run}-asks@isolation.example", f"{self.portal.url}/join/{FIRM}"
        person, told = Person(self.portal, mail), {"Origin": self.portal.url}
        self.portal._people[f"isolation {mail}", ""] = person  # closed with the portal

        async def form() -> httpx.Response:
            page = await person._http.get(page_of_firm)
            if page.is_error:  # until identity has heard that requests are open
                raise ServiceError(Kind.UNAVAILABLE, "closed")
            return page

        page = await eventually(form)
        typed = {"given_name": "Iso", "family_name": "Asks", "mail": mail, "message": "", "csrf": csrf_of(page.text)}
        await person._http.post(page_of_firm, data=typed, headers=told)
        link = await self.portal._link_mailed_to(mail, "join")
        page = await person._http.get(link)
        page = await person._http.post(link, data={"csrf": csrf_of(page.text)}, headers=told)
        await person.activate(str(page.url))
        await person.sign_in()
        await self._play(name, person, "")

    async def _cut_member(self) -> None:
        """An administrator of the firm, with a token and a session from before their access was cut."""
        invited = await self.invite((await self.profiles())["administrator"].id)
        cut = await self._play("cut-member", await self.portal.activated(invited.mail), self.firm)
        await self._arrive(cut)
        await self.as_administrator("MemberService.CutMember", tenancy_pb2.CutMemberRequest(id=cut.membership_id))
        await self._end(cut)

    async def _cut_client(self) -> None:
        """A client with a token and a session from before their access was cut."""
        contact_id = (await self.contact_of("client")).id
        access, mail = await self.grant_access(contact_id)
        person = await self.portal.activated(mail, identifier=access.identifier, slug=FIRM)
        cut = await self._play("cut-client", person, self.firm)
        await self._arrive(cut)
        request = tenancy_pb2.CutAccessRequest(membership_id=access.membership_id)
        await self.as_administrator("ContactService.CutAccess", request)
        await self._end(cut)

    async def sign_in_again(self, name: str) -> Member:
        """The same person on another device."""
        member = await self.member(name)
        person = Person(self.portal, member.person._identifier, slug=member.person._slug)
        await person.sign_in()
        self.portal._people[f"isolation {secrets.token_hex(4)}", ""] = person
        return Member(person, member.organisation_id)

    async def contact_of(self, client: str) -> tenancy_pb2.Contact:
        """The contact that a client acts for."""
        listed = await self.as_administrator(
            "ContactService.ListContacts", tenancy_pb2.ListContactsRequest(), by=client
        )
        return listed.contacts[0]

    async def _arrive(self, cut: Member) -> None:
        """Uses the access that is about to end, in the browser too: what anyone remembers of it must not help."""
        caller = Caller("web", await cut.token(self.wires))
        for method, request in EVERYWHERE.items():
            with suppress(ServiceError):  # a client has no business in notify
                await self.wires.call(caller, method, request)
        await self._open_portal(cut)
        cut.keep_token()

    async def _end(self, cut: Member) -> None:
        """Waits until every service has heard that the access ended."""
        caller = Caller("web", await cut.token(self.wires))
        await asyncio.gather(*(self.refused_after(caller, method) for method in EVERYWHERE))

    async def refused_after(self, caller: Caller, method: str) -> float:
        """Seconds until a service refuses somebody because it heard that their access ended. It may refuse before that:
        whoever asks tenancy again learns it there.
        """
        started = time.monotonic()
        while True:
            try:
                await self.wires.call(caller, method, EVERYWHERE[method])
            except ServiceError as error:
                if error.kind is Kind.UNAUTHENTICATED and error.reason == "session_ended":
                    return time.monotonic() - started
            assert time.monotonic() - started < DEAF, f"{method} has not heard of a cut {DEAF:g} s ago"
            await asyncio.sleep(0.01)

    async def _signed_in(self, identifier: str, *, slug: str = "") -> Person:
        person = Person(self.portal, identifier, slug=slug)
        await person.sign_in()
        self.portal._people[f"isolation {identifier}", slug] = person  # closed with the portal
        return person

    async def _play(self, name: str, person: Person, organisation_id: str) -> Member:
        member = Member(person, organisation_id)
        await member.take_token(self.wires)
        self._members[name] = member
        if name.startswith("cut-"):
            self._cut_at[name] = time.monotonic()
        return member
