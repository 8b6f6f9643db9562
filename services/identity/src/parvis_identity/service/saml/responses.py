"""What a provider says of somebody who signed in (SAML core, 2 and 3.3; profiles, 4.1.4), checked.

The order is fixed, and a report names each check. Until the signature was found good, everything that is read only
serves to refuse; after it, only what was signed is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from parvis_identity.domain import saml as names
from parvis_identity.domain.saml import NameId
from parvis_identity.service.saml import signatures
from parvis_identity.service.saml.encryption import opened
from parvis_identity.service.saml.messages import from_form
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.saml.xml import child, children, instant_of, parse, text_of

_LONGEST_NAME: Final = 1024
#: Values and their characters that are kept at most; a directory that says more has sent something else.
_MOST_VALUES: Final = 5000
_LONGEST_VALUE: Final = 4096
_RESPONSE = f"{{{names.PROTOCOL}}}Response"
_PLAIN = f"{{{names.ASSERTION}}}Assertion"
_SEALED = f"{{{names.ASSERTION}}}EncryptedAssertion"


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer to one of our requests must be."""

    #: The provider, the keys it signs with, and those of ours that it encrypts to.
    issuer: str
    certificates: Sequence[x509.Certificate]
    keys: Sequence[rsa.RSAPrivateKey]
    #: Who we are to it, where it answers, and what.
    audience: str
    answer_at: str
    in_response_to: str
    now: datetime
    #: When somebody was asked to sign in anew; None: nobody was.
    anew_from: datetime | None = None
    encrypted: bool = False
    allow_cbc: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What was signed."""

    assertion_id: str
    #: Until when the assertion could be shown again.
    ends: datetime
    name: NameId
    session_index: str
    signed_in_at: datetime
    #: Until when the provider wants its word to count (SessionNotOnOrAfter); None: it does not say.
    session_ends: datetime | None
    context: str
    attributes: dict[str, tuple[str, ...]]


def read(text: str, expected: Expected, trail: Trail) -> Said:
    """A response as a form brought it (`SAMLResponse`), every check passed. Raises Refused."""
    root = parse(from_form(text, trail), trail)
    _shape(root, trail)
    signed = _signed_response(root, expected, trail)
    _response(signed if signed is not None else root, expected, trail)
    assertion = _assertion(root, signed, expected, trail)
    for step in ("encryption", "signature"):  # whether there was any, and one signature or two
        trail.passed(step)
    return _said(assertion, expected, trail)


def _shape(root: etree._Element, trail: Trail) -> None:
    """One response with one assertion, and nothing of either anywhere else."""
    trail.check("response_element", root.tag == _RESPONSE and root.get("Version") == "2.0", "It is no SAML response.")
    own = [each for each in root if each.tag in {_PLAIN, _SEALED}]
    everywhere = [each for each in root.iter(_RESPONSE, _PLAIN, _SEALED) if each is not root]
    signatures.placed(root, [root, *own], trail)
    alone = len(everywhere) == len(own)
    trail.check("signature_wrapped", alone, "A response or assertion stands inside something else.")
    trail.check("assertion_several", len(own) <= 1, "There are several assertions.")


def _signed_response(root: etree._Element, expected: Expected, trail: Trail) -> etree._Element | None:
    """The response as it was signed; None when it is not."""
    if signatures.signature_of(root, trail) is None:
        return None
    return signatures.verified(root, expected.certificates, trail)


def _response(root: etree._Element, expected: Expected, trail: Trail) -> None:
    """The envelope (SAML profiles, 4.1.4.2 and bindings, 3.5.5.2)."""
    said = root.get("Destination")
    trail.check(
        "destination_wrong",
        said is None or said == expected.answer_at,
        f"The response is for {said}; here is {expected.answer_at}.",
    )
    issuer = child(root, names.ASSERTION, "Issuer")
    trail.check(
        "response_issuer_wrong",
        issuer is None or text_of(issuer) == expected.issuer,
        f"The response is of {text_of(issuer)}, not of {expected.issuer}.",
    )
    answers = root.get("InResponseTo")
    trail.check("response_unsolicited", bool(answers), "Nobody asked for this response: begin at our sign-in page.")
    trail.check("in_response_to_wrong", answers == expected.in_response_to, "The response answers another request.")
    made_now(root, "response_time_wrong", expected.now, trail)
    _status(root, trail)


def made_now(element: etree._Element, check: str, now: datetime, trail: Trail) -> None:
    """Checks that a message was made within minutes. Raises Refused."""
    made = instant_of(element.get("IssueInstant"), check, trail)
    near = made is not None and now - names.OLDEST_MESSAGE - names.SKEW <= made <= now + names.SKEW
    trail.check(check, near, f"It was made at {element.get('IssueInstant')}; our clock says {names.written(now)}.")


def _status(root: etree._Element, trail: Trail) -> None:
    outer = child(child(root, names.PROTOCOL, "Status"), names.PROTOCOL, "StatusCode")
    code = "" if outer is None else outer.get("Value", "")
    inner = child(outer, names.PROTOCOL, "StatusCode")
    reason = "" if inner is None else inner.get("Value", "").rpartition(":")[2]
    message = text_of(child(child(root, names.PROTOCOL, "Status"), names.PROTOCOL, "StatusMessage"))
    said = ", ".join(filter(None, (code.rpartition(":")[2], reason, message[:200])))
    trail.check("status_not_success", code == names.SUCCESS, f"The provider answered: {said or 'nothing'}.")


def _assertion(root: etree._Element, signed: etree._Element | None, expected: Expected, trail: Trail) -> etree._Element:
    """The one assertion as it was signed: inside the signed response, by itself, or both (then both hold)."""
    outer = root if signed is None else signed
    found = [each for each in outer if each.tag in {_PLAIN, _SEALED}]
    trail.check("assertion_missing", len(found) == 1, "There is no assertion.")
    assertion = found[0]
    hidden = assertion.tag == _SEALED
    trail.check("assertion_unencrypted", hidden or not expected.encrypted, "The assertion is not encrypted.")
    if hidden:
        cbc = expected.allow_cbc and signed is not None
        assertion = opened(assertion, expected.keys, trail, allow_cbc=cbc)
        trail.check("encrypted_content", assertion.tag == _PLAIN, "What was encrypted is no assertion.")
        nested = [each for each in assertion.iter(_RESPONSE, _PLAIN, _SEALED) if each is not assertion]
        signatures.placed(assertion, [assertion], trail)
        trail.check("signature_wrapped", not nested, "An assertion stands inside another.")
    elif signed is not None:
        # Its own signature is checked where it stands: what the response's transforms took away may belong to it.
        assertion = next(each for each in root if each.tag == _PLAIN)
    has_own = signatures.signature_of(assertion, trail) is not None
    trail.check("signature_missing", signed is not None or has_own, "Neither the response nor the assertion is signed.")
    if has_own:
        return signatures.verified(assertion, expected.certificates, trail)
    return assertion if hidden else found[0]


def _said(assertion: etree._Element, expected: Expected, trail: Trail) -> Said:
    identifier = assertion.get("ID", "")
    trail.check("assertion_version", assertion.get("Version") == "2.0" and bool(identifier), "It is not SAML 2.0.")
    issuer = text_of(child(assertion, names.ASSERTION, "Issuer"))
    trail.check("issuer_wrong", issuer == expected.issuer, f"The assertion is of {issuer}, not of {expected.issuer}.")
    made_now(assertion, "assertion_time_wrong", expected.now, trail)
    name, ends = _subject(assertion, expected, trail)
    _conditions(assertion, expected, trail)
    statement = child(assertion, names.ASSERTION, "AuthnStatement")
    trail.check("authentication_missing", statement is not None, "The assertion does not say that somebody signed in.")
    if statement is None:  # pragma: no cover - the check raised
        raise AssertionError
    signed_in_at, session_ends = _authentication(statement, expected, trail)
    context = child(child(statement, names.ASSERTION, "AuthnContext"), names.ASSERTION, "AuthnContextClassRef")
    return Said(
        assertion_id=identifier,
        ends=ends + names.SKEW,
        name=name,
        session_index=statement.get("SessionIndex", "")[:_LONGEST_NAME],
        signed_in_at=signed_in_at,
        session_ends=session_ends,
        context=text_of(context),
        attributes=_attributes(assertion, trail),
    )


def _subject(assertion: etree._Element, expected: Expected, trail: Trail) -> tuple[NameId, datetime]:
    """Whom it is about, and until when the bearer may show it (SAML profiles, 4.1.4.2)."""
    subject = child(assertion, names.ASSERTION, "Subject")
    named = child(subject, names.ASSERTION, "NameID")
    sealed = child(subject, names.ASSERTION, "EncryptedID")
    if named is None and sealed is not None:
        named = opened(sealed, expected.keys, trail, allow_cbc=expected.allow_cbc)
    name = name_of(named, trail)
    confirmations = [] if subject is None else children(subject, names.ASSERTION, "SubjectConfirmation")
    bearers = [each for each in confirmations if each.get("Method") == names.BEARER]
    trail.check("confirmation_missing", len(bearers) == 1, "The assertion is not for whoever brings it (bearer).")
    data = child(bearers[0], names.ASSERTION, "SubjectConfirmationData")
    said = _said_by(data)
    recipient = said.get("Recipient", "")
    trail.check(
        "recipient_wrong",
        recipient == expected.answer_at,
        f"The assertion is for {recipient or 'no recipient'}; here is {expected.answer_at}.",
    )
    answers = said.get("InResponseTo", "")
    trail.check("assertion_unsolicited", bool(answers), "The assertion does not say which request it answers.")
    trail.check("assertion_in_response_to_wrong", answers == expected.in_response_to, "It answers another request.")
    ends = instant_of(said.get("NotOnOrAfter"), "confirmation_expired", trail)
    trail.check(
        "confirmation_expired",
        ends is not None and expected.now < ends + names.SKEW,
        f"It could be shown until {said.get('NotOnOrAfter')}; our clock says {names.written(expected.now)}.",
    )
    trail.check("confirmation_not_before", "NotBefore" not in said, "A bearer's confirmation has no beginning.")
    return name, ends or expected.now


def _said_by(element: etree._Element | None) -> dict[str, str]:
    return {} if element is None else {str(name): str(value) for name, value in element.attrib.items()}


def name_of(named: etree._Element | None, trail: Trail) -> NameId:
    """A name as a provider writes it. Raises Refused."""
    value = text_of(named)
    plain = named is not None and named.tag == f"{{{names.ASSERTION}}}NameID" and len(named) == 0
    around = "" if named is None else "".join(str(each) for each in named.attrib.values())
    usable = plain and 0 < len(value) <= _LONGEST_NAME and (value + around).isprintable()
    trail.check("name_id_missing", usable, "The assertion names nobody (NameID).")
    if named is None:  # pragma: no cover - the check raised
        raise AssertionError
    return NameId(
        value,
        named.get("Format", names.UNSPECIFIED),
        named.get("NameQualifier", ""),
        named.get("SPNameQualifier", ""),
    )


def _conditions(assertion: etree._Element, expected: Expected, trail: Trail) -> None:
    """SAML core, 2.5.1."""
    conditions = child(assertion, names.ASSERTION, "Conditions")
    said = _said_by(conditions)
    clock = f"our clock says {names.written(expected.now)}"
    begins = instant_of(said.get("NotBefore"), "conditions_not_yet", trail)
    early = begins is not None and expected.now < begins - names.SKEW
    trail.check("conditions_not_yet", not early, f"It counts from {said.get('NotBefore')}; {clock}.")
    ends = instant_of(said.get("NotOnOrAfter"), "conditions_expired", trail)
    late = ends is not None and expected.now >= ends + names.SKEW
    trail.check("conditions_expired", not late, f"It counted until {said.get('NotOnOrAfter')}; {clock}.")
    restrictions = [] if conditions is None else children(conditions, names.ASSERTION, "AudienceRestriction")
    audiences = [[text_of(each) for each in one] for one in restrictions]
    # Each restriction is a condition of its own: all of them must name us.
    meant = bool(audiences) and all(expected.audience in one for one in audiences)
    listed = ", ".join(each for one in audiences for each in one)
    trail.check("audience_wrong", meant, f"The assertion is for {listed or 'nobody'}, not for {expected.audience}.")
    known = {f"{{{names.ASSERTION}}}{each}" for each in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
    strange = [] if conditions is None else [each for each in conditions if each.tag not in known]
    trail.check("condition_unknown", not strange, "The assertion holds under a condition that is not known here.")


def _authentication(statement: etree._Element, expected: Expected, trail: Trail) -> tuple[datetime, datetime | None]:
    """When they signed in there, and until when that counts (SAML core, 2.7.2; profiles, 4.1.4.3)."""
    signed_in_at = instant_of(statement.get("AuthnInstant"), "authentication_time_wrong", trail)
    past = signed_in_at is not None and signed_in_at <= expected.now + names.SKEW
    trail.check("authentication_time_wrong", past, f"They signed in at {statement.get('AuthnInstant')}, it says.")
    ends = instant_of(statement.get("SessionNotOnOrAfter"), "provider_session_over", trail)
    ends = None if ends is None else ends + names.SKEW
    over = ends is not None and expected.now >= ends
    trail.check("provider_session_over", not over, "The provider says that their session with it is over.")
    when = signed_in_at or expected.now
    if expected.anew_from is not None:
        fresh = when >= expected.anew_from - names.SKEW
        trail.check("authentication_not_fresh", fresh, "They were asked to sign in anew, and did not.")
    trail.passed("sign_in_time")
    return when, ends


def _attributes(assertion: etree._Element, trail: Trail) -> dict[str, tuple[str, ...]]:
    """Every attribute by its name. An attribute that comes in several parts has all their values."""
    found: dict[str, list[str]] = {}
    for each in assertion.iterfind(f"{{{names.ASSERTION}}}AttributeStatement/{{{names.ASSERTION}}}Attribute"):
        values = found.setdefault(each.get("Name", ""), [])
        values.extend(text_of(value) for value in children(each, names.ASSERTION, "AttributeValue"))
    values_in_all = sum(map(len, found.values()))
    longest = max((len(value) for values in found.values() for value in values), default=0)
    fits = values_in_all <= _MOST_VALUES and longest <= _LONGEST_VALUE
    trail.check("attributes_too_many", fits, "The assertion says more of this person than is read.")
    return {name: tuple(filter(None, values)) for name, values in found.items() if name}
