"""Every form of the portal's and of identity's pages with values that no browser would send, by who may send it: the
answer is a page, a refusal or another way, never an error of the server's.

Only `./parvis test fuzz --full` sends them. `PARVIS_FUZZ_SEED` draws others.
"""

import os
import random
from dataclasses import replace
from urllib.parse import quote

import pages_contacts  # noqa: F401 - registers its requests
import pages_sign_in  # noqa: F401 - registers its requests
import pytest
from altering import TEXTS
from browsing import csrf_of, is_way_in, look_as_oneself
from pages import ROUTES, asked, rightful
from people import FIRM
from test_identity_routes import FORMS as OF_IDENTITY
from test_identity_routes import NOBODYS

SEED = int(os.environ.get("PARVIS_FUZZ_SEED", "0"))
#: Requests that are drawn for each form, beside those whose body is none.
DRAWN = int(os.environ.get("PARVIS_FUZZ_DRAWN", "30"))
OF_PORTAL = [name for name, route in ROUTES.items() if not name.startswith("GET ") and route.rule.who != "anyone"]
#: Bodies that are no form: type and bytes.
BODIES = (
    ("", b""),
    ("application/x-www-form-urlencoded", b"%ff=%ff&csrf=%00&a=%"),
    ("application/x-www-form-urlencoded", b"a=b&" * 5000),
    ("application/x-www-form-urlencoded; charset=utf-16", b"a=b"),
    ("multipart/form-data", b"--x"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; filename="\x00"\r\n\r\n\r\n--x--'),
    ("application/json", b"{"),
    ("application/json", b"[" * 3000),
    ("application/json", b"[]"),
    ("text/plain; charset=\xff", b"csrf=\xff"),
)  # fmt: skip
pytestmark = pytest.mark.full


def changed(chance, values):
    """A copy of what a form sends with one to three of its fields changed, gone, doubled or new."""
    made = dict(values)
    for _ in range(chance.randint(1, 3)):
        name = chance.choice([*made, "id", "version", "act", "next", "\x00"])
        match chance.randrange(6):
            case 0:
                made.pop(name, None)
            case 1:
                made[name] = [chance.choice(TEXTS), chance.choice(TEXTS)]
            case 2:
                made[chance.choice(TEXTS)[:200]] = chance.choice(TEXTS)
            case _:
                made[name] = chance.choice(TEXTS)
    return made


async def bodies(http, url, csrf, origin):
    """What came back for each of BODIES."""
    for kind, content in BODIES:
        headers = {"Origin": origin, "X-CSRF": csrf, **({"Content-Type": kind.encode("latin-1")} if kind else {})}
        yield await http.post(url, content=content, headers=headers, follow_redirects=False)


def failed(answer, told):
    """What to say of an answer that is an error of ours."""
    return [f"{answer.status_code} for {told!r:.600}: {answer.text[:300]}"] if answer.status_code >= 500 else []


@pytest.fixture(scope="module")
async def opened(stage):
    await stage.world.open_pages()
    return stage


@pytest.mark.parametrize("name", OF_PORTAL)
async def test_a_form_of_the_portal(opened, standing, name):
    chance, cast, troubles = random.Random(f"{SEED} {name}"), opened.cast, []
    request = await asked(opened.world, name)
    for _ in range(DRAWN):
        member = await cast.reader(rightful(name))
        http = member.person._http
        if request.body is not None:
            told = replace(request, body=changed(chance, request.body))
        else:
            told = replace(request, values=changed(chance, request.values))
        answer = await told.send(http, cast.portal.url, member.csrf)
        look_as_oneself(http)
        troubles += failed(answer, told)
        if answer.is_redirect and not is_way_in(answer):  # it was done: there may be nothing left to do it to
            request = await asked(opened.world, name)
    member = await cast.reader(rightful(name))
    url = f"{cast.portal.url}{request.path}"
    async for answer in bodies(member.person._http, url, member.csrf, cast.portal.url):
        troubles += failed(answer, "a body that is no form")
    assert not troubles, "\n".join(troubles)[:4000]


@pytest.mark.parametrize("who", ["nobody", "administrator"])
@pytest.mark.parametrize("name", OF_IDENTITY)
async def test_a_form_of_identity(opened, standing, http, name, who):
    chance, cast, troubles = random.Random(f"{SEED} {name} {who}"), opened.cast, []
    url = cast.portal.url
    if who == "nobody":
        http.cookies.clear()
        csrf = csrf_of((await http.get(f"{url}/login")).text)
    else:
        http = (await cast.reader("administrator")).person._http
        csrf = csrf_of((await http.get(f"{url}/password", follow_redirects=True)).text)
    words = [*(each for each in TEXTS if each.isprintable() and "/" not in each), "A" * 43, NOBODYS, FIRM]
    path = name.split(" ")[1]
    right = path.format(slug=FIRM, token="A" * 43, id=NOBODYS, state="A" * 43)
    for _ in range(DRAWN):
        odd = {each: quote(chance.choice(words)[:500], safe="") for each in ("slug", "token", "id", "state")}
        address = right if chance.randrange(3) else path.format(**odd)
        values = changed(chance, OF_IDENTITY[name]) | {"csrf": csrf}
        answer = await http.post(f"{url}{address}", data=values, headers={"Origin": url}, follow_redirects=False)
        troubles += failed(answer, (address, values))
    async for answer in bodies(http, f"{url}{right}", csrf, url):
        troubles += failed(answer, "a body that is no form")
    assert not troubles, "\n".join(troubles)[:4000]


async def test_every_process_lives_and_no_log_holds_an_error(standing, ledger):
    await ledger.quiet()
    assert await standing.troubles() == []
