"""XML of strangers: text in UTF-8 that declares no document type, no entities and no style sheets, bounded in size and
depth. What is not so is refused before a parser sees it, or right after.
"""

import re
from datetime import datetime
from typing import Final

from lxml import etree

from parvis_identity.domain import saml as names
from parvis_identity.service.saml.trail import Trail

#: Bytes of a message at most: an assertion with a thousand groups has about 100 KiB.
LARGEST_MESSAGE: Final = 512 * 1024
#: Elements within each other at most: SAML's own need about twelve, with a signature.
DEEPEST: Final = 40
_DECLARED = re.compile(r"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_OUTSIDE = re.compile(r"<!ENTITY\s[^>]*?\b(?:SYSTEM|PUBLIC)\b|<!DOCTYPE\s[^>\[]*?\b(?:SYSTEM|PUBLIC)\b")


def parse(data: bytes, trail: Trail, *, largest: int = LARGEST_MESSAGE, comments: bool = False) -> etree._Element:
    """The root of a document. Raises Refused: `xml_…`.

    `comments`: whether they are dropped rather than refused; so in metadata, which people write. In a message they are
    refused: what is read before and after one may be another text than what was signed.
    """
    fits = len(data) <= largest
    trail.check("xml_size", fits, f"The document has {len(data):,} bytes; {largest:,} are read at most.")
    text = _text(data, trail)
    page = "<html" in text[:2000].lower()
    trail.check("xml_web_page", not page, "It is a web page, not XML: does the address ask for a sign-in?")
    trail.check("xml_external_entity", _OUTSIDE.search(text) is None, "The document names files from outside.")
    trail.check("xml_entity", "<!ENTITY" not in text, "The document declares entities.")
    trail.check("xml_doctype", "<!DOCTYPE" not in text, "The document declares a document type.")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=comments,
        remove_pis=comments,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise trail.failed("xml_well_formed", f"It is no XML: {error.msg}.") from error
    trail.passed("xml_well_formed")
    trail.check("xml_depth", _depth(root) <= DEEPEST, f"Elements stand more than {DEEPEST} deep.")
    kinds = {each.tag for each in root.iter(etree.Comment, etree.PI, etree.Entity)} | _around(root)
    trail.check("xml_comment", etree.Comment not in kinds, "There is a comment inside the message.")
    trail.check("xml_instruction", not kinds, "There is a processing instruction inside the message.")
    return root


def _text(data: bytes, trail: Trail) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise trail.failed("xml_encoding", "The document is not written in UTF-8.") from error
    declared = _DECLARED.match(text)
    plain = "\x00" not in text and (declared is None or declared[1].lower() in {"utf-8", "utf8", "us-ascii"})
    trail.check("xml_encoding", plain, "The document says that it is not written in UTF-8.")
    return text


def _depth(root: etree._Element) -> int:
    deepest = depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def _around(root: etree._Element) -> set[object]:
    """What stands beside the root."""
    return {each.tag for each in (*root.itersiblings(), *root.itersiblings(preceding=True))}


def text_of(element: etree._Element | None) -> str:
    """All text of an element that has no elements inside, without the blanks around it; empty when there is none.

    `element.text` alone would end at the first comment or element.
    """
    return "" if element is None else "".join(map(str, element.itertext())).strip()


def children(element: etree._Element, namespace: str, name: str) -> list[etree._Element]:
    """The children of that name."""
    return element.findall(f"{{{namespace}}}{name}")


def child(element: etree._Element | None, namespace: str, name: str) -> etree._Element | None:
    """The first child of that name."""
    return None if element is None else element.find(f"{{{namespace}}}{name}")


def instant_of(text: str | None, check: str, trail: Trail) -> datetime | None:
    """A moment that an attribute says; None when it is not there. Raises Refused: the check."""
    if text is None:
        return None
    try:
        return names.instant(text)
    except ValueError as error:
        raise trail.failed(check, f"{text[:40]} is no time in UTC.") from error
