"""Which names may be a firm's mail domain, and what the DNS says of one."""

from datetime import UTC, datetime, timedelta

import pytest
from dns_server import name_server

from parvis_identity.domain.domains import (
    GRACE,
    MAIL_COUNTS,
    SILENCE,
    DomainState,
    Found,
    Others,
    Proof,
    after_check,
    next_check,
)
from parvis_identity.service.dns_proofs import DnsProofs, servers_of
from parvis_identity.service.mail_domains import Unfit, of_address, registrable, shown

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
RECORD = "_parvis-challenge.orsel.example"
NOBODY = Others()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("orsel.example", "orsel.example"),
        (" ORSEL.Example. ", "orsel.example"),
        ("claire@orsel.example", "orsel.example"),
        ("comptables.orsel.example", "comptables.orsel.example"),
        ("société-générale.example", "xn--socit-gnrale-eebbcb.example"),
        ("cabinet.asso.fr", "cabinet.asso.fr"),
        ("straße.example", "xn--strae-oqa.example"),
    ],
)
def test_a_domain_is_compared_in_ascii(typed, name):
    assert registrable(typed) == name
    assert registrable(name) == name
    assert of_address(f"anne@{typed.strip().rpartition('@')[2]}") == registrable(typed)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "not_a_domain"),
        ("orsel", "not_a_domain"),
        ("orsel .example", "not_a_domain"),
        ("192.0.2.1", "not_a_domain"),
        ("-orsel.example", "not_a_domain"),
        ("or_sel.example", "not_a_domain"),
        ("a" * 64 + ".example", "not_a_domain"),
        ("x." * 130 + "example", "not_a_domain"),
        ("xn--zzzz.example.", "not_a_domain"),
        ("fr", "not_a_domain"),
        ("co.uk", "public_suffix"),
        ("asso.fr", "public_suffix"),
        ("github.io", "public_suffix"),
        ("gmail.com", "public_mail"),
        ("orange.fr", "public_mail"),
        ("free.fr", "public_mail"),
        ("sfr.fr", "public_mail"),
        ("laposte.net", "public_mail"),
        ("yopmail.com", "public_mail"),
        ("GMAIL.com.", "public_mail"),
        ("\uff47\uff4d\uff41\uff49\uff4c.com", "public_mail"),
        ("pages.free.fr", "public_mail"),
    ],
)
def test_what_is_nobodys_own_is_refused(typed, why):
    with pytest.raises(Unfit, match=why):
        registrable(typed)


def test_a_name_in_another_alphabet_is_shown_as_what_it_is():
    assert shown(registrable("société.example")) == "société.example"
    assert shown(registrable("\u043ersel.example")).startswith("xn--")  # a Cyrillic letter


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("", []),
        ("192.0.2.1", [("192.0.2.1", 53)]),
        ("192.0.2.1:5353, [2001:db8::1]:5300", [("192.0.2.1", 5353), ("2001:db8::1", 5300)]),
        ("2001:db8::1", [("2001:db8::1", 53)]),
    ],
)
def test_name_servers_are_listed_with_their_ports(listed, found):
    assert list(servers_of(listed)) == found


def test_a_name_is_no_name_server():
    with pytest.raises(ValueError, match="dns"):
        servers_of("dns.example")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["parvis-verification=abc"], Found.RECORD),
        (["other", "parvis-verification=abc"], Found.RECORD),
        (['parvis-verification=" "abc'], Found.RECORD),  # one text in two strings
        (["parvis-verification=abcd"], Found.OTHER),
        (["abc"], Found.OTHER),
        (["PARVIS-VERIFICATION=abc"], Found.OTHER),
        ([], Found.MISSING),
    ],
)
async def test_the_record_counts_and_nothing_else(texts, found):
    async with name_server() as zone:
        zone.publish(RECORD, *texts)

        assert await DnsProofs(zone.address).look("orsel.example", "abc") is found

    assert set(zone.asked) == {RECORD}


async def test_a_domain_inherits_nothing_and_gives_nothing_on():
    async with name_server() as zone:
        zone.publish(RECORD, "parvis-verification=abc")
        dns = DnsProofs(zone.address)

        assert await dns.look("paris.orsel.example", "abc") is Found.MISSING
        assert await dns.look("example", "abc") is Found.MISSING
        assert await dns.look("orsel.example", "abc") is Found.RECORD


@pytest.mark.parametrize("trouble", ["silent", "servfail", "garbage", "refused"])
async def test_a_name_server_in_trouble_says_nothing_and_holds_nobody_up(trouble):
    async with name_server() as zone:
        zone.trouble = trouble

        assert await DnsProofs(zone.address, step=0.1, whole=0.3).look("orsel.example", "abc") is Found.UNREACHABLE


def proof(state=DomainState.VERIFIED, method="dns", **ago) -> Proof:
    """`ago`: how long each moment is past."""
    moments = {name: NOW - past for name, past in ago.items()}
    return Proof(state, method, moments.pop("created_at", NOW - timedelta(days=300)), **moments)


def test_a_proof_that_is_gone_counts_for_a_week():
    lost = after_check(proof(checked_at=timedelta(days=1)), Found.MISSING, NOBODY, NOW)
    still = after_check(proof(DomainState.LOST, lost_at=GRACE - timedelta(hours=1)), Found.OTHER, NOBODY, NOW)
    off = after_check(proof(DomainState.LOST, lost_at=GRACE), Found.MISSING, NOBODY, NOW)

    assert (lost.state, lost.news, lost.lost_at) == (DomainState.LOST, "domain_lost", NOW)
    assert (still.state, still.news) == (DomainState.LOST, "")
    assert (off.state, off.news) == (DomainState.OFF, "domain_off")


@pytest.mark.parametrize("state", [DomainState.LOST, DomainState.OFF, DomainState.PENDING])
def test_a_proof_that_is_there_again_counts_at_once(state):
    back = after_check(proof(state, lost_at=timedelta(days=9)), Found.RECORD, NOBODY, NOW)

    assert (back.state, back.method, back.lost_at, back.problem) == (DomainState.VERIFIED, "dns", None, "")


def test_silence_is_no_answer_until_it_lasts():
    short = after_check(proof(checked_at=SILENCE - timedelta(hours=1)), Found.UNREACHABLE, NOBODY, NOW)
    long = after_check(proof(checked_at=SILENCE), Found.UNREACHABLE, NOBODY, NOW)

    assert (short.state, short.problem) == (DomainState.VERIFIED, "dns_unreachable")
    assert long.state is DomainState.LOST


def test_the_word_of_a_postmaster_counts_for_half_a_year():
    young = after_check(proof(method="mail", verified_at=MAIL_COUNTS - timedelta(days=1)), Found.MISSING, NOBODY, NOW)
    old = after_check(proof(method="mail", verified_at=MAIL_COUNTS), Found.MISSING, NOBODY, NOW)
    better = after_check(proof(method="mail", verified_at=MAIL_COUNTS), Found.RECORD, NOBODY, NOW)

    assert (young.state, young.problem) == (DomainState.VERIFIED, "")
    assert (old.state, old.problem, old.news) == (DomainState.LOST, "mail_proof_old", "domain_lost")
    assert (better.state, better.method) == (DomainState.VERIFIED, "dns")


@pytest.mark.parametrize(
    ("found", "others", "state", "problem", "shared"),
    [
        (Found.RECORD, Others(any=True), DomainState.VERIFIED, "", True),
        (Found.RECORD, Others(any=True, by_mail=True), DomainState.PENDING, "held_by_another", True),
        (Found.MISSING, Others(any=True), DomainState.PENDING, "held_by_another", False),
        (Found.UNREACHABLE, Others(any=True), DomainState.PENDING, "dns_unreachable", False),
        (Found.MISSING, NOBODY, DomainState.PENDING, "record_missing", False),
    ],
)
def test_a_second_organisation_has_a_domain_by_dns_alone(found, others, state, problem, shared):
    checked = after_check(proof(DomainState.PENDING, ""), found, others, NOW)

    assert (checked.state, checked.problem, checked.shared) == (state, problem, shared)


@pytest.mark.parametrize("found", list(Found))
@pytest.mark.parametrize("state", list(DomainState))
def test_what_counts_is_looked_at_again_within_a_day(state, found):
    of_then = proof(state, lost_at=timedelta(days=2), checked_at=timedelta(days=1))
    checked = after_check(of_then, found, NOBODY, NOW)

    again = next_check(checked, found, of_then.created_at, NOW)

    if checked.state in {DomainState.VERIFIED, DomainState.LOST}:
        assert again is not None
        assert again <= NOW + timedelta(days=1)
    assert again is None or again >= NOW
