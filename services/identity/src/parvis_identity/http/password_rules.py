"""The rules of a policy in words: as a list that is ticked off while somebody types, and as what a refusal says."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from parvis_identity.domain.passwords import PasswordPolicy
from parvis_ui.forms import Rule

#: Whether a rule is met, by its code; None where no script shows it and nothing was sent.
Met = Callable[[str], bool]


def rules_of(_: Any, policy: PasswordPolicy, avoids: Sequence[str], met: Met) -> list[Rule]:
    """What a new password must be. `avoids`: parts of the identifier (domain.passwords.guessable_parts)."""
    rules = [
        Rule(_("At least %(count)s characters", count=policy.minimum), minimum=policy.minimum, met=met("too_short"))
    ]
    if policy.digit:
        rules.append(Rule(_("A digit"), pattern=r"[0-9]", met=met("no_digit")))
    if policy.capital:
        rules.append(Rule(_("A capital letter"), pattern=r"\p{Lu}", met=met("no_capital")))
    if policy.small:
        rules.append(Rule(_("A small letter"), pattern=r"\p{Ll}", met=met("no_small")))
    if policy.special_characters:
        # No escape in a character class may be superfluous: the pattern is read with the flag "u".
        escaped = "".join(f"\\{c}" if c in "\\]^-[$*?.()|{}/+" else c for c in policy.special_characters)
        label = _("One of these signs: %(signs)s", signs=" ".join(policy.special_characters))
        rules.append(Rule(label, pattern=f"[{escaped}]", met=met("no_special")))
    if avoids:
        rules.append(Rule(_("Not your identifier"), avoids=avoids[0], met=met("contains_identifier")))
    return rules


def broken_in_words(_: Any, policy: PasswordPolicy, codes: Collection[str]) -> str:
    """What a password lacks, in a sentence or two."""
    texts = {
        "too_short": _("at least %(count)s characters", count=policy.minimum),
        "too_long": _("at most 128 characters"),
        "no_digit": _("a digit"),
        "no_capital": _("a capital letter"),
        "no_small": _("a small letter"),
        "no_special": _("one of the signs %(signs)s", signs=" ".join(policy.special_characters)),
        "contains_identifier": _("nothing of your identifier"),
    }
    said = []
    if needs := [texts[code] for code in codes if code in texts]:
        said.append(_("The password needs: %(rules)s.", rules=", ".join(needs)))
    if "contains_name" in codes:
        said.append(_("It holds the name of the firm or of the portal, which attackers try first: leave it out."))
    if "common" in codes:
        said.append(
            _("It is one of the most common passwords, or one with a few digits or signs added: choose another one.")
        )
    if "breached" in codes:
        said.append(_("It is on a public list of leaked passwords, which attackers try first: choose another one."))
    if "provisional" in codes:
        said.append(_("This is the provisional password: choose one that only you know."))
    return " ".join(said)
