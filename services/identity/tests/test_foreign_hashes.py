"""Hashes of other platforms: made here by the platforms' own libraries, judged by ours."""

import bcrypt
import django.conf
import pytest
from argon2.low_level import Type, hash_secret
from django.contrib.auth import hashers
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib import hash as passlib

from parvis_identity.domain.foreign_hashes import LONGEST, Unusable, kind_of, recognise
from parvis_identity.service.foreign import matches

if not django.conf.settings.configured:
    django.conf.settings.configure()

#: What people type, as it is hashed: no NUL, which bcrypt refuses.
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


def of_django(hasher, **cheap):
    made = hasher()
    for name, value in cheap.items():
        setattr(made, name, value)
    return lambda password: made.encode(password, made.salt())


def of_argon2(kind, version=19):
    return lambda password: hash_secret(
        password.encode(), b"saltsaltsalt", time_cost=1, memory_cost=8, parallelism=1, hash_len=32, type=kind,
        version=version,
    ).decode()  # fmt: skip


def bcrypt_of(prefix):
    return lambda password: bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, prefix=prefix)).decode()


def phc_pbkdf2(password):
    """The same as passlib's, with named parameters and plain base 64."""
    _, _, rounds, salt, checksum = passlib.pbkdf2_sha256.using(rounds=10).hash(password).split("$")
    return f"$pbkdf2-sha256$i={rounds},l=32${salt}${checksum}".replace(".", "+")


MAKERS = {
    "bcrypt 2a": ("bcrypt", bcrypt_of(b"2a")),
    "bcrypt 2b": ("bcrypt", bcrypt_of(b"2b")),
    "bcrypt of PHP": ("bcrypt", lambda password: bcrypt_of(b"2b")(password).replace("$2b$", "$2y$")),
    "bcrypt of Django": ("bcrypt", lambda password: "bcrypt$" + bcrypt_of(b"2b")(password)),
    "bcrypt_sha256 of Django": ("bcrypt", of_django(hashers.BCryptSHA256PasswordHasher, rounds=4)),
    "bcrypt-sha256 of passlib": ("bcrypt", passlib.bcrypt_sha256.using(rounds=4).hash),
    "bcrypt-sha256 of old passlib": ("bcrypt", passlib.bcrypt_sha256.using(rounds=4, version=1).hash),
    "pbkdf2_sha256 of Django": ("pbkdf2", of_django(hashers.PBKDF2PasswordHasher, iterations=10)),
    "pbkdf2_sha1 of Django": ("pbkdf2", of_django(hashers.PBKDF2SHA1PasswordHasher, iterations=10)),
    "pbkdf2 of passlib": ("pbkdf2", passlib.pbkdf2_sha1.using(rounds=10).hash),
    "pbkdf2-sha256 of passlib": ("pbkdf2", passlib.pbkdf2_sha256.using(rounds=10).hash),
    "pbkdf2-sha512 of passlib": ("pbkdf2", passlib.pbkdf2_sha512.using(rounds=10).hash),
    "pbkdf2 in PHC": ("pbkdf2", phc_pbkdf2),
    "scrypt in PHC": ("scrypt", passlib.scrypt.using(rounds=4, block_size=2, parallelism=2).hash),
    "scrypt of Django": ("scrypt", of_django(hashers.ScryptPasswordHasher, work_factor=16)),
    "SHA-256 crypt": ("sha2-crypt", passlib.sha256_crypt.using(rounds=1013).hash),
    "SHA-512 crypt": ("sha2-crypt", passlib.sha512_crypt.using(rounds=1000).hash),
    "phpass": ("phpass", passlib.phpass.using(rounds=7).hash),
    "phpass of phpBB": ("phpass", passlib.phpass.using(rounds=7, ident="H").hash),
    "argon2i": ("argon2", of_argon2(Type.I)),
    "argon2id": ("argon2", of_argon2(Type.ID)),
    "argon2i of before 2016": ("argon2", of_argon2(Type.I, 16)),
    "argon2 of Django": ("argon2", lambda password: "argon2" + of_argon2(Type.ID)(password)),
}


@pytest.mark.parametrize("name", MAKERS)
@given(password=PASSWORDS, other=PASSWORDS)
@settings(max_examples=25, deadline=None)
def test_the_password_and_no_other_has_its_hash(name, password, other):
    kind, make = MAKERS[name]
    encoded = make(password)

    assert kind_of(encoded) == kind
    assert matches(encoded, password.encode())
    assert matches(encoded, other.encode()) == (password == other)


@given(password=st.binary(max_size=200), salt=st.text("abcXYZ./019", min_size=1, max_size=16))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("hasher", [passlib.sha256_crypt, passlib.sha512_crypt])
def test_sha2_crypt_is_that_of_unix_for_every_length(hasher, password, salt):
    password = password.replace(b"\0", b"0")

    assert matches(hasher.using(rounds=1000, salt=salt).hash(password), password)


@pytest.mark.parametrize(
    ("encoded", "password"),
    [
        # Of the specification of SHA-2 crypt, and of passlib's documentation.
        ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
        (
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            "Hello world!",
        ),
        ("$P$8ohUJ.1sdFw09/bMaAQPTGDNi2BIUt1", "password"),
    ],
)
def test_published_vectors_hold(encoded, password):
    assert matches(encoded, password.encode())


def test_a_long_password_is_cut_where_bcrypt_cut_it():
    encoded = bcrypt_of(b"2b")("é" * 60)

    assert matches(encoded, ("é" * 60).encode())
    assert matches(encoded, ("é" * 36).encode())
    assert not matches(encoded, ("é" * 35).encode())


@pytest.mark.parametrize("name", MAKERS)
def test_a_nul_in_what_is_typed_breaks_nothing(name):
    _, make = MAKERS[name]

    assert not matches(make("right"), b"ri\0ght")


def test_bits_that_bcrypt_does_not_read_may_be_set():
    encoded = bcrypt_of(b"2b")("right")
    padded = {"O": "P", ".": "/", "e": "f", "u": "v"}

    assert matches(encoded[:28] + padded[encoded[28]] + encoded[29:], b"right")


SALT22, SUM31 = "a" * 22, "b" * 31


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("$2b$14$" + SALT22 + SUM31, "too_costly"),
        ("$2b$31$" + SALT22 + SUM31, "too_costly"),
        ("$2b$03$" + SALT22 + SUM31, "malformed"),
        ("$2x$10$" + SALT22 + SUM31, "malformed"),
        ("$2b$10$" + SALT22, "malformed"),
        ("$bcrypt-sha256$v=2,t=2b,r=30$" + SALT22 + "$" + SUM31, "too_costly"),
        ("pbkdf2_sha256$999999999$salt$" + "A" * 43 + "=", "too_costly"),
        ("pbkdf2_sha256$0$salt$" + "A" * 43 + "=", "malformed"),
        ("pbkdf2_sha256$1000$salt$QQ==", "malformed"),
        ("pbkdf2_md5$1000$salt$" + "A" * 43 + "=", "malformed"),
        ("$pbkdf2-sha256$i=1000,l=16$c2FsdA$" + "A" * 43, "malformed"),
        ("$pbkdf2-sha1$1500000$c2FsdA$" + "A" * 86, "too_costly"),  # four blocks
        ("$pbkdf2-sha256$1000$c2*FsdA$" + "A" * 43, "malformed"),
        ("$scrypt$ln=25,r=8,p=1$c2FsdA$" + "A" * 43, "too_costly"),
        ("$scrypt$ln=63,r=8,p=1$c2FsdA$" + "A" * 43, "too_costly"),
        ("$scrypt$ln=14,r=8,p=999$c2FsdA$" + "A" * 43, "too_costly"),
        ("$scrypt$ln=14,r=0,p=1$c2FsdA$" + "A" * 43, "malformed"),
        ("scrypt$16383$salt$8$1$" + "A" * 43 + "=", "malformed"),
        ("$6$rounds=999999999$salt$" + "A" * 86, "too_costly"),
        ("$6$rounds=10$salt$" + "A" * 86, "malformed"),
        ("$6$salt$" + "A" * 43, "malformed"),
        ("$P$Ssaltsalt" + "A" * 22, "too_costly"),
        ("$P$.saltsalt" + "A" * 22, "malformed"),
        ("$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43, "too_costly"),
        ("$argon2id$v=19$m=65536,t=999,p=1$c2FsdHNhbHQ$" + "A" * 43, "too_costly"),
        ("$argon2id$v=19$m=65536,t=0,p=1$c2FsdHNhbHQ$" + "A" * 43, "malformed"),
        ("$argon2d$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$" + "A" * 43, "malformed"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "too_weak"),
        ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "too_weak"),
        ("{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "too_weak"),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "too_weak"),
        ("Portail-2026!", "unknown"),
        ("", "unknown"),
        ("$6$salt$" + "A" * LONGEST, "malformed"),
        ("$2b$10$" + SALT22 + "b" * 30 + "\n", "malformed"),
        ("$2b$\u0661\u0660$" + SALT22 + SUM31, "malformed"),
    ],
)
def test_what_cannot_be_used_is_refused_for_a_reason(encoded, reason):
    with pytest.raises(Unusable) as refused:
        recognise(encoded)

    assert refused.value.reason == reason


@given(st.sampled_from(["$2b$", "$pbkdf2", "$scrypt$", "$6$", "$P$", "$argon2", "scrypt$", "pbkdf2_", ""]), st.text())
def test_no_text_breaks_the_reading(prefix, rest):
    assert kind_of(prefix + rest) in {"", "bcrypt", "pbkdf2", "scrypt", "sha2-crypt", "phpass", "argon2"}


@pytest.mark.parametrize(
    "encoded",
    [
        "$2y$13$" + SALT22 + SUM31,
        "pbkdf2_sha256$1200000$salt$" + "A" * 43 + "=",
        "$pbkdf2-sha512$210000$c2FsdA$" + "A" * 86,
        "$scrypt$ln=17,r=8,p=1$c2FsdA$" + "A" * 43,
        "scrypt$16384$salt$8$5$" + "A" * 86 + "==",
        "$6$rounds=656000$salt$" + "A" * 86,
        "$5$rounds=535000$salt$" + "A" * 43,
        "$P$Isaltsalt" + "A" * 22,
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHQ$" + "A" * 43,
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$" + "A" * 43,
    ],
)
def test_what_platforms_write_by_default_is_taken(encoded):
    assert kind_of(encoded)
