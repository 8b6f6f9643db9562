"""A filter as PostgreSQL understands it: SQL/JSON path (ISO/IEC 9075-2:2016), for a document in the form in which it is
compared. The whole filter is one value of a statement, and every text in it is a literal of that language.
"""

import json
import re
from typing import Final

from parvis_identity.domain.scim.filters import WITHIN, And, Compare, Node, Not, Or, Present, Values
from parvis_identity.domain.scim.schemas import Place

_SIGNS: Final = {"eq": "==", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_MARKS: Final = re.compile(r"[^0-9A-Za-z_\u0080-\U0010ffff]")


def predicate(node: Node, root: str = "$") -> str:
    """What is true of a document that fits."""
    match node:
        case Present():
            return f"exists({_way(node.place, root)})"
        case Compare():
            return _compared(node, root)
        case Values():
            return f"exists({_way(node.place, root)} ? ({predicate(node.node, '@')}))"
        case Not():
            return f"!({predicate(node.node, root)})"
        case And():
            return "(" + " && ".join(predicate(each, root) for each in node.nodes) + ")"
        case Or():
            return "(" + " || ".join(predicate(each, root) for each in node.nodes) + ")"


def _compared(node: Compare, root: str) -> str:
    way, value = _way(node.place, root), json.dumps(node.value)
    if node.value is None:
        return f"exists({way})" if node.operator == "ne" else f"!(exists({way}))"
    if node.value == "" and node.operator in WITHIN:
        return f"exists({way})"
    if node.operator == "ne":
        return f"!({way} == {value})"
    texts = {
        "sw": f"starts with {value}",
        "co": f'like_regex {value} flag "q"',
        "ew": f"like_regex {json.dumps(_literal(str(node.value)) + '$')}",
    }
    return f"({way} {texts.get(node.operator) or f'{_SIGNS[node.operator]} {value}'})"


def _literal(text: str) -> str:
    """A regular expression (XQuery 1.0) that fits the text alone."""
    return _MARKS.sub(r"\\\g<0>", text)


def _way(place: Place, root: str) -> str:
    if root == "@":
        return f'@."{place.last.name}"'
    way = root + (f'."{place.urn}"' if place.urn else "") + f'."{place.attribute.name}"'
    if place.attribute.multi:
        way += "[*]"
    return way + (f'."{place.sub.name}"' if place.sub else "")
