"""Which contacts somebody may see, as queries apply it."""

from dataclasses import dataclass
from uuid import UUID

_ADVISED = """EXISTS (SELECT 1 FROM contact_advisers mine
    WHERE mine.organisation_id = c.organisation_id AND mine.contact_id = c.id AND mine.membership_id ="""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which contacts a caller may see: all, those with one of the advisers, or those of a portal access."""

    advisers: frozenset[UUID] | None = None
    contacts: frozenset[UUID] | None = None

    def parameters(self) -> tuple[list[UUID], ...]:
        """What the condition of the reach compares with."""
        chosen = self.contacts if self.contacts is not None else self.advisers
        return () if chosen is None else (list(chosen),)

    def condition(self, parameter: int) -> str:
        """SQL over `contacts c`, its parameter being the numbered one."""
        if self.contacts is not None:
            return f" AND c.id = ANY(${parameter})"
        if self.advisers is not None:
            return f" AND {_ADVISED} ANY(${parameter}))"
        return ""


EVERYTHING = Reach()


def narrower(one: Reach, other: Reach) -> Reach:
    """What both reach, through an adviser that both have."""
    if one.contacts is not None:
        return one
    if other.contacts is not None or one.advisers is None:
        return other
    return one if other.advisers is None else Reach(advisers=one.advisers & other.advisers)
