"""What the tests of attacks on SAML answers are made of: messages to take apart, and what an attack is."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from lxml import etree
from saml_parts import D, Words, assertion, encrypted, key, response, signed, taken, usual

from parvis_identity.service.sso.upstream import Refused, Result

WHO, INTRUDER = "c0ffee-42", "administrateur"
Message = etree._Element | bytes


@dataclass(frozen=True)
class Attack:
    """`check`: the one that must refuse it. `attack` makes the message; `plain` the same without the attack."""

    name: str
    check: str
    attack: Callable[[], Message]
    plain: Callable[[], Message] = usual
    #: What else the service expects of both; a function says it when the attack is tried.
    expects: dict[str, Any] = field(default_factory=dict)


class Attacks(list[Attack]):
    """Those of one file."""

    def add(self, check: str, plain: Callable[[], Message] = usual, **expects: Any) -> Callable[..., Any]:
        def kept(make: Callable[[], Message]) -> Callable[[], Message]:
            self.append(Attack(make.__name__, check, make, plain, expects))
            return make

        return kept


def is_refused(case: Attack) -> None:
    """By its own check, and the same message without the attack is taken."""
    expects = {name: said() if callable(said) else said for name, said in case.expects.items()}
    assert taken(case.plain(), **expects).name.value == WHO

    with pytest.raises(Refused) as refused:
        taken(case.attack(), **expects)

    assert refused.value.check == case.check, refused.value.detail
    assert [each.result for each in refused.value.checks].count(Result.FAILED) == 1


def whole() -> etree._Element:
    """A response that is signed as a whole."""
    return signed(response(words := Words(), assertion(words)))


def both() -> etree._Element:
    return signed(response(words := Words(), signed(assertion(words))))


def hidden(to: str = "ours", **options: str) -> etree._Element:
    return response(words := Words(), encrypted(signed(assertion(words)), key(to), **options))


def hidden_in_signed(**options: str) -> etree._Element:
    return signed(response(words := Words(), encrypted(signed(assertion(words)), key("ours"), **options)))


def evil(**words: Any) -> etree._Element:
    return assertion(Words(name_id=INTRUDER, **words))


def find(root: etree._Element, namespace: str, name: str) -> etree._Element:
    return next(root.iter(f"{{{namespace}}}{name}"))


def without_signature(element: etree._Element) -> etree._Element:
    copy = deepcopy(element)
    copy.remove(find(copy, D, "Signature"))
    return copy


def text(root: etree._Element) -> str:
    return etree.tostring(root).decode()
