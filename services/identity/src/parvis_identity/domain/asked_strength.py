"""How sure a client wants to be of who signed in: `acr_values` (OpenID Connect Core 3.1.2.1), and the claim `acr` where
it is essential (5.5.1.1). Levels are ordered: whoever gave two factors gave one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from parvis_identity.domain.sessions import PASSWORD_ACR, TWO_FACTORS_ACR

LEVELS = (PASSWORD_ACR, TWO_FACTORS_ACR)


class Next(StrEnum):
    """What a request needs before it is answered."""

    NOTHING = "nothing"
    #: A second factor, which the person has; or their password, where only a firm's provider vouched for them so far.
    FACTOR = "factor"
    #: They have none, and cannot be answered about without.
    ENROL = "enrol"
    #: No sign-in is as the client wants it.
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Asked:
    """Levels in the order in which the client would rather have them; `essential`: one of them it must be."""

    values: Sequence[str]
    essential: bool

    def told(self, held: str) -> str | None:
        """The level that the client is told of somebody who holds one: one of those that it named where they allow it;
        None: it named none that they hold.
        """
        if not self.values or held in self.values:
            return held
        below = [each for each in self.values if each in LEVELS and each < held]
        return max(below) if below else None

    def needed(self, held: str, *, has_factor: bool, may_ask: bool) -> Next:
        """What comes next for somebody who holds a level. What a client would rather have is asked of those who have a
        second factor at hand; what it must have, of everybody. `may_ask`: pages may be shown.
        """
        better = [each for each in self.values if each in LEVELS and each > held]
        if self.essential and self.told(held) is None:
            if not (better and may_ask):
                return Next.IMPOSSIBLE
            return Next.FACTOR if has_factor or PASSWORD_ACR in better else Next.ENROL
        preferred = next((each for each in self.values if each in LEVELS), "")
        wished = preferred == TWO_FACTORS_ACR in better and not self.essential
        return Next.FACTOR if wished and has_factor and may_ask else Next.NOTHING
