"""Signatures that do not sign what is read, or are not the provider's: attacks by name. Each is refused by its own
check, and stands beside the same message without it, which is taken.
"""

import base64
from copy import deepcopy

import pytest
from lxml import etree
from saml_attacks import INTRUDER, WHO, Attack, Attacks, both, evil, find, is_refused, whole, without_signature
from saml_parts import A, D, How, P, Words, assertion, key, response, signed, taken, usual

from parvis_identity.service.sso.upstream import Refused

ATTACKS = Attacks()

# Signature wrapping, in the eight forms of "On Breaking SAML" (Somorovsky et al., USENIX Security 2012).


@ATTACKS.add("signature_wrapped", whole)
def xsw_1_the_signed_response_inside_the_signature_of_another():
    original = whole()
    forged = response(Words(), evil())
    forged.insert(1, find(original, D, "Signature"))
    forged[1].append(original)
    return forged


@ATTACKS.add("signature_wrapped", whole)
def xsw_2_the_signed_response_beside_a_detached_signature():
    original = whole()
    forged = response(Words(), evil())
    forged.insert(1, deepcopy(find(original, D, "Signature")))
    forged.insert(1, without_signature(original))
    return forged


@ATTACKS.add("assertion_several")
def xsw_3_a_forged_assertion_before_the_signed_one():
    root = usual()
    root.insert(2, evil())
    return root


@ATTACKS.add("signature_wrapped")
def xsw_4_the_signed_assertion_inside_a_forged_one():
    root = usual()
    original = root[-1]
    forged = evil()
    root.replace(original, forged)
    forged.append(original)
    return root


@ATTACKS.add("assertion_several")
def xsw_5_the_signature_moved_to_a_forged_assertion():
    root = usual()
    original = root[-1]
    forged = evil()
    forged.insert(1, deepcopy(find(original, D, "Signature")))
    root.replace(original, forged)
    root.append(without_signature(original))
    return root


@ATTACKS.add("signature_wrapped")
def xsw_6_the_signed_assertion_inside_the_signature_of_a_forged_one():
    root = usual()
    original = root[-1]
    forged = evil()
    forged.insert(1, deepcopy(find(original, D, "Signature")))
    forged[1].append(without_signature(original))
    root.replace(original, forged)
    return root


@ATTACKS.add("ids_repeated")
def xsw_7_a_forged_assertion_with_the_same_identifier_in_extensions():
    root = usual()
    extensions = etree.Element(f"{{{P}}}Extensions")
    extensions.append(evil(assertion_id=root[-1].get("ID")))
    root.insert(1, extensions)
    return root


@ATTACKS.add("signature_wrapped")
def xsw_8_the_signed_assertion_in_an_object_of_the_signature():
    root = usual()
    original = root[-1]
    forged = evil()
    forged.insert(1, deepcopy(find(original, D, "Signature")))
    etree.SubElement(forged[1], f"{{{D}}}Object").append(without_signature(original))
    root.replace(original, forged)
    return root


@ATTACKS.add("signature_wrapped")
def a_forged_assertion_in_the_detail_of_the_status():
    root = usual()
    etree.SubElement(find(root, P, "Status"), f"{{{P}}}StatusDetail").append(evil())
    return root


@ATTACKS.add("signature_reference")
def a_forged_assertion_with_the_signature_of_an_earlier_one():
    earlier = signed(assertion(Words()))
    forged = evil()
    forged.insert(1, find(earlier, D, "Signature"))
    return response(Words(), forged)


@ATTACKS.add("signature_reference")
def a_signature_over_the_whole_document_by_an_empty_reference():
    root = usual()
    find(root, D, "Reference").set("URI", "")
    return root


@ATTACKS.add("signature_reference")
def a_signature_over_a_part_of_the_assertion():
    words = Words(name_id=INTRUDER)
    inner = assertion(words)
    find(inner, A, "AttributeStatement").set("ID", "_part")
    return response(words, signed(inner, how=How(reference="#_part")))


@ATTACKS.add("signature_reference")
def a_signature_with_two_references():
    return response(words := Words(), signed(assertion(words), how=How(references=2)))


# What is not signed, or signed too often.


@ATTACKS.add("signature_missing")
def an_assertion_without_signature():
    return response(words := Words(), assertion(words))


@ATTACKS.add("signature_missing", whole)
def a_response_whose_signature_was_taken_away():
    return without_signature(whole())


@ATTACKS.add("signature_several")
def an_assertion_that_is_signed_twice():
    inner = signed(assertion(words := Words()))
    return response(words, signed(inner, key("intruder")))


@ATTACKS.add("assertion_several", both)
def a_second_assertion_beside_the_one_of_a_signed_response():
    root = both()
    root.append(evil())
    return root


@ATTACKS.add("signature_wrong", both)
def a_forged_assertion_in_a_response_whose_own_signature_is_old():
    root = both()
    find(root, P, "StatusCode").getparent().set("a", "b")
    return root


@ATTACKS.add("signature_wrong")
def a_name_that_was_changed_after_signing():
    root = usual()
    find(root, A, "NameID").text = INTRUDER
    return root


@ATTACKS.add("signature_wrong")
def an_attribute_that_was_added_after_signing():
    root = usual()
    extra = deepcopy(find(root, A, "Attribute"))
    extra.set("Name", "groups")
    find(root, A, "AttributeStatement").append(extra)
    return root


@ATTACKS.add("signature_wrong")
def a_second_text_that_is_signed_beside_the_first():
    root = usual()
    first = find(root, D, "SignedInfo")
    first.addnext(deepcopy(first))
    root[-1][1].remove(first)
    root[-1][1].insert(0, first)
    return root


# Keys.


@ATTACKS.add("signature_certificate")
def a_key_of_the_attacker_with_its_certificate_beside_it():
    return response(words := Words(name_id=INTRUDER), signed(assertion(words), key("intruder")))


@ATTACKS.add("signature_wrong")
def a_key_of_the_attacker_with_the_certificate_of_the_provider():
    how = How(certificate=key())
    return response(words := Words(name_id=INTRUDER), signed(assertion(words), key("intruder"), how))


@ATTACKS.add("signature_wrong")
def a_key_of_the_attacker_without_a_certificate():
    root = response(words := Words(name_id=INTRUDER), signed(assertion(words), key("intruder")))
    find(root, D, "Signature").remove(find(root, D, "KeyInfo"))
    return root


@ATTACKS.add("signature_wrong")
def a_key_of_the_attacker_as_a_bare_value():
    root = response(words := Words(name_id=INTRUDER), signed(assertion(words), key("intruder")))
    info = find(root, D, "KeyInfo")
    info.clear()
    numbers = key("intruder").private.public_key().public_numbers()
    value = etree.SubElement(etree.SubElement(info, f"{{{D}}}KeyValue"), f"{{{D}}}RSAKeyValue")
    for name, number in (("Modulus", numbers.n), ("Exponent", numbers.e)):
        etree.SubElement(value, f"{{{D}}}{name}").text = _base64(number)
    return root


def _base64(number: int) -> str:
    return base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode()


@ATTACKS.add("signature_certificate")
def a_certificate_that_nobody_can_read():
    root = usual()
    find(root, D, "X509Certificate").text = "bm9uZQ=="
    return root


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: case.name)
def test_an_attack_is_refused_by_its_own_check_and_the_same_message_without_it_is_taken(case: Attack):
    is_refused(case)


def test_wherever_a_forged_assertion_is_put_it_is_never_what_is_read():
    """The law behind the eight forms: for every element of every message, a forgery put into or beside it."""
    for make in (usual, whole, both):
        size = len(list(make().iter(etree.Element)))
        for index in range(size):
            for put in ("append", "insert", "addnext", "replace"):
                root = make()
                place = list(root.iter(etree.Element))[index]
                forged = evil(assertion_id=find(root, A, "Assertion").get("ID") if index % 2 else "_forged")
                if index % 3 == 0:
                    forged.insert(1, deepcopy(find(root, D, "Signature")))
                if not _put(root, place, forged, put):
                    continue
                try:
                    said = taken(root)
                except Refused:
                    continue
                assert said.name.value == WHO


def _put(root: etree._Element, place: etree._Element, forged: etree._Element, how: str) -> bool:
    if how in {"addnext", "replace"} and place is root:
        return False
    if how == "append":
        place.append(forged)
    elif how == "insert":
        place.insert(0, forged)
    elif how == "addnext":
        place.addnext(forged)
    else:
        place.getparent().replace(place, forged)
    return True
