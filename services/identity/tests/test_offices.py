"""Many people behind one address: who gets in is held against nobody, and guessers cannot hide among them."""

import asyncio
from dataclasses import replace

import pytest
from identity_stage import PASSWORD, make_stage

from parvis_identity.domain.throttle import BY_ADDRESS, throttle_key, typed_key
from parvis_identity.service.sessions import Begun
from parvis_identity.service.sign_in import Refused
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import sessions as session_store
from parvis_kit.errors import ServiceError

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


async def failures_of(stage, key: bytes) -> int:
    async with stage.unit() as unit:
        return await session_store.failures(unit, key)


async def test_an_office_of_more_people_than_may_fail_signs_in_at_the_same_moment(stage):
    people = [await stage.person() for _ in range(BY_ADDRESS.free + 8)]
    visitor = Visitor("192.0.2.51", "", "")

    answers = await asyncio.gather(*(stage.passwords.sign_in(each.mail, PASSWORD, None, visitor) for each in people))

    assert {type(answer).__name__ for answer in answers} == {"Begun"}
    assert await failures_of(stage, throttle_key("address", visitor.address)) == 0


async def test_what_people_mistype_who_then_get_in_is_held_against_nobody_there(stage):
    people = [await stage.person() for _ in range(20)]
    visitor = Visitor("192.0.2.52", "", "")
    for each in people:  # sixty mistakes, which would close the door to everybody there
        for _ in range(3):
            assert isinstance(await stage.passwords.sign_in(each.mail, "Wrong-2026!", None, visitor), Refused)
        assert isinstance(await stage.passwords.sign_in(each.mail, PASSWORD, None, visitor), Begun)

    assert await failures_of(stage, throttle_key("address", visitor.address)) == 0


async def test_guesses_at_many_names_are_held_against_the_place_whoever_gets_in_there(stage):
    own, visitor = await stage.person(), Visitor("192.0.2.53", "", "")
    for number in range(30):
        await stage.passwords.sign_in(f"nobody-{number}@exemple.fr", "Wrong-2026!", None, visitor)
        assert isinstance(await stage.passwords.sign_in(own.mail, PASSWORD, None, visitor), Begun)

    assert await failures_of(stage, throttle_key("address", visitor.address)) == 30


async def test_a_browser_that_is_known_does_not_wait_for_the_place_that_it_is_at(stage):
    person, visitor = await stage.person(), Visitor("192.0.2.54", "", "")
    begun = await stage.passwords.sign_in(person.mail, PASSWORD, None, visitor)
    for number in range(BY_ADDRESS.free + 3):
        await stage.passwords.sign_in(f"nobody-{number}@exemple.fr", "Wrong-2026!", None, visitor)
    before = await failures_of(stage, throttle_key("address", visitor.address))

    stranger = await stage.passwords.sign_in(person.mail, PASSWORD, None, visitor)
    known = await stage.passwords.sign_in(person.mail, PASSWORD, None, replace(visitor, device=begun.device))
    colleague, same = await stage.person(), replace(visitor, device=begun.device)
    elsewhere = await stage.passwords.sign_in(colleague.mail, PASSWORD, None, same)

    assert [type(each).__name__ for each in (stranger, known, elsewhere)] == ["Refused", "Begun", "Refused"]
    assert await failures_of(stage, throttle_key("address", visitor.address)) == before > BY_ADDRESS.free


async def test_several_browsers_of_one_person_sign_in_at_once(stage):
    person = await stage.person()
    visitors = [Visitor(f"192.0.2.{number}", "", "") for number in range(60, 70)]

    answers = await asyncio.gather(*(stage.passwords.sign_in(person.mail, PASSWORD, None, each) for each in visitors))

    assert {type(answer).__name__ for answer in answers} == {"Begun"}


async def test_what_nobody_had_time_to_look_at_counts_for_nothing(database, stage):
    person, visitor = await stage.person(), Visitor("192.0.2.71", "", "")
    busy = await make_stage(database, hashing_threads=1, hashing_queue=-1)

    for _ in range(5):
        with pytest.raises(ServiceError, match="hashing_busy"):
            await busy.passwords.sign_in(person.mail, PASSWORD, None, visitor)

    assert await failures_of(stage, throttle_key("address", visitor.address)) == 0
    assert await failures_of(stage, typed_key("identifier", person.mail, None)) == 0
