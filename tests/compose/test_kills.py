"""Containers that die come back by themselves, and what was answered before stays done, once."""

import asyncio
import re
import secrets
import time
from collections import Counter

import httpx
import pytest
from letters import Mailbox
from stack import ENGINES, OURS, Stack, in_a_thread, until

from parvis_local.demo.portal import Person, Portal

INVITE = "/o/cabinet-orsel/settings/people/invite"
#: Seconds in which somebody goes on clicking while the container is away.
ON = 4.0
BACK = 60.0
MARK = "killed-"


class Colleagues:
    """Claire, who invites one colleague after the other through the pages, whatever answers."""

    def __init__(self, claire: Person, profile: str) -> None:
        self._claire, self._profile = claire, profile
        self.acknowledged: list[str] = []
        self.tried: list[str] = []

    async def invite(self) -> bool:
        """One more, with a name of their own; whether the portal said that it is done."""
        mail = f"{MARK}{secrets.token_hex(6)}@orsel.example"
        self.tried.append(mail)
        given = {"mail": mail, "given_name": "Ève", "family_name": "Abel", "locale": "fr"}
        try:
            answer = await self._claire.fill(INVITE, {**given, "profile_id": self._profile})
        except httpx.HTTPError:
            return False
        if not answer.is_success or answer.url.path == INVITE:
            return False
        self.acknowledged.append(mail)
        return True

    async def until_it_works(self) -> float:
        """Seconds until an invitation is acknowledged again."""
        began = time.monotonic()
        while not await self.invite():
            assert time.monotonic() - began < BACK, f"nobody can be invited after {BACK:g} s"
            await asyncio.sleep(0.2)
        return time.monotonic() - began

    async def go_on(self, seconds: float) -> None:
        """Invites for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.invite()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("service", [*OURS, *ENGINES])
def test_a_container_that_dies_comes_back_and_nothing_is_lost_or_doubled(stack: Stack, mails: Mailbox, service):
    before = stack.inspect(service)["RestartCount"]
    colleagues = in_a_thread(_work_while_it_dies(stack, service))
    assert stack.inspect(service)["RestartCount"] > before
    assert len(colleagues.acknowledged) > 1

    listed = [mail for (mail,) in stack.sql("tenancy", "SELECT mail FROM memberships") if mail.startswith(MARK)]
    assert not set(colleagues.acknowledged) - set(listed), "an acknowledged invitation is lost"
    assert max(Counter(listed).values()) == 1
    _one_mail_each(stack, mails, colleagues)


async def _work_while_it_dies(stack: Stack, service: str) -> Colleagues:
    async with Portal(stack.context) as portal:
        claire = await portal.activated("claire.orsel@orsel.example", link=f"{stack.addresses['portal']}/legal")
        page = await claire.open(INVITE)
        profile = re.search(r'<option value="([0-9a-f-]{36})"[^>]*>\s*Back-office', page.text)
        assert profile, page.text
        colleagues = Colleagues(claire, profile[1])
        assert await colleagues.invite()
        going_on = asyncio.create_task(colleagues.go_on(ON))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(stack.crash, service)
        await going_on
        back = await colleagues.until_it_works()
        await asyncio.to_thread(stack.wait_healthy, service, patience=BACK)
    done, tried = len(colleagues.acknowledged), len(colleagues.tried)
    print(f"{service}: {done} of {tried} acknowledged, back after {back:.1f} s more")
    return colleagues


def _one_mail_each(stack: Stack, mails: Mailbox, colleagues: Colleagues) -> None:
    """A second copy only where the history says so: who dies between sending and noting it cannot know."""
    until(lambda: all(mails.all(mail) for mail in colleagues.acknowledged), "a mail for everybody", BACK)
    rows = stack.sql("notify", "SELECT recipient_mail FROM messages WHERE reason = 'maybe_sent_twice'")
    allowed = Counter(mail for (mail,) in rows)
    copies = {mail: len(mails.all(mail)) for mail in colleagues.tried}
    assert {mail: sent for mail, sent in copies.items() if sent > 1 + allowed[mail]} == {}
