"""Attacks on SAML answers by name: algorithms, XML, encryption, and words that are not for us, now. Each is refused by
its own check, and stands beside the same message without it, which is taken. What is signed is signed well wherever the
attack allows: nothing but the named check is in its way.
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree
from saml_attacks import (
    INTRUDER,
    WHO,
    Attack,
    Attacks,
    Message,
    both,
    evil,
    hidden,
    hidden_in_signed,
    is_refused,
    text,
    whole,
)
from saml_parts import (
    ACS,
    AUDIENCE,
    ISSUER,
    D,
    How,
    P,
    Words,
    assertion,
    at,
    encrypted,
    key,
    response,
    signed,
    taken,
    usual,
)

from parvis_identity.domain import saml as names

ATTACKS = Attacks()


def says(check: str, **wrong: Any) -> None:
    """An answer that is wrong in its words alone, signed by the provider."""
    told = (f"{each} {'at a moment' if callable(value) else repr(value)[:40]}" for each, value in wrong.items())
    name = f"{check}: {', '.join(told)}"
    ATTACKS.append(Attack(name, check, lambda: response(words := Words(**_now(wrong)), signed(assertion(words)))))


def _now(wrong: dict[str, Any]) -> dict[str, Any]:
    """Moments are computed when the message is made."""
    return {name: value() if callable(value) else value for name, value in wrong.items()}


# Algorithms.


def of(how: How) -> Callable[[], Message]:
    return lambda: response(words := Words(), signed(assertion(words), how=how))


def _hmac(text_signed: bytes) -> bytes:
    return hmac.digest(key().pem.encode(), text_signed, hashlib.sha256)


MORE = "http://www.w3.org/2001/04/xmldsig-more#"
EXCLUSIVE_COMMENTS = f"{names.EXCLUSIVE}WithComments"
ATTACKS += [
    Attack("rsa_with_sha_1", "signature_algorithm", of(How(method=f"{D}rsa-sha1"))),
    Attack("a_digest_of_sha_1", "digest_algorithm", of(How(digest=f"{D}sha1"))),
    Attack(
        "an_hmac_under_the_public_key",
        "signature_algorithm",
        of(How(method=f"{MORE}hmac-sha256", sign=_hmac)),
    ),
    Attack(
        "an_xslt_transform",
        "signature_transforms",
        of(How(transforms=("http://www.w3.org/TR/1999/REC-xslt-19991116", names.ENVELOPED, names.EXCLUSIVE))),
    ),
    Attack(
        "an_xpath_transform",
        "signature_transforms",
        of(How(transforms=(names.ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116"))),
    ),
    Attack(
        "a_text_that_holds_comments", "signature_transforms", of(How(transforms=(names.ENVELOPED, EXCLUSIVE_COMMENTS)))
    ),
    Attack(
        "a_canonical_form_that_depends_on_the_place",
        "signature_transforms",
        of(How(canonical="http://www.w3.org/TR/2001/REC-xml-c14n-20010315")),
    ),
]


# XML.


@ATTACKS.add("xml_comment")
def a_comment_in_a_name_that_cuts_it():
    root = response(words := Words(name_id="anne@exemple.fr.intrus.test"), signed(assertion(words)))
    return text(root).replace("anne@exemple.fr.intrus", "anne@exemple.fr<!-- -->.intrus").encode()


@ATTACKS.add("xml_comment")
def a_comment_in_the_digest():
    return text(usual()).replace("<ds:DigestValue>", "<ds:DigestValue><!-- -->").encode()


@ATTACKS.add("xml_instruction")
def an_instruction_in_a_name():
    return text(usual()).replace(WHO, f"{WHO[:4]}<?x y?>{WHO[4:]}").encode()


def before(head: str, name: str = WHO) -> bytes:
    return (head + text(usual()).replace(f">{WHO}<", f">{name}<")).encode()


@ATTACKS.add("xml_entity")
def a_billion_laughs():
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return before(f"<!DOCTYPE x [{entities}]>", "&a9;")


@ATTACKS.add("xml_entity")
def one_long_entity_used_often():
    return before(f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 10_000)


@ATTACKS.add("xml_entity")
def an_entity_that_says_another_name():
    return before(f'<!DOCTYPE x [<!ENTITY who "{INTRUDER}">]>', "&who;")


@ATTACKS.add("xml_external_entity")
def an_entity_that_is_a_file_of_ours():
    return before('<!DOCTYPE x [<!ENTITY who SYSTEM "file:///etc/passwd">]>', "&who;")


@ATTACKS.add("xml_external_entity")
def a_parameter_entity_of_another_server():
    return before('<!DOCTYPE x [<!ENTITY % more SYSTEM "http://intrus.test/more.dtd"> %more;]>')


@ATTACKS.add("xml_external_entity")
def a_document_type_of_another_server():
    return before('<!DOCTYPE x SYSTEM "http://intrus.test/x.dtd">')


@ATTACKS.add("xml_doctype")
def a_document_type_with_values_of_its_own():
    return before('<!DOCTYPE x [<!ATTLIST saml:NameID Format CDATA "x">]>')


@ATTACKS.add("xml_encoding")
def a_document_type_hidden_in_utf_16():
    return before('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a "b">]>').decode().encode("utf-16")


@ATTACKS.add("xml_encoding")
def a_document_that_says_it_is_utf_7():
    return before('<?xml version="1.0" encoding="UTF-7"?>')


@ATTACKS.add("xml_depth")
def elements_a_hundred_deep():
    root = usual()
    place = etree.SubElement(root, f"{{{P}}}Extensions")
    for _ in range(100):
        place = etree.SubElement(place, "x")
    return root


@ATTACKS.add("xml_size")
def a_response_of_a_megabyte():
    root = usual()
    etree.SubElement(root, f"{{{P}}}Extensions").text = "a" * 1_000_000
    return root


@ATTACKS.add("xml_well_formed")
def a_response_without_its_end():
    return text(usual())[:-20].encode()


@ATTACKS.add("xml_web_page")
def a_page_in_place_of_a_response():
    return b"<!doctype html><html><body><p>Sign in<br></body></html>"


@ATTACKS.add("response_element")
def a_message_of_another_kind():
    return text(usual()).replace("samlp:Response", "samlp:LogoutResponse").encode()


# Encryption.

RSA_1_5 = f"{names.ENCRYPTION}rsa-1_5"
CBC = f"{names.ENCRYPTION}aes256-cbc"
ATTACKS += [
    Attack("encrypted_to_another_key", "encrypted_for_another", lambda: hidden("intruder"), hidden),
    Attack("a_key_under_rsa_1_5", "encryption_key_algorithm", lambda: hidden(transport=RSA_1_5), hidden),
    Attack(
        "content_that_nothing_protects", "encryption_algorithm", lambda: hidden_in_signed(content=CBC), hidden_in_signed
    ),
    Attack(
        "content_that_only_a_signature_could_protect_without_one",
        "encryption_algorithm",
        lambda: hidden(content=CBC),
        lambda: hidden_in_signed(content=CBC),
        {"allow_cbc": True},
    ),
    Attack("plain_where_it_must_be_encrypted", "assertion_unencrypted", usual, hidden, {"encrypted": True}),
]


@ATTACKS.add("encrypted_for_another", hidden)
def content_that_was_altered_on_the_way():
    root = hidden()
    value = list(root.iter(f"{{{names.ENCRYPTION}}}CipherValue"))[-1]
    value.text = value.text[:400] + ("A" if value.text[400] != "A" else "B") + value.text[401:]
    return root


@ATTACKS.add("signature_missing", hidden)
def a_forged_assertion_that_is_only_encrypted():
    return response(Words(), encrypted(evil(), key("ours")))


@ATTACKS.add("encrypted_content", hidden)
def a_response_inside_what_was_encrypted():
    return response(Words(), encrypted(usual(), key("ours")))


@ATTACKS.add("signature_wrapped", hidden)
def wrapping_inside_what_was_encrypted():
    forged = evil()
    forged.append(signed(assertion(Words())))
    return response(Words(), encrypted(forged, key("ours")))


@ATTACKS.add("xml_entity", hidden)
def entities_inside_what_was_encrypted():
    return response(Words(), encrypted(b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', key("ours")))


# For whom, of whom, in answer to what, when.

OTHER = "https://autre.exemple.fr"
says("audience_wrong", audiences=((f"{OTHER}/metadata",),))
says("audience_wrong", audiences=())
says("audience_wrong", audiences=((AUDIENCE,), (f"{OTHER}/metadata",)))
says("recipient_wrong", recipient=f"{OTHER}/acs")
says("recipient_wrong", recipient="")
says("recipient_wrong", recipient=f"{ACS}/")
says("destination_wrong", destination=f"{OTHER}/acs")
says("issuer_wrong", issuer=f"{OTHER}/saml")
says("issuer_wrong", issuer=f"{ISSUER}/")
says("response_issuer_wrong", response_issuer=f"{OTHER}/saml")
says("response_unsolicited", in_response_to="")
says("in_response_to_wrong", in_response_to="_another")
says("assertion_unsolicited", subject_in_response_to="")
says("assertion_in_response_to_wrong", subject_in_response_to="_another")
says("confirmation_expired", confirmed_until=lambda: at(seconds=-61))
says("confirmation_missing", method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")
says("confirmation_missing", method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")
says("conditions_expired", not_after=lambda: at(seconds=-61))
says("conditions_not_yet", not_before=lambda: at(seconds=90))
says("conditions_expired", not_after="2026-01-01 00:00:00")
says("condition_unknown", extra_condition="<saml:Condition/>")
says("response_time_wrong", made=lambda: at(minutes=-30))
says("response_time_wrong", made=lambda: at(minutes=5))
says("provider_session_over", session_until=lambda: at(minutes=-5))
says("authentication_time_wrong", signed_in_at=lambda: at(minutes=5))
says("authentication_missing", statement=False)
says("status_not_success", status="urn:oasis:names:tc:SAML:2.0:status:Responder")
says("assertion_version", version="1.1")
says("name_id_missing", name_id="")


def seconds_ago() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=5)


@ATTACKS.add("authentication_not_fresh", anew_from=seconds_ago)
def somebody_who_signed_in_an_hour_ago_and_was_asked_to_do_so_again():
    words = Words(signed_in_at=at(hours=-1))
    return response(words, signed(assertion(words)))


@ATTACKS.add("authentication_not_fresh", anew_from=seconds_ago)
def somebody_who_signed_in_two_minutes_before_they_were_asked_to_do_so_again():
    words = Words(signed_in_at=at(minutes=-2))
    return response(words, signed(assertion(words)))


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: case.name)
def test_an_attack_is_refused_by_its_own_check_and_the_same_message_without_it_is_taken(case: Attack):
    is_refused(case)


def test_what_a_clock_a_minute_off_says_is_taken():
    words = Words(not_before=at(seconds=50), not_after=at(seconds=-50), confirmed_until=at(seconds=-50))
    assert taken(response(words, signed(assertion(words)))).name.value == WHO


@pytest.mark.parametrize("make", [usual, whole, both, hidden, hidden_in_signed])
def test_each_way_to_sign_is_taken(make):
    assert taken(make()).attributes["groups"] == ("Paie", "Audit")


def test_a_second_key_of_the_provider_signs_as_well():
    root = response(words := Words(), signed(assertion(words), key("retired")))
    assert taken(root).name.value == WHO
