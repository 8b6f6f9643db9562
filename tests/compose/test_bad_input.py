"""What an operator can get wrong: a container that cannot work says so in one line, or waits and says for what."""

import datetime as dt
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from engine import docker
from images import official
from stack import Stack

#: Seconds in which a service that cannot work has said so: its imports, and a look around.
SOON = 45.0
AHEAD = "9999_from_the_future"


@pytest.fixture
def wrong(stack: Stack, tmp_path: Path) -> Stack:
    """The same project with secrets of its own, to be spoilt."""
    shutil.copytree(stack.secrets, tmp_path / "secrets")
    other = replace(stack, folder=tmp_path)
    other.env_file.write_text("".join(f"{name}={value}\n" for name, value in other.settings.items()))
    return other


def spoil(file: Path, content: str) -> None:
    file.chmod(0o644)
    file.write_text(content)


def told(said: str, *words: str) -> bool:
    """Whether one line says all of it; a stack of calls is no answer."""
    assert "Traceback" not in said, said
    return any(all(word in line.lower() for word in words) for line in said.splitlines())


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("web_client_secret", "", "web_client_secret"),
        ("web_client_secret", "changeme", "web_client_secret"),
        ("web_database_url", "not an address", "database_url"),
    ],
)
def test_a_weak_or_empty_secret_stops_the_start_and_is_named(wrong: Stack, file, content, named):
    spoil(wrong.secrets / file, content)
    status, said = wrong.begin("web", SOON)
    assert status not in {0, None}, said
    assert told(said, "web does not start", named), said
    assert not content or content not in said, "the secret itself was printed"


def test_a_missing_secret_stops_the_start_and_is_named(wrong: Stack):
    (wrong.secrets / "web_client_secret").unlink()
    status, said = wrong.begin("web", SOON)
    assert status not in {0, None}, said
    assert told(said, "web_client_secret"), said


@contextmanager
def schema(stack: Stack, revision: str, since: str = "") -> Iterator[str]:
    """Billing's database says that it is at another revision, for releases that know `since`; the one it was at."""
    asked = "SELECT version_num, obj_description('alembic_version'::regclass) FROM alembic_version"
    ((now, comment),) = stack.sql("billing", asked)
    try:
        _set_schema(stack, revision, f"{comment.rpartition(' ')[0]} {since}" if since else comment)
        yield now
    finally:
        _set_schema(stack, now, comment)


def _set_schema(stack: Stack, revision: str, comment: str) -> None:
    stack.sql("billing", f"COMMENT ON TABLE alembic_version IS '{comment}'")
    stack.sql("billing", f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608 - of this file


def test_the_release_before_the_schema_s_works_on_and_says_so(stack: Stack):
    """The newer release's migrations come first, and an upgrade may be taken back: that is no reason to stop."""
    with schema(stack, AHEAD) as now:
        migrated, nothing = stack.begin("billing-migrate", SOON)
        status, said = stack.begin("billing", SOON / 2)
    assert migrated == 0, nothing
    assert status is None, said
    assert told(said, "schema_ahead", AHEAD, now), said


@pytest.mark.parametrize("container", ["billing", "billing-migrate"])
def test_a_release_two_before_the_schema_s_is_refused_in_a_line(stack: Stack, container):
    with schema(stack, AHEAD, since="9998_of_the_release_between"):
        status, said = stack.begin(container, SOON)
    assert status not in {0, None}, said
    assert told(said, "billing does not start", "ahead by more than one release", AHEAD, "9998_of"), said


def test_a_database_that_is_behind_is_waited_for_and_named(stack: Stack):
    with schema(stack, "0001") as now:
        said = stack.waits("billing", "behind", "0001", now)
    assert "migrate" in said


@pytest.mark.parametrize(
    ("secret", "address", "words"),
    [
        ("notify_nats_url", "nats://notify:0123456789abcdef0123@nobody:4222", ("nats cannot be reached",)),
        ("notify_database_url", "postgresql://parvis_notify:0123456789abcdef0123@nobody/x", ("postgresql", "cannot")),
    ],
)
def test_a_service_without_its_neighbours_waits_and_says_for_what(wrong: Stack, secret, address, words):
    spoil(wrong.secrets / secret, address)
    assert "Traceback" not in wrong.waits("notify", *words)


def test_a_certificate_that_ended_is_named_with_its_day(wrong: Stack):
    _renew(wrong.secrets, "billing", lambda now: now - dt.timedelta(days=1))
    status, said = wrong.begin("billing", SOON)
    assert status not in {0, None}, said
    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).date().isoformat()
    assert told(said, "billing does not start", "certificate", "expired", yesterday), said


def _renew(folder: Path, service: str, until: Callable[[dt.datetime], dt.datetime]) -> None:
    """A certificate like the one that is there, by the same authority, that ends at another moment."""
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "ca.key.pem").read_bytes(), None)
    old = x509.load_pem_x509_certificate((folder / f"{service}.pem").read_bytes())
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(authority.subject)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(until(now))
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    signed = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]  # our own authority's, an EC key
    spoil(folder / f"{service}.pem", signed.public_bytes(serialization.Encoding.PEM).decode())


PLACE = "/var/lib/postgresql/18/docker"


def test_a_volume_of_another_postgresql_is_refused_in_a_line_and_left_as_it_was(wrong: Stack):
    """One of release 18 that says that 16 made it: the server looks there before it looks at anything else."""
    # Of another address: compose makes all networks of a project, and this one's would be the other's.
    project = replace(wrong, name=f"parvis-older-{secrets.token_hex(3)}", base=wrong.base + 1)
    project.env_file.write_text("".join(f"{name}={value}\n" for name, value in project.settings.items()))
    volume, older = f"{project.name}_postgres:/var/lib/postgresql", f"{PLACE}/PG_VERSION"
    there = ("run", "--rm", "-v", volume, "--user", "999:999", "--entrypoint", "sh", official("postgres"), "-c")
    docker(*there, f"initdb -D {PLACE} && echo 16 > {older}")
    before = docker(*there, f"cd {PLACE} && find . -type f | sort | xargs md5sum").stdout
    try:
        status, said = project.begin("postgres", SOON)
        assert status not in {0, None}, said
        assert told(said, "fatal", "database files are incompatible with server"), said
        assert docker(*there, f"cd {PLACE} && find . -type f | sort | xargs md5sum").stdout == before
    finally:
        project.down()
