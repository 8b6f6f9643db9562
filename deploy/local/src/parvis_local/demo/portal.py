"""The portal as its people use it: links from mails, passwords on pages, tokens, bytes to the store."""

import asyncio
import hashlib
import os
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Self, TypeVar
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.identity.v1 import identity_pb2, identity_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import Acting, acting_as, acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.settings import ServiceSettings
from parvis_local.demo.story import PASSWORD

if TYPE_CHECKING:
    from types import TracebackType

    from parvis_local.demonstration import Context

Answer = TypeVar("Answer")

#: Seconds that an event may take to reach the service that must know of it.
PATIENCE = 30.0


class _GatewaySettings(ServiceSettings):
    service = "web"


class DemonstrationError(Exception):
    """The suite did not do what the demonstration asked of it."""


class Form(HTMLParser):
    """The first form of a page that asks for a password: where it goes and what it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.passwords: list[str] = []
        self._found: list[tuple[str, dict[str, str], list[str]]] = []
        self._open = False
        self.feed(page)
        for action, fields, passwords in self._found:
            if passwords:
                self.action, self.fields, self.passwords = action, fields, passwords
                break

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._found.append((attributes.get("action", ""), {}, []))
            self._open = True
        elif tag == "input" and self._open and (name := attributes.get("name")):
            kind = attributes.get("type", "text")
            if kind in {"checkbox", "radio", "submit"} and "checked" not in attributes:
                return
            self._found[-1][1][name] = attributes.get("value", "")
            if kind == "password":
                self._found[-1][2].append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


class Person:
    """Somebody with a browser of their own: signs in, and acts for an organisation."""

    def __init__(self, portal: "Portal", identifier: str, *, slug: str = "") -> None:
        self._portal = portal
        self._identifier = identifier
        self._slug = slug
        self._http = portal.client(follow_redirects=True)
        self._refresh_token = ""

    async def close(self) -> None:
        await self._http.aclose()

    async def activate(self, link: str) -> None:
        """Opens an activation link and chooses the demonstration's password. A used link is no error."""
        page = await self._http.get(link)
        form = Form(page.text)
        if form.action is None:
            return
        answer = await self._submit(page, form, {})
        if answer.is_error:
            raise DemonstrationError(f"The activation of {self._identifier} answered {answer.status_code}.")

    async def sign_in(self) -> None:
        """The code flow with PKCE as the gateway's client (RFC 7636), with a password on identity's page."""
        verifier = secrets.token_urlsafe(48)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        client = self._portal.gateway
        redirect_uri = f"{self._portal.url}/auth/callback"
        if self._slug:
            page = await self._http.get(f"{self._portal.url}/login/{self._slug}")
            await self._submit(page, Form(page.text), {"identifier": self._identifier})
        question = {
            "response_type": "code",
            "client_id": client["PARVIS_WEB_CLIENT_ID"],
            "redirect_uri": redirect_uri,
            "scope": "openid",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        page = await self._until_callback(f"{self._portal.url}/oauth2/authorize?{urlencode(question)}", redirect_uri)
        if page.status_code == httpx.codes.OK:
            form = Form(page.text)
            if form.action is None:
                raise DemonstrationError(f"{page.url} is no login page.")
            page = await self._submit(page, form, {"identifier": self._identifier}, until=redirect_uri)
        code = parse_qs(urlsplit(page.headers.get("location", "")).query).get("code")
        if not code:
            raise DemonstrationError(f"{self._identifier} could not sign in: {page.status_code} at {page.url}.")
        answer = await self._http.post(
            f"{client['PARVIS_IDENTITY_INTERNAL_URL']}/oauth2/token",
            data={
                "grant_type": "authorization_code",
                "code": code[0],
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
            auth=(client["PARVIS_WEB_CLIENT_ID"], client["PARVIS_WEB_CLIENT_SECRET"]),
        )
        answer.raise_for_status()
        self._refresh_token = answer.json()["refresh_token"]

    async def open(self, path: str, *, follow: bool = True) -> httpx.Response:
        """A page of the portal in this person's browser, after `sign_in`: the portal finds the session by itself, on
        the way of the redirects that the first page makes.
        """
        return await self._http.get(f"{self._portal.url}{path}", follow_redirects=follow)

    async def fill(self, path: str, values: dict[str, str]) -> httpx.Response:
        """Sends the form of a page of the portal, with these values; the page that follows."""
        page = await self.open(path)
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        sent = {"csrf": found[1] if found else "", **values}
        return await self._http.post(f"{self._portal.url}{path}", data=sent, headers={"Origin": self._portal.url})

    @property
    def cookie_header(self) -> str:
        """What this person's browser sends to the portal, for programs that make requests in their name."""
        return "; ".join(f"{each.name}={each.value}" for each in self._http.cookies.jar)

    @asynccontextmanager
    async def acting_for(self, organisation_id: str, *, revisions: dict[str, int] | None = None) -> AsyncIterator[None]:
        """Calls inside the block are this person's, for the organisation; `revisions` are those that they know of, and
        learn of.
        """
        sessions = identity_pb2_grpc.SessionServiceStub(self._portal.peers.channel("identity"))
        with acting_for(None):
            issued = await sessions.GetOrganisationToken(
                identity_pb2.GetOrganisationTokenRequest(
                    refresh_token=self._refresh_token, organisation_id=organisation_id
                )
            )
        with acting_as(Acting(token=issued.token, revisions={} if revisions is None else revisions)):
            yield

    async def organisations(self) -> dict[str, str]:
        """Slug → id of the organisations that this person belongs to."""
        stub = tenancy_pb2_grpc.OrganisationServiceStub(self._portal.peers.channel("tenancy"))
        async with self.acting_for(""):
            answer = await stub.ListMyOrganisations(tenancy_pb2.ListMyOrganisationsRequest())
        return {mine.face.slug: mine.face.id for mine in answer.organisations}

    async def upload(self, request: documents_pb2.StartUploadRequest, content: bytes) -> None:
        """A file into a folder, in parts, as the page does; returns when it is filed."""
        stub = documents_pb2_grpc.UploadServiceStub(self._portal.peers.channel("documents"))
        upload = await stub.StartUpload(request)
        for part in upload.parts:
            start = (part.number - 1) * upload.part_size
            sent = await self._http.put(part.url, content=content[start : start + part.size])
            sent.raise_for_status()
        upload = await stub.CompleteUpload(documents_pb2.CompleteUploadRequest(id=upload.id))
        for _ in range(200):
            if upload.state != documents_pb2.UPLOAD_STATE_VERIFYING:
                break
            await asyncio.sleep(0.05)
            upload = await stub.GetUpload(documents_pb2.GetUploadRequest(id=upload.id))
        if upload.state != documents_pb2.UPLOAD_STATE_FILED:
            state = documents_pb2.UploadState.Name(upload.state)
            raise DemonstrationError(f"{request.name} was not filed: {state} {upload.reason}.")

    async def _submit(
        self, page: httpx.Response, form: Form, values: dict[str, str], *, until: str = ""
    ) -> httpx.Response:
        known = {name: value for name, value in values.items() if name in form.fields}
        fields = form.fields | known | dict.fromkeys(form.passwords, PASSWORD)
        address = urljoin(str(page.url), form.action or "") or str(page.url)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        answer = await self._http.post(address, data=fields, headers={"Origin": origin}, follow_redirects=False)
        return await self._follow(answer, until)

    async def _until_callback(self, address: str, until: str) -> httpx.Response:
        return await self._follow(await self._http.get(address, follow_redirects=False), until)

    async def _follow(self, answer: httpx.Response, until: str) -> httpx.Response:
        """Follows redirects, but not the one to `until`."""
        for _ in range(10):
            location = answer.headers.get("location", "")
            if not answer.is_redirect or (until and location.startswith(until)):
                break
            answer = await self._http.get(urljoin(str(answer.url), location), follow_redirects=False)
        return answer


class Portal:
    """What the demonstration reaches: pages, gRPC as the gateway, and the mails that the suite sent."""

    def __init__(self, context: "Context") -> None:
        self.context = context
        self.url = context.addresses["portal"]
        self.gateway = context.environment("web")
        with _environment(self.gateway):
            self.peers = Peers(_GatewaySettings())
        self._people: dict[tuple[str, str], Person] = {}
        self._http = self.client()

    def client(self, *, follow_redirects: bool = False) -> httpx.AsyncClient:
        """A browser's part of HTTP: cookies of its own."""
        transport = self.context.transport()
        return httpx.AsyncClient(timeout=30, follow_redirects=follow_redirects, trust_env=False, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        for person in self._people.values():
            await person.close()
        await self._http.aclose()
        await self.peers.close()

    async def activated(self, mail: str, *, link: str = "", identifier: str = "", slug: str = "") -> Person:
        """Somebody who can act: activated through `link`, or the one of the newest mail to `mail`; signed in."""
        key = (identifier or mail, slug)
        if key not in self._people:
            person = Person(self, identifier or mail, slug=slug)
            await person.activate(link or await self._link_mailed_to(mail))
            await person.sign_in()
            self._people[key] = person
        return self._people[key]

    async def _link_mailed_to(self, mail: str, path: str = "activate") -> str:
        """The link of the newest mail to an address, its activation link unless another is named; waits for it."""

        async def look() -> str:
            messages = (
                await self._http.get(f"{self.context.addresses['mail']}/api/messages", params={"to": mail})
            ).json()
            found = messages["messages"] if isinstance(messages, dict) else messages
            for message in reversed(found):
                whole = await self._http.get(f"{self.context.addresses['mail']}/api/messages/{message['id']}")
                if link := re.search(rf"{re.escape(self.url)}/{path}/[^\s\"'<>\\]+", whole.text):
                    return link[0]
            raise ServiceError(Kind.NOT_FOUND, "no_mail_yet", address=mail)

        return await eventually(look)


async def eventually(act: Callable[[], Awaitable[Answer]]) -> Answer:
    """Does `act` again while what it needs has not arrived yet, `PATIENCE` at most."""
    give_up = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await act()
        except ServiceError as error:
            waits = error.kind in {Kind.NOT_FOUND, Kind.PRECONDITION, Kind.UNAVAILABLE}
            if not waits or asyncio.get_running_loop().time() > give_up:
                raise
        await asyncio.sleep(0.05)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Settings are read from the environment; these are another process's."""
    with patch.dict(os.environ, variables):
        yield
