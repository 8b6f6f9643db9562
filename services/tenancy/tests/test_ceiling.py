"""The law of the ceiling, without any server: what an act gives to whom, and whether whoever acts could give so much.

`lawful` reads the law as it is written, member by member and right by right, with decisions as they are made elsewhere.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from parvis_tenancy.domain import ceiling, decisions
from parvis_tenancy.domain.catalogue import ADMINISTRATOR, Right, existing
from parvis_tenancy.domain.decisions import grants_of
from parvis_tenancy.domain.facts import Delegation, Facts, Member, Profile
from parvis_tenancy.domain.scopes import Scope

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
#: A right over contacts, and one that requires it; over members; over nothing.
RIGHTS = {
    code: right
    for code, right in existing(provider=False).items()
    if code in {"contacts.read", "contacts.edit", "members.manage", "profiles.manage"}
}
SIZE = 5
MEMBERS = [UUID(int=place) for place in range(1, SIZE + 1)]
PLACES = [UUID(int=100 + place) for place in range(3)]


@st.composite
def rights(draw):
    codes = draw(st.sets(st.sampled_from(sorted(RIGHTS))))
    return tuple(
        (code, int(draw(st.sampled_from(Scope)) if RIGHTS[code].scoped else Scope.ALL)) for code in sorted(codes)
    )


@st.composite
def members(draw, place):
    built_in = draw(st.sampled_from(("", "", "", ADMINISTRATOR)))
    superiors = [None, *MEMBERS[:place]]
    return Member(
        id=MEMBERS[place],
        active=draw(st.sampled_from((True, True, True, False))),
        profile=Profile(UUID(int=200 + place), "", built_in, draw(rights())),
        superior=draw(st.sampled_from(superiors)),
        structure=draw(st.sampled_from((None, *PLACES))),
        tier=draw(st.sampled_from((None, None, *PLACES))),
        personal=draw(st.dictionaries(st.sampled_from(sorted(RIGHTS)), st.sampled_from((0, *Scope)), max_size=2)),
    )


@st.composite
def lendings(draw):
    delegator, deputy = draw(st.lists(st.sampled_from(MEMBERS), min_size=2, max_size=2, unique=True))
    starts = draw(st.integers(-2, 2))
    codes = draw(st.sets(st.sampled_from(["contacts.edit", "contacts.read"]), min_size=1))
    ends = NOW + (starts + draw(st.integers(1, 3))) * DAY
    return Delegation(UUID(int=300), delegator, deputy, frozenset(codes), NOW + starts * DAY, ends)


@st.composite
def states(draw):
    found = [draw(members(place)) for place in range(SIZE)]
    return Facts(
        RIGHTS,
        members={each.id: each for each in found},
        delegations=draw(st.lists(lendings(), max_size=3)),
        structures={PLACES[0]: None, PLACES[1]: PLACES[0], PLACES[2]: None},
    )


@st.composite
def acts(draw):
    """Facts before and after something was changed, and who changed it."""
    before = draw(states())
    after, other = before, draw(states())
    for place in draw(st.sets(st.integers(0, SIZE - 1), max_size=2)):
        member, drawn = before.members[MEMBERS[place]], other.members[MEMBERS[place]]
        names = draw(st.sets(st.sampled_from(("active", "profile", "superior", "structure", "tier", "personal"))))
        changed = replace(member, **{name: getattr(drawn, name) for name in names})
        after = replace(after, members={**after.members, member.id: changed})
    if draw(st.booleans()):
        after = replace(after, delegations=other.delegations)
    return before, after, draw(st.sampled_from(MEMBERS))


def reach(facts, member, code, at):
    """What somebody reaches with a right: advisers, or members and structures; {"all"} for everything."""
    if not member.active:
        return set()
    found = set()
    for each in grants_of(facts, member, code, at):
        found |= of_grant(facts, RIGHTS[code], each)
    return found


def of_grant(facts, right: Right, grant):
    if right.scoped:
        reached = facts.hierarchy.reached(grant.scope, grant.holder.id)
        return {"all"} if reached is None else set(reached)
    if right.limited_by != "member" or grant.holder.tier is None:
        return {"all"}
    within = {each for each in facts.structures if facts.is_within(each, grant.holder.tier)}
    return within | {each.id for each in facts.members.values() if each.structure in within}


def widest(facts, member, code, at):
    return max((each.scope.rank for each in grants_of(facts, member, code, at)), default=-1) if member.active else -1


def lawful(before, after, actor):
    """The rights of which somebody gets more than the actor could give, found the long way."""
    acting = before.members[actor]
    own = before.own_rights(acting) if acting.active else {}
    moments = {NOW} | {
        moment
        for each in (*before.delegations, *after.delegations)
        for moment in (each.starts_at, each.ends_at)
        if moment > NOW
    }
    found = set()
    for at in moments:
        for member in after.members.values():
            for code, right in RIGHTS.items():
                was = before.members[member.id]
                gained = reach(after, member, code, at) - reach(before, was, code, at) - {member.id}
                if "all" in reach(before, was, code, at):
                    gained = set()
                given = widest(after, member, code, at) > widest(before, was, code, at)
                if given and (code not in own or own[code].rank < widest(after, member, code, at)):
                    found.add(code)
                if gained:
                    grant = decisions.Grant(own[code], acting) if code in own else None
                    reached = of_grant(before, right, grant) if grant is not None else set()
                    if "all" not in reached and not gained <= reached:
                        found.add(code)
    return tuple(sorted(found))


@settings(max_examples=100, deadline=None)
@given(acts())
def test_the_measure_is_the_law(drawn):
    before, after, actor = drawn
    assert ceiling.beyond(before, after, actor, NOW) == lawful(before, after, actor)


@settings(max_examples=25, deadline=None)
@given(states())
def test_what_changes_nothing_gives_nothing(before):
    assert list(ceiling.gains(before, replace(before), NOW)) == []


@settings(max_examples=25, deadline=None)
@given(acts())
def test_who_holds_everything_may_give_everything(drawn):
    before, after, _ = drawn
    everything = Member(MEMBERS[0], True, Profile(UUID(int=1), "", ADMINISTRATOR, ()))  # noqa: FBT003 - active
    before = replace(before, members={**before.members, MEMBERS[0]: everything})
    assert ceiling.beyond(before, after, MEMBERS[0], NOW) == ()


@settings(max_examples=25, deadline=None)
@given(acts())
def test_who_holds_nothing_gives_nothing(drawn):
    before, after, _ = drawn
    nobody = Member(MEMBERS[0], True, Profile(UUID(int=1), "", "", ()))  # noqa: FBT003 - active
    before = replace(before, members={**before.members, MEMBERS[0]: nobody})
    gained = {gain.right for gain in ceiling.gains(before, after, NOW)}
    assert ceiling.beyond(before, after, MEMBERS[0], NOW) == tuple(sorted(gained))


def member(number, scope=None, superior=None, **fields):
    held = (("contacts.read", int(scope)),) if scope else ()
    above = UUID(int=superior) if superior else None
    return Member(UUID(int=number), True, Profile(UUID(int=200), "", "", held), above, **fields)  # noqa: FBT003 - active


def of(*found, **fields):
    return Facts(RIGHTS, members={each.id: each for each in found}, **fields)


def test_who_is_lent_something_for_a_time_is_not_given_it_for_good():
    lent = Delegation(UUID(int=300), UUID(int=3), UUID(int=2), frozenset({"contacts.read"}), NOW, NOW + DAY)
    people = (member(1, Scope.ATTACHED), member(3, Scope.ATTACHED), member(4, None, 3))
    before = of(*people, member(2), delegations=[lent])
    after = of(*people, member(2, Scope.GROUP, None), delegations=[lent])
    assert ceiling.beyond(before, after, UUID(int=1), NOW) == ("contacts.read",)


def test_a_deputy_gains_what_the_delegator_does():
    lent = Delegation(UUID(int=300), UUID(int=3), UUID(int=2), frozenset({"contacts.read"}), NOW + DAY, NOW + 2 * DAY)
    people = (member(1, Scope.ATTACHED), member(2), member(4))
    before = of(*people, member(3, Scope.ATTACHED), delegations=[lent])
    after = of(member(1, Scope.ATTACHED), member(2), member(4, None, 3), member(3, Scope.ATTACHED), delegations=[lent])
    gained = {(gain.member, gain.at) for gain in ceiling.gains(before, after, NOW)}
    assert gained == {(UUID(int=3), NOW), (UUID(int=2), NOW + DAY)}


def test_nobody_gains_by_somebody_who_is_new():
    before = of(member(1, Scope.MINE), member(2, Scope.ATTACHED))
    after = of(member(1, Scope.MINE), member(2, Scope.ATTACHED), member(3, None, 2))
    assert list(ceiling.gains(before, after, NOW)) == []


def test_what_is_lent_covers_nothing_once_it_ended():
    lent = Delegation(UUID(int=300), UUID(int=3), UUID(int=2), frozenset({"contacts.read"}), NOW, NOW + DAY)
    people = (member(1, Scope.ATTACHED), member(3, Scope.ATTACHED), member(5, None, 2))
    before = of(*people, member(2, Scope.MINE, 3), delegations=[lent])
    after = of(*people, member(2, Scope.ATTACHED, 3), delegations=[lent])
    reached = {(gain.at, gain.more) for gain in ceiling.gains(before, after, NOW) if gain.more}
    assert reached == {(NOW + DAY, frozenset({UUID(int=5)}))}
    assert ceiling.beyond(before, after, UUID(int=1), NOW) == ("contacts.read",)


def test_who_comes_to_a_part_is_reached_by_who_administers_it():
    manager = replace(member(2), profile=Profile(UUID(int=201), "", "", (("members.manage", 2),)), tier=PLACES[0])
    places = {"structures": {PLACES[0]: None}}
    before, after = (of(member(1), manager, member(4, structure=where), **places) for where in (None, PLACES[0]))
    assert ceiling.beyond(before, after, UUID(int=1), NOW) == ("members.manage",)


def test_everybody_may_lend_what_is_theirs():
    lent = Delegation(UUID(int=300), UUID(int=1), UUID(int=2), frozenset({"contacts.read"}), NOW, NOW + DAY)
    people = (member(1, Scope.MINE), member(2))
    (gain,) = ceiling.gains(of(*people), of(*people, delegations=[lent]), NOW)
    assert (gain.member, gain.more) == (UUID(int=2), frozenset({UUID(int=1)}))
    assert ceiling.beyond(of(*people), of(*people, delegations=[lent]), UUID(int=1), NOW) == ()
    assert ceiling.beyond(of(*people), of(*people, delegations=[lent]), UUID(int=2), NOW) == ("contacts.read",)
