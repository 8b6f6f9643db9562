"""What is asked when metrics are read."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from reading import value

from parvis_watch.certificates import Certificates
from parvis_watch.probes import Probes
from parvis_watch.standing import Standing, Standings, TooNewError

QUIET = Standing(
    unsent=0, unsent_for=None, dead=0, failing=0, unsealed=0, first_unsealed=None, schema=["0002"], clock=0
)


async def test_many_readers_cost_one_question():
    asked = []

    async def probe():
        asked.append(1)

    probes = Probes(lasts=60)
    probes.add("counting", probe)
    for _ in range(3):
        await probes.ask()
    assert asked == [1]


async def test_a_probe_that_fails_says_so_and_hinders_no_other():
    asked = []

    async def fine():
        asked.append(1)

    async def fails():
        raise ConnectionError

    probes = Probes(lasts=0)
    probes.add("fails", fails)
    probes.add("fine", fine)
    await probes.ask()
    assert asked == [1]
    assert (value("parvis_probe_failed", probe="fails"), value("parvis_probe_failed", probe="fine")) == (1, 0)


def _standings(*answers, known=("0001", "0002"), newest=("0002",)):
    left = list(answers)

    async def ask():
        return left.pop(0)

    return Standings(ask, set(known), set(newest))


@pytest.mark.parametrize(("schema", "difference"), [(["0002"], 0), (["0001"], -1), ([], -1), (["0003"], 1)], ids=str)
async def test_a_schema_is_the_codes_or_behind_or_ahead(schema, difference):
    await _standings(replace(QUIET, schema=schema)).probe()
    assert value("parvis_schema_difference") == difference
    assert value("parvis_schema_info", database=" ".join(schema), code="0002") == 1


NEXT = "parvis:global: which migrations ran, for releases since 0002"
LATER = "parvis:global: which migrations ran, for releases since 0003"


@pytest.mark.parametrize("told", [NEXT, None, "parvis:global: which migrations ran"], ids=str)
async def test_a_release_runs_on_the_schema_of_the_next_one(told):
    ahead = replace(QUIET, schema=["0003"], told=told)
    standings = _standings(ahead, ahead)
    await standings.refuse()
    assert await standings.lagging() == ""


async def test_a_release_does_not_run_on_the_schema_of_a_later_one():
    ahead = replace(QUIET, schema=["0004"], told=LATER)
    standings = _standings(ahead, ahead, ahead)
    with pytest.raises(TooNewError, match="ahead by more than one release: it is at 0004, for releases that know 0003"):
        await standings.refuse()
    assert "this one ends at 0002" in await standings.lagging()
    assert await standings.lagging()  # it does not get used to it


async def test_a_database_that_cannot_be_asked_is_asked_again():
    standings = _standings()
    await standings.refuse()
    assert "cannot be used yet" in await standings.lagging()


async def test_only_the_last_answer_about_the_schema_is_told():
    standings = _standings(replace(QUIET, schema=["0001"]), QUIET)
    await standings.probe()
    await standings.probe()
    assert value("parvis_schema_info", database="0001", code="0002") == 0


async def test_entries_that_are_not_sealed_grow_older_until_the_first_of_them_is_sealed(monkeypatch):
    waits = replace(QUIET, unsealed=3, first_unsealed=7)
    standings = _standings(waits, waits, replace(waits, first_unsealed=8), QUIET)
    now = time.time()
    ages = []
    for later in (0, 40, 50, 60):
        monkeypatch.setattr("parvis_watch.standing.time.time", lambda later=later: now + later)
        await standings.probe()
        ages.append(value("parvis_audit_unsealed_seconds"))
    assert ages == [0, 40, 0, 0]


async def test_a_clock_that_is_ahead_is_seen(monkeypatch):
    monkeypatch.setattr("parvis_watch.standing.time.time", lambda: 1000.0)
    await _standings(replace(QUIET, clock=1002.5)).probe()
    assert value("parvis_clock_drift_seconds") == 2.5


async def test_a_database_that_does_not_answer_is_down():
    with pytest.raises(IndexError):
        await _standings().probe()
    assert value("parvis_database_up") == 0


def _certificate(days):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "identity")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


async def test_the_earliest_end_of_a_file_counts_and_a_file_that_was_replaced_is_read_again(tmp_path):
    file = tmp_path / "identity.pem"
    certificates = Certificates({"own": file})
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

    file.write_bytes(_certificate(90) + _certificate(30))
    await certificates.probe()
    assert value("parvis_certificate_end_timestamp_seconds", certificate="own") == start + 30 * 86400

    (tmp_path / "new.pem").write_bytes(_certificate(90))
    (tmp_path / "new.pem").replace(file)
    await certificates.probe()
    assert value("parvis_certificate_end_timestamp_seconds", certificate="own") == start + 90 * 86400
