"""The browser of whoever changed rights or advisers says so to whichever process of the gateway answers it next."""

import asyncio

from parvis_kit.ids import uuid7

NEW = "/o/cabinet-orsel/contacts/new"


def carried(person):
    """The cookie with revisions, as this browser sends it."""
    return [each for each in person.cookie_header.split("; ") if "-revisions=" in each]


async def test_what_one_process_learnt_the_next_one_is_told_by_the_browser(suite, portal):
    claire = await portal.activated("claire.orsel@orsel.example")
    (await claire.open("/o/cabinet-orsel/contacts")).raise_for_status()
    before = carried(claire)
    made = await claire.fill(NEW, {"kind": "client", "name": f"Révision {uuid7()}"})
    made.raise_for_status()
    after = carried(claire)
    assert after
    assert after != before
    killed = await asyncio.to_thread(suite.kill, "web")
    await asyncio.to_thread(suite.wait_healthy, "web", after=killed)
    (await claire.open(made.url.path)).raise_for_status()
    assert carried(claire) == after
