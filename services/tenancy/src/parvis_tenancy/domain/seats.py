"""Seats of a product: how many there are, which part is reserved to a structure, and who holds one.

A structure's part is for the members of the structure and of those below it; all others share what is reserved to
nobody. A part may lie within another: it is then reserved out of that one. So the seats fall into *pools* that share no
member: each reserved structure's own (its part without the parts within it), and the organisation's.

Law: an assignment is possible only where the whole, every part around the member, and the member's own pool have a free
seat. What brings a pool above its limit in another way (fewer are bought, somebody changes structure) takes no seat
from anybody; it is shown, and nobody else gets one there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

#: Where a member is: a structure, or the organisation itself.
Place = UUID | None


@dataclass(frozen=True, slots=True)
class Shortage:
    """Seats that are not there: in a structure's part, or (none) in the organisation's."""

    structure_id: UUID | None
    seats: int
    used: int
    missing: int


@dataclass(frozen=True, slots=True)
class Pool:
    """How many seats a part has (None: any number), and how many are used."""

    seats: int | None
    used: int

    @property
    def over(self) -> bool:
        """Whether more are used than there are."""
        return self.seats is not None and self.used > self.seats


@dataclass(frozen=True, slots=True)
class Seats:
    """The seats of one product in one organisation."""

    #: None: any number.
    bought: int | None
    #: Structure → its part.
    reserved: Mapping[UUID, int]
    #: Structure → the one that it is part of. Only read where something is reserved.
    parents: Mapping[UUID, UUID | None]
    #: Where holders are → how many of them.
    held: Mapping[Place, int]

    def around(self, place: Place) -> Iterator[UUID]:
        """The structures with a part of their own that a place lies in, the nearest first."""
        if not self.reserved:
            return
        while place is not None:
            if place in self.reserved:
                yield place
            place = self.parents.get(place)

    def nearest(self, place: Place) -> Place:
        """Whose pool a place is in."""
        return next(self.around(place), None)

    @property
    def used(self) -> int:
        """How many seats are held, anywhere."""
        return sum(self.held.values())

    def part(self, structure_id: UUID) -> Pool:
        """A structure's part: its seats, and how many the structure and those below it use."""
        used = sum(count for place, count in self.held.items() if structure_id in self.around(place))
        return Pool(self.reserved[structure_id], used)

    def within(self, place: Place, *, without: UUID | None = None) -> int:
        """How much of a part (None: of the organisation's seats) is reserved to structures right within it."""
        return sum(
            seats
            for structure, seats in self.reserved.items()
            if structure != without and self.nearest(self.parents.get(structure)) == place
        )

    def own(self, place: Place) -> Pool:
        """The pool of a reserved structure (None: of the organisation): what its part leaves to its own members."""
        whole = self.bought if place is None else self.reserved[place]
        used = sum(count for where, count in self.held.items() if self.nearest(where) == place)
        return Pool(None if whole is None else max(0, whole - self.within(place)), used)

    @property
    def over(self) -> bool:
        """Whether more seats are used than there are, in the whole or in a part."""
        pools = [self.own(None), *map(self.own, self.reserved), *map(self.part, self.reserved)]
        return Pool(self.bought, self.used).over or any(pool.over for pool in pools)

    def shortage(self, wanted: Mapping[Place, int]) -> Shortage | None:
        """What is missing for so many more holders in these places; the greatest shortage where there are several, and
        of equal ones a structure's.

        Something wanted where a limit is exceeded already is missing, however few it is.
        """
        asked: list[tuple[UUID | None, Pool, int]] = [
            (None, Pool(self.bought, self.used), sum(wanted.values())),
            (None, self.own(None), sum(count for place, count in wanted.items() if self.nearest(place) is None)),
        ]
        for structure in self.reserved:
            in_part = sum(count for place, count in wanted.items() if structure in self.around(place))
            in_pool = sum(count for place, count in wanted.items() if self.nearest(place) == structure)
            asked += [(structure, self.part(structure), in_part), (structure, self.own(structure), in_pool)]
        short = [
            Shortage(structure, pool.seats, pool.used, pool.used + count - pool.seats)
            for structure, pool, count in asked
            if count and pool.seats is not None and pool.used + count > pool.seats
        ]
        return max(short, key=lambda each: (each.missing, each.structure_id is not None), default=None)

    def with_part(self, structure_id: UUID, seats: int) -> "Seats":
        """As these, with another part for a structure."""
        return Seats(self.bought, {**self.reserved, structure_id: seats}, self.parents, self.held)

    @property
    def excess(self) -> int:
        """How many holders are above what their pools have."""
        pools = [self.own(None), *map(self.own, self.reserved)]
        return sum(max(0, pool.used - pool.seats) for pool in pools if pool.seats is not None)

    def against(self, structure_id: UUID, seats: int) -> tuple[str, Shortage] | None:
        """Why so many seats cannot be reserved to a structure; None when they can. Giving back is always possible as
        far as nobody in the part holds what is given back.

        "seats_short": what it would be taken from, how much of that there is, and how much is reserved to others
        (`used`); or how much is reserved within it. "seats_held": members hold seats that would be reserved to others.
        """
        after = self.with_part(structure_id, seats)
        around = after.nearest(self.parents.get(structure_id))
        whole = self.bought if around is None else self.reserved[around]
        others, inside = after.within(around, without=structure_id), after.within(structure_id)
        if whole is not None and seats > self.reserved.get(structure_id, 0) and others + seats > whole:
            return "seats_short", Shortage(around, whole, others, others + seats - whole)
        if inside > seats:
            return "seats_short", Shortage(structure_id, seats, inside, inside - seats)
        for place in (structure_id, around):
            pool = after.own(place)
            if pool.seats is not None and pool.over and after.excess > self.excess:
                return "seats_held", Shortage(place, pool.seats, pool.used, pool.used - pool.seats)
        return None
