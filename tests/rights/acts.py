"""What administrators of every kind do, chosen by chance: a name of an RPC and its request, or None where nothing fits.

Half of what they try is above their ceiling: it is to be refused, and to leave nothing behind.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import reference
from facts import ACTIVE, ALL, CATALOGUE, SCOPES, TAKEN_BACK, Facts, Kind
from generator import NEVER_DECLARED
from google.protobuf.timestamp_pb2 import Timestamp
from reading import Reader

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import uuid7

Request = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Moment:
    """Who acts on what, as it is."""

    chance: Random
    facts: Facts
    reader: Reader
    actor: int
    #: Mail address → account, as identity knows them.
    accounts: dict[str, identity_pb2.Account]

    def id(self, kind: Kind, number: int | None) -> str:
        """The identifier of something; empty for none."""
        return "" if number is None else self.reader.identifier(kind, number)

    def somebody(self, *states: int) -> int | None:
        """A member, in one of these states if any are given."""
        found = [who for who, member in self.facts.members.items() if not states or member.state in states]
        return self.chance.choice(found) if found else None

    def any_of(self, numbers: Iterable[int]) -> int | None:
        """One of these, or none of them."""
        return self.chance.choice([None, *numbers])

    async def version(self, table: str, identifier: str) -> int:
        """How often a row was changed, as whoever acts has just seen."""
        query = f"SELECT version FROM {table} WHERE organisation_id = $1 AND id = $2"  # noqa: S608 - names of this module
        return int(await self.reader.connection.fetchval(query, self.reader.organisation, identifier))

    def rights(self) -> list[tenancy_pb2.GrantedRight]:
        """A set of rights: most of those that whoever acts holds, as far or less, and now and then another."""
        own = reference.own_rights(self.facts, self.actor)
        chosen = {code: scope for code, scope in own.items() if self.chance.random() < 0.5}
        for code in self.chance.sample([right.code for right in CATALOGUE], self.chance.choice((0, 0, 1, 2))):
            chosen[code] = ALL
        for code in chosen:
            if reference.limited_by(self.facts, code) == "contact" and self.chance.random() < 0.5:
                chosen[code] = self.chance.choice(SCOPES)
        if self.chance.random() < 0.03:
            chosen[NEVER_DECLARED] = ALL
        granted = tenancy_pb2.GrantedRight
        return [granted(code=code, scope=scope) for code, scope in chosen.items()]  # type: ignore[arg-type] # a number


async def save_profile(at: Moment) -> Request:
    number = at.any_of(at.facts.profiles)
    profile = tenancy_pb2.Profile(name=f"Profil {at.chance.randint(1, 60)}", rights=at.rights())
    if number is not None:
        profile.id = at.id("profile", number)
        profile.version = await at.version("profiles", profile.id)
    return "SaveProfile", {"profile": profile}


async def update_member(at: Moment) -> Request | None:
    who = at.somebody()
    if who is None:
        return None
    member, identifier = at.facts.members[who], at.id("member", who)
    profile = at.chance.choice([member.profile, *at.facts.profiles])
    structure = at.chance.choice([member.structure, member.structure, None, *at.facts.structures])
    return "UpdateMember", {
        "id": identifier,
        "profile_id": at.id("profile", profile),
        "structure_id": at.id("structure", structure),
        "version": await at.version("memberships", identifier),
    }


async def set_personal_rights(at: Moment) -> Request | None:
    who = at.somebody()
    if who is None:
        return None
    identifier = at.id("member", who)
    version = await at.version("memberships", identifier)
    return "SetPersonalRights", {"member_id": identifier, "version": version, "rights": at.rights()}


async def move_member(at: Moment) -> Request | None:
    who = at.somebody()
    if who is None:
        return None
    identifier = at.id("member", who)
    superior = at.id("member", at.any_of(at.facts.members))
    version = await at.version("memberships", identifier)
    return "MoveMember", {"member_id": identifier, "manager_id": superior, "version": version}


async def set_limits(at: Moment) -> Request | None:
    who = at.somebody()
    if who is None:
        return None
    identifier = at.id("member", who)
    tier = at.id("structure", at.any_of(at.facts.structures))
    version = await at.version("memberships", identifier)
    return "SetMemberLimits", {"member_id": identifier, "tier_id": tier, "version": version, "is_adviser": True}


async def duplicate_profile(at: Moment) -> Request:
    source = at.chance.choice(list(at.facts.profiles))
    return "DuplicateProfile", {"id": at.id("profile", source), "name": f"Profil {at.chance.randint(1, 60)}"}


async def delete_profile(at: Moment) -> Request:
    gone = at.id("profile", at.chance.choice(list(at.facts.profiles)))
    replacement = at.id("profile", at.any_of(at.facts.profiles))
    version = await at.version("profiles", gone)
    return "DeleteProfile", {"id": gone, "version": version, "replacement_id": replacement}


async def delegate(at: Moment) -> Request | None:
    giver, taker = at.chance.choice((None, at.actor, at.somebody(ACTIVE))), at.somebody(ACTIVE)
    if taker is None:
        return None
    held = reference.own_rights(at.facts, giver or at.actor)
    codes = [code for code in held if reference.limited_by(at.facts, code) == "contact"] or ["contacts.read"]
    return "CreateDelegation", {
        "from_id": at.id("member", giver),
        "to_id": at.id("member", taker),
        "codes": at.chance.sample(codes, 1),
        "starts_at": _in(at.chance.choice((0, 2))),
        "ends_at": _in(at.chance.choice((3, 9))),
    }


def _in(days: int) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return found


async def end_delegation(at: Moment) -> Request | None:
    if not at.facts.delegations:
        return None
    return "EndDelegation", {"id": at.id("delegation", at.chance.choice(at.facts.delegations).id)}


async def _somebody_new(at: Moment) -> str:
    """The mail address of somebody who is not a member, or not any more."""
    again = at.somebody(TAKEN_BACK) if at.chance.random() < 0.7 else None
    query = "SELECT account_id FROM memberships WHERE organisation_id = $1 AND id = $2"
    account = uuid7()
    if again is not None:
        account = await at.reader.connection.fetchval(query, at.reader.organisation, UUID(at.id("member", again)))
    mail = f"m{account.hex}@armor.example"
    at.accounts.setdefault(mail, identity_pb2.Account(id=str(account), mail=mail, identifier=mail, locale="fr"))
    return mail


def _place(at: Moment) -> dict[str, str]:
    profile, structure = at.chance.choice(list(at.facts.profiles)), at.any_of(at.facts.structures)
    return {"profile_id": at.id("profile", profile), "structure_id": at.id("structure", structure)}


async def invite(at: Moment) -> Request:
    mail = await _somebody_new(at)
    return "InviteMember", {"mail": mail, "given_name": "Marc", "family_name": "Tanguy", **_place(at)}


async def accept_request(at: Moment) -> Request:
    mail = await _somebody_new(at)
    query = """
    INSERT INTO access_requests (organisation_id, id, account_id, state, mail, given_name, family_name, locale, message,
                                 reason, asked_at, expires_at)
    VALUES ($1, $2, $3, 1, $4, 'Marc', 'Tanguy', 'fr', '', '', now(), now() + interval '1 day')
    ON CONFLICT (organisation_id, account_id) WHERE state = 1 DO UPDATE SET locale = 'fr' RETURNING id"""
    asked = (at.reader.organisation, uuid7(), UUID(at.accounts[mail].id), mail)
    return "AcceptRequest", {"id": str(await at.reader.connection.fetchval(query, *asked)), **_place(at)}


def to_a_member(method: str) -> Callable[[Moment], Awaitable[Request | None]]:
    """An act that names a member and nothing else."""

    async def act(at: Moment) -> Request | None:
        who = at.somebody()
        return None if who is None else (method, {"id": at.id("member", who)})

    return act


async def create_structure(at: Moment) -> Request:
    parent = at.any_of(at.facts.structures)
    return "CreateStructure", {"name": f"S{at.chance.randint(1, 999)}", "parent_id": at.id("structure", parent)}


async def update_structure(at: Moment) -> Request | None:
    if not at.facts.structures:
        return None
    moved = at.id("structure", at.chance.choice(list(at.facts.structures)))
    parent = at.id("structure", at.any_of(at.facts.structures))
    version = await at.version("structures", moved)
    return "UpdateStructure", {"id": moved, "name": "Moved", "parent_id": parent, "version": version}


async def delete_structure(at: Moment) -> Request | None:
    chosen = at.any_of(at.facts.structures)
    return None if chosen is None else ("DeleteStructure", {"id": at.id("structure", chosen)})


async def set_advisers(at: Moment) -> Request | None:
    if not at.facts.contacts:
        return None
    contact = at.chance.choice(list(at.facts.contacts))
    active = [who for who, member in at.facts.members.items() if member.state == ACTIVE]
    chosen = at.chance.sample(active, min(len(active), at.chance.choice((1, 1, 2))))
    adviser = tenancy_pb2.Adviser
    advisers = [adviser(membership_id=at.id("member", who), role=1 + (place > 0)) for place, who in enumerate(chosen)]  # type: ignore[arg-type] # a number
    return "SetAdvisers", {"contact_id": at.id("contact", contact), "advisers": advisers}


#: How often each is tried, by its weight.
ACTS: dict[Callable[[Moment], Awaitable[Request | None]], int] = {
    save_profile: 6,
    update_member: 6,
    set_personal_rights: 5,
    move_member: 6,
    set_limits: 4,
    duplicate_profile: 1,
    delete_profile: 2,
    delegate: 4,
    end_delegation: 1,
    invite: 4,
    accept_request: 3,
    to_a_member("CutMember"): 2,
    to_a_member("ReopenMember"): 3,
    to_a_member("WithdrawInvitation"): 2,
    to_a_member("ResendInvitation"): 1,
    create_structure: 1,
    update_structure: 2,
    delete_structure: 1,
    set_advisers: 1,
}
