"""What a provider says of itself: what is understood of it, and what is said of metadata that is none."""

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from saml_parts import ISSUER, Key, key, provider_metadata, signed

from parvis_identity.domain import saml as names
from parvis_identity.service.saml import metadata
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.sso.upstream import Refused


def read(document: bytes, **options) -> metadata.Provider:
    return metadata.read(document, Trail(), **options)


def weak() -> Key:
    return key("weak", 1024)


def test_addresses_and_keys_are_understood():
    found = read(provider_metadata(key(), key("next"), around='cacheDuration="PT1H"'))

    assert found.entity_id == ISSUER
    assert found.sign_in == f"{ISSUER}/sso?tenant=1"
    assert found.sign_out == found.sign_out_answer == f"{ISSUER}/slo"
    assert found.certificates == (key().certificate, key("next").certificate)
    assert found.cache_for == timedelta(hours=1)


def test_a_key_that_only_encrypts_does_not_sign():
    document = provider_metadata(key("other"), key()).replace(b'use="signing"', b'use="encryption"', 1)
    assert read(document).certificates == (key().certificate,)


def test_a_weak_key_beside_a_good_one_is_not_believed():
    assert read(provider_metadata(weak(), key())).certificates == (key().certificate,)


def test_the_provider_among_several_is_found_by_its_name():
    both = _of_several()
    assert read(both, entity_id=ISSUER).entity_id == ISSUER


def _of_several() -> bytes:
    root = etree.Element(f"{{{names.METADATA}}}EntitiesDescriptor")
    for issuer in (ISSUER, "https://autre.exemple.fr"):
        root.append(etree.fromstring(provider_metadata(key(), issuer=issuer)))
    return etree.tostring(root)


OURS = b"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><md:SPSSODescriptor/>
</md:EntityDescriptor>"""
BOMB = b'<!DOCTYPE x [<!ENTITY a "b">]>'
BAD = {
    "xml_web_page": lambda: b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "xml_well_formed": lambda: b"entityID = annuaire",
    "xml_entity": lambda: BOMB + provider_metadata(key()).partition(b"?>")[2],
    "xml_size": lambda: b" " * (metadata.LARGEST + 1),
    "metadata_element": lambda: b"<rss/>",
    "metadata_provider": lambda: OURS,
    "metadata_several": _of_several,
    "metadata_endpoint": lambda: provider_metadata(key()).replace(b"HTTP-Redirect", b"HTTP-Artifact"),
    "metadata_key": lambda: provider_metadata(key()).replace(key().base64.encode(), b"bm9uZQ=="),
    "metadata_key_weak": lambda: provider_metadata(weak()),
    "metadata_key_missing": provider_metadata,
    "metadata_keys": lambda: provider_metadata(*(key(f"key {number}") for number in range(9))),
    "metadata_entity_id": lambda: provider_metadata(key(), issuer=""),
}


@pytest.mark.parametrize("check", BAD)
def test_what_is_no_metadata_is_refused_in_words(check):
    with pytest.raises(Refused) as refused:
        read(BAD[check]())

    assert refused.value.check == check
    assert refused.value.detail.endswith((".", "?"))


@pytest.mark.parametrize("place", ["javascript:alert(1)", "http://annuaire.exemple.fr/sso", "https://a:b@x.fr/", "sso"])
def test_a_browser_is_sent_to_no_such_address(place):
    with pytest.raises(Refused, match="metadata_endpoint"):
        read(provider_metadata(key(), sign_in=place))


def test_metadata_counts_until_it_says():
    found = read(provider_metadata(key(), around='validUntil="2026-11-22T12:00:00Z"'))

    metadata.current(found, Trail(), datetime(2026, 11, 22, 11, tzinfo=UTC))
    with pytest.raises(Refused, match="metadata_expired"):
        metadata.current(found, Trail(), datetime(2026, 11, 22, 13, tzinfo=UTC))


def test_metadata_that_must_be_signed_is_believed_of_its_signer_alone():
    root = etree.fromstring(provider_metadata(key()), etree.XMLParser(remove_comments=True))
    document = etree.tostring(signed(root, key("federation")))

    assert read(document, signed_by=[key("federation").certificate]).entity_id == ISSUER
    for other in (document.replace(b"tenant=1", b"tenant=2"), provider_metadata(key())):
        with pytest.raises(Refused, match="signature_"):
            read(other, signed_by=[key("federation").certificate])
