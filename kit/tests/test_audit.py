"""The chain of the audit trail breaks when a sealed row is changed, removed, moved or added; erasing keeps it."""

import asyncio
from functools import partial
from hashlib import sha256

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parvis_kit import audit
from parvis_kit.audit import ERASED, NOBODY, canonical, content, seal, seal_for_ever, verify, verify_all
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually, make_caller, running

#: What somebody with all rights may do to the rows of an organisation: $1; and to row number $2.
FORGERIES = {
    "act": "UPDATE audit SET act = act || '!' WHERE organisation_id = $1 AND seq = $2",
    "who": "UPDATE audit SET account_id = gen_random_uuid() WHERE organisation_id = $1 AND seq = $2",
    "when": "UPDATE audit SET at = at + interval '1 microsecond' WHERE organisation_id = $1 AND seq = $2",
    "details": 'UPDATE audit SET details = \'{"n": "other"}\' WHERE organisation_id = $1 AND seq = $2',
    "details erased, salt kept": "UPDATE audit SET details = NULL WHERE organisation_id = $1 AND seq = $2",
    "content digest": "UPDATE audit SET content_digest = sha256('x') WHERE organisation_id = $1 AND seq = $2",
    "digest": "UPDATE audit SET digest = sha256('x') WHERE organisation_id = $1 AND seq = $2",
    "salt": "UPDATE audit SET salt = NULL WHERE organisation_id = $1 AND seq = $2",
    "removed": "DELETE FROM audit WHERE organisation_id = $1 AND seq = $2",
    "unsealed": "UPDATE audit SET seq = NULL WHERE organisation_id = $1 AND seq = $2",
    "cut off": "DELETE FROM audit WHERE organisation_id = $1 AND seq >= $2",
    "renumbered": "UPDATE audit SET seq = seq + 1000 WHERE organisation_id = $1 AND seq = $2",
}


async def record(database, organisation, count):
    async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
        for number in range(count):
            unit.record("note.written", target_kind="note", target_id=uuid7(), n=str(number), é="à")


@pytest.fixture(scope="module")
async def superuser(database_urls):
    connection = await asyncpg.connect(database_urls.superuser)
    await connection.execute("SET session_replication_role = replica")  # triggers do not stop who has all rights
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def service(database_urls):
    connection = await asyncpg.connect(database_urls.service)
    yield connection
    await connection.close()


async def sealed(database, service, count):
    """An organisation with a chain of `count` rows."""
    organisation = uuid7()
    await record(database, organisation, count)
    while await seal(service):
        pass
    return organisation


async def test_the_sealer_seals_what_was_committed_for_each_organisation(database, database_urls, service):
    organisations = [uuid7() for _ in range(3)]
    async with running(partial(seal_for_ever, database_urls.service, source="sample")):
        for _ in range(3):
            await asyncio.gather(*(record(database, organisation, 4) for organisation in organisations))
        await eventually(lambda: all_sealed(service, organisations))
    for organisation in organisations:
        chain = await verify(service, organisation)
        assert not chain.problem
        assert (chain.seq, chain.erased, chain.unsealed) == (12, 0, 0)


async def all_sealed(service, organisations):
    chains = [await verify(service, organisation) for organisation in organisations]
    return all(chain.seq == 12 for chain in chains)


async def test_two_sealers_make_one_chain(database, database_urls, service):
    organisation = uuid7()
    second = await asyncpg.connect(database_urls.service)
    for _ in range(10):
        await record(database, organisation, 3)
        await asyncio.gather(seal(service), seal(second))
    await second.close()
    chain = await verify(service, organisation)
    assert not chain.problem
    assert (chain.seq, chain.unsealed) == (30, 0)


async def test_acts_outside_any_organisation_are_a_chain_of_their_own(database, service):
    async with database.begin(make_caller()) as unit:
        unit.record("login.failed", target_kind="account", target_id=uuid7())
    await seal(service)
    chain = await verify(service)
    assert not chain.problem
    assert chain.organisation_id == NOBODY
    assert chain.seq >= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forgery=st.sampled_from(sorted(FORGERIES)), length=st.integers(1, 6), data=st.data())
async def test_any_forgery_is_found(database, service, superuser, forgery, length, data):
    place = data.draw(st.integers(1, length))
    organisation = await sealed(database, service, length)
    assert not (await verify(service, organisation)).problem
    await superuser.execute(FORGERIES[forgery], organisation, place)
    chain = await verify(service, organisation)
    assert chain.problem, forgery
    assert chain.seq == place


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(2, 6), data=st.data())
async def test_two_rows_that_changed_places_are_found(database, service, superuser, length, data):
    first, second = sorted(data.draw(st.lists(st.integers(1, length), min_size=2, max_size=2, unique=True)))
    organisation = await sealed(database, service, length)
    swap = "UPDATE audit SET seq = $3 WHERE organisation_id = $1 AND seq = $2"
    for old, new in ((first, 999), (second, first), (999, second)):
        await superuser.execute(swap, organisation, old, new)
    chain = await verify(service, organisation)
    assert chain.problem
    assert chain.seq == first


async def erase(database, organisation, *places, said):
    async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
        query = "UPDATE audit SET details = NULL, salt = NULL WHERE seq = ANY($2) AND organisation_id = $1"
        await unit.fetch(query, organisation, list(places))
        if said:
            unit.record(ERASED, target_kind="acts", target_id=str(said))


async def test_erasing_details_keeps_the_chain(database, service):
    organisation = await sealed(database, service, 5)
    await erase(database, organisation, 3, 4, said=2)
    for unsealed in (1, 0):
        chain = await verify(service, organisation)
        assert not chain.problem
        assert (chain.seq, chain.erased, chain.unsealed) == (6 - unsealed, 2, unsealed)
        await seal(service)


@pytest.mark.parametrize("said", [0, 1])
async def test_what_was_erased_in_silence_is_found(database, service, said):
    organisation = await sealed(database, service, 5)
    await erase(database, organisation, 3, 4, said=said)
    assert (await verify(service, organisation)).problem == "more acts were erased than acts say"


@pytest.mark.parametrize("number", ["x", "-5", "", "²", "9" * 5000])
async def test_an_act_that_says_no_number_of_erased_acts_is_a_problem_of_its_chain(
    database, database_urls, service, number
):
    organisation = await sealed(database, service, 2)
    async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
        unit.record(ERASED, target_kind="acts", target_id=number)
    for _ in ("not sealed yet", "sealed"):
        found = {chain.organisation_id: chain for chain in await verify_all(database_urls.service)}
        assert (found[organisation].seq, found[organisation].problem) == (3, "it says no number of erased acts")
        await seal(service)


@pytest.mark.parametrize("forgery", ["act", "who", "when", "content digest", "digest"])
async def test_what_an_erased_act_was_stays_proven(database, service, superuser, forgery):
    organisation = await sealed(database, service, 4)
    await erase(database, organisation, 2, said=1)
    await superuser.execute(FORGERIES[forgery], organisation, 2)
    chain = await verify(service, organisation)
    assert (chain.seq, bool(chain.problem)) == (2, True)


def by_an_older_release(found, seq, previous):
    whole = sha256(found["salt"] + canonical(content(found))).digest()
    return whole, sha256(previous + seq.to_bytes(8) + whole).digest()


async def test_a_chain_that_an_older_release_began_goes_on_and_verifies(database, service, superuser, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(audit, "digests", by_an_older_release)
        organisation = await sealed(database, service, 3)
    async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
        erased = "UPDATE audit SET details = NULL, salt = NULL WHERE seq = 2 AND organisation_id = $1"
        await unit.fetch(erased, organisation)  # as it erased: in silence
    await record(database, organisation, 2)
    await seal(service)
    chain = await verify(service, organisation)
    assert (chain.problem, chain.seq, chain.erased) == ("", 5, 1)
    await erase(database, organisation, 1, 4, said=2)
    await seal(service)
    assert not (await verify(service, organisation)).problem
    await superuser.execute(FORGERIES["act"], organisation, 3)
    assert (await verify(service, organisation)).seq == 3


async def test_every_chain_is_verified_and_the_broken_one_is_named(database, database_urls, service, superuser):
    whole = await sealed(database, service, 2)
    broken = await sealed(database, service, 2)
    await superuser.execute(FORGERIES["act"], broken, 2)
    problems = {chain.organisation_id: chain.problem for chain in await verify_all(database_urls.service)}
    assert problems[broken]
    assert not problems[whole]
