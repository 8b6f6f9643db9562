"""From a change of rights to its effect in every service that decides by them, and on the gateway's pages.

A member of the demonstration's firm is given and taken a profile, and a contact. Whoever carries nothing hears of it by
broadcast: each part is asked again five milliseconds after its last answer until it answers by the new rights, the
clock running from the answer of the change. Whoever carries the revision asks once: the answer is right, or counted.

Identity decides by no rights: what it lets in ends on another stream (`ends`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx
from ends import asked
from machine import percentile
from report import Figure, show
from stage import FIRM, Seat

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_local.demo.portal import Person

PAUSE = 0.005
PATIENCE = 30.0
CHANGES = 200
CHANGES_OF_ADVISERS = 50
READS = ("contacts.read", "documents.read", "invoices.read", "notifications.read")
_SCOPES = dict.fromkeys(READS[:3], tenancy_pb2.SCOPE_MINE) | {
    "notifications.read": tenancy_pb2.SCOPE_ALL,
    "members.read": tenancy_pb2.SCOPE_ALL,
}
#: Whether a part answers by a right that is there.
Allows = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Freshness:
    """Milliseconds by part: until a change was in force for whoever waits, and what one answer took for whoever carries
    the revision, with how many of those were wrong.
    """

    heard: dict[str, list[float]] = field(default_factory=dict)
    carried: dict[str, list[float]] = field(default_factory=dict)
    wrong: int = 0


@dataclass(slots=True)
class Subject:
    """A member whose rights change, and the profiles between which they do."""

    seat: Seat
    person: Person
    member: tenancy_pb2.Member
    reader_id: str
    idle_id: str

    async def become(self, profile_id: str) -> dict[str, int]:
        """Gives the profile; the revision that it led to."""
        seen: dict[str, int] = {}
        members = tenancy_pb2_grpc.MemberServiceStub(self.seat.portal.peers.channel("tenancy"))
        async with self.seat.person.acting_for(self.seat.organisation_id, revisions=seen):
            self.member = await members.UpdateMember(
                tenancy_pb2.UpdateMemberRequest(
                    id=self.member.id, profile_id=profile_id, version=self.member.version,
                    structure_id=self.member.structure_id,
                )
            )  # fmt: skip
        return seen

    def acting(self, revisions: dict[str, int] | None = None):
        """Calls inside are the member's, who knows of revisions."""
        return self.person.acting_for(self.seat.organisation_id, revisions=revisions)


async def measure(seat: Seat, changes: int = CHANGES, of_advisers: int = CHANGES_OF_ADVISERS) -> None:
    """Measures and prints."""
    subject = await invited(seat)
    await subject.become(subject.reader_id)
    rights = await rights_changed(subject, changes)
    advisers = await advisers_changed(subject, of_advisers)
    for title, found in (("A changed right", rights), ("Changed advisers, in lists", advisers)):
        figures = []
        for part, took in found.heard.items():
            figures += [
                Figure(f"{part}: in force, p50", percentile(took, 0.5), "ms"),
                Figure(f"{part}: in force, p99", percentile(took, 0.99), "ms", at_most=1000),
            ]
        for part, took in found.carried.items():
            figures.append(Figure(f"{part}: answer to whoever carries the revision, p99", percentile(took, 0.99), "ms"))
        figures.append(Figure("wrong answers to whoever carries the revision", found.wrong, "answers", at_most=0))
        count = len(next(iter(found.heard.values())))
        show(title, figures, f"{count} changes that are heard of, {count} whose revision is carried")


async def rights_changed(subject: Subject, changes: int) -> Freshness:
    """A profile with rights and one without, in turn."""
    found = Freshness()
    parts = {name: allows(ask) for name, ask in asked(subject.seat).items() if name != "identity"}

    async def page() -> bool:
        return (await subject.person.open(f"/o/{FIRM}/contacts")).status_code == httpx.codes.OK

    async def change(wanted: bool) -> dict[str, int]:  # noqa: FBT001 - what is wanted is the argument
        return await subject.become(subject.reader_id if wanted else subject.idle_id)

    return await changed(subject, changes, parts, {"gateway": page}, change, found)


async def advisers_changed(subject: Subject, changes: int) -> Freshness:
    """A contact that the member advises, or not: whether documents and billing list what is theirs."""
    peers = subject.seat.portal.peers
    contacts = tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy"))
    folders = documents_pb2_grpc.FolderServiceStub(peers.channel("documents"))
    invoices = billing_pb2_grpc.InvoiceServiceStub(peers.channel("billing"))
    async with subject.seat.acting():
        contact = tenancy_pb2.Contact(kind=tenancy_pb2.CONTACT_KIND_CLIENT, name=f"Fraîcheur {uuid7()}")
        made = await contacts.CreateContact(tenancy_pb2.CreateContactRequest(contact=contact))
        draft = billing_pb2.Invoice(contact_id=made.contact.id, payment_days=30, currency="EUR")
        await invoices.SaveDraft(billing_pb2.SaveDraftRequest(invoice=draft))
    main = made.contact.advisers[0].membership_id

    async def listed() -> bool:
        request = billing_pb2.ListInvoicesRequest(contact_id=made.contact.id)
        return bool((await invoices.ListInvoices(request)).invoices)

    parts = {
        "documents": allows(
            lambda: folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=made.contact.id)),
            refused=Kind.NOT_FOUND,
        ),
        "billing": listed,
    }

    async def change(wanted: bool) -> dict[str, int]:  # noqa: FBT001 - idem
        advisers = [tenancy_pb2.Adviser(membership_id=main, role=tenancy_pb2.ADVISER_ROLE_MAIN)]
        if wanted:
            role = tenancy_pb2.ADVISER_ROLE_ASSISTANT
            advisers.append(tenancy_pb2.Adviser(membership_id=subject.member.id, role=role))
        seen: dict[str, int] = {}
        async with subject.seat.person.acting_for(subject.seat.organisation_id, revisions=seen):
            await contacts.SetAdvisers(tenancy_pb2.SetAdvisersRequest(contact_id=made.contact.id, advisers=advisers))
        return seen

    await until(subject, parts, wanted=False)
    await change(wanted=True)
    await until(subject, parts, wanted=True)
    return await changed(subject, changes, parts, {}, change, Freshness())


async def changed(
    subject: Subject,
    changes: int,
    parts: Mapping[str, Allows],
    pages: Mapping[str, Allows],
    change: Callable[[bool], Awaitable[dict[str, int]]],
    found: Freshness,
) -> Freshness:
    """Twice that many changes, there and back: half of them heard of, half of them carried."""
    everything = {**parts, **pages}
    await until(subject, everything, wanted=True)
    wanted = True
    for number in range(2 * changes):
        wanted = not wanted
        seen = await change(wanted)
        if number % 4 < 2:
            for part, took in (await until(subject, everything, wanted=wanted)).items():
                found.heard.setdefault(part, []).append(took)
            continue
        async with subject.acting(seen):
            answers = await asyncio.gather(*(timed(ask) for ask in parts.values()))
        for part, (took, allowed) in zip(parts, answers, strict=True):
            found.carried.setdefault(part, []).append(took)
            found.wrong += allowed is not wanted
        await until(subject, pages, wanted=wanted)
    return found


async def until(subject: Subject, parts: Mapping[str, Allows], *, wanted: bool) -> dict[str, float]:
    """Asks each part until it answers so, for whoever carries nothing; the milliseconds that it took."""
    started = time.perf_counter()

    async def one(ask: Allows) -> float:
        while await ask() is not wanted:
            if time.perf_counter() > started + PATIENCE:
                raise RuntimeError(f"A change is not in force after {PATIENCE:g} s.")
            await asyncio.sleep(PAUSE)
        return 1000 * (time.perf_counter() - started)

    async with subject.acting():
        return dict(zip(parts, await asyncio.gather(*map(one, parts.values())), strict=True))


async def timed(ask: Allows) -> tuple[float, bool]:
    """Milliseconds of an answer, and whether it allowed."""
    started = time.perf_counter()
    allowed = await ask()
    return 1000 * (time.perf_counter() - started), allowed


def allows(ask: Callable[[], Awaitable[object]], *, refused: Kind = Kind.FORBIDDEN) -> Allows:
    """Whether a question is not refused."""

    async def question() -> bool:
        try:
            await ask()
        except ServiceError as error:
            if error.kind not in {Kind.FORBIDDEN, Kind.NOT_FOUND}:
                raise
            return error.kind is not refused
        return True

    return question


async def invited(seat: Seat) -> Subject:
    """A new member who has come, and the two profiles."""
    members = tenancy_pb2_grpc.MemberServiceStub(seat.portal.peers.channel("tenancy"))
    mark = uuid7().hex[-12:]
    async with seat.acting():
        profiles = []
        for name, codes in (("reads", READS), ("idle", ("members.read",))):
            rights = [tenancy_pb2.GrantedRight(code=code, scope=_SCOPES[code]) for code in codes]
            wanted = tenancy_pb2.Profile(name=f"Freshness {mark} {name}", rights=rights)
            profiles.append(await members.SaveProfile(tenancy_pb2.SaveProfileRequest(profile=wanted)))
        await members.InviteMember(
            tenancy_pb2.InviteMemberRequest(
                mail=f"fresh-{mark}@bench.example", given_name="Fanny", family_name="Frais", profile_id=profiles[0].id
            )
        )
    person = await seat.portal.activated(f"fresh-{mark}@bench.example")
    (await person.open(f"/o/{FIRM}/account")).raise_for_status()
    async with seat.acting():
        listed = await members.ListMembers(tenancy_pb2.ListMembersRequest(query=f"fresh-{mark}"))
    [member] = listed.members
    return Subject(seat, person, member, profiles[0].id, profiles[1].id)
