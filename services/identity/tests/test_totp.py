"""Codes of authenticator applications and recovery codes, as laws."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as some

from parvis_identity.domain import recovery, totp

seeds = some.binary(min_size=totp.SEED_BYTES, max_size=totp.SEED_BYTES)
moments = some.integers(1_600_000_000, 4_100_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
        (2000000000, "279037"), (20000000000, "353130"),
    ],
)  # fmt: skip
def test_codes_are_those_of_rfc_6238(seconds, code):
    assert totp.code_at(b"12345678901234567890", seconds // 30) == code


@given(seeds, moments)
def test_an_application_shows_what_counts(seed, now):
    shown = pyotp.parse_uri(totp.address_of(seed, issuer="Parvis", account="a@b.fr")).at(now)

    assert totp.accepted_step(seed, shown, now, used=None) is not None


@given(seeds, moments, some.integers(-10, 10))
def test_a_code_counts_within_one_step_of_its_own(seed, now, steps):
    code = totp.code_at(seed, totp.step_of(now) + steps)
    near = {totp.code_at(seed, totp.step_of(now) + each) for each in (-1, 0, 1)}

    assert (totp.accepted_step(seed, code, now, used=None) is not None) == (code in near)


@given(seeds, moments, some.lists(some.integers(-40, 40), min_size=1, max_size=12))
def test_no_step_counts_twice_and_none_before_it(seed, now, seconds):
    used, counted = None, []
    for each in seconds:
        moment = now + timedelta(seconds=each)
        step = totp.accepted_step(seed, totp.code_at(seed, totp.step_of(moment)), moment, used=used)
        if step is not None:
            used = step
            counted.append(step)

    assert counted == sorted(set(counted))


@given(seeds, moments, some.text(max_size=12))
def test_whatever_is_typed_is_answered(seed, now, typed):
    step = totp.accepted_step(seed, typed, now, used=None)

    assert step is None or totp.typed_code(typed) == totp.code_at(seed, step)


@given(seeds, moments)
def test_groups_and_other_digits_are_read(seed, now):
    code = totp.code_at(seed, totp.step_of(now))
    arabic = "".join(chr(0x660 + int(digit)) for digit in code)

    assert totp.typed_code(f" {code[:3]} {code[3:]} ") == code
    assert totp.typed_code(arabic) == code


@given(seeds)
def test_a_seed_is_read_as_it_is_shown(seed):
    assert totp.read_seed(totp.shown_seed(seed)) == seed


def test_a_sheet_has_ten_codes_that_differ():
    codes = recovery.new_codes()

    assert len(set(codes)) == recovery.COUNT
    assert all(recovery.is_one(each) for each in codes)


@given(some.randoms())
def test_a_recovery_code_is_known_however_it_is_typed(chance):
    code, account_id = recovery.new_codes()[0], uuid4()
    typed = "".join(chance.choice((sign, sign.upper())) + chance.choice(("", " ", "-", "\u2013")) for sign in code)

    assert recovery.digest_of(b"s", account_id, typed) == recovery.digest_of(b"s", account_id, code)


def test_a_recovery_code_is_of_one_account_and_one_installation():
    code, account_id = recovery.new_codes()[0], uuid4()
    kept = recovery.digest_of(b"one", account_id, code)

    assert kept not in {recovery.digest_of(b"two", account_id, code), recovery.digest_of(b"one", uuid4(), code)}


@given(some.text(max_size=40))
def test_whatever_is_typed_as_a_recovery_code_has_a_digest(typed):
    assert len(recovery.digest_of(b"s", uuid4(), typed)) == 32
