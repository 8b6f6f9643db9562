"""Every route of the pages with real identifiers: its reader gets it, nobody else, and no form comes from elsewhere."""

import os
import re
from types import SimpleNamespace
from unittest.mock import patch

import pages_contacts  # noqa: F401 - registers its requests
import pages_sign_in  # noqa: F401 - registers its requests
import pytest
from browsing import is_way_in, is_way_out, look_as_oneself, succeeded
from cases import SCOPED
from pages import FILLS, PROVIDERS, ROUTES, asked, places_of, rightful
from people import FIRM, PROVIDER
from starlette.routing import Mount

from parvis_ui.pages import Pages
from parvis_web.main import application
from parvis_web.settings import WebSettings

#: Routes outside of the areas, each with why it needs no rule.
OPEN = {
    "/assets": "files of the design system, the same for everybody",
    "/preferences": "theme and language, kept in a cookie of the browser that asks",
    "/styleguide": "the components with invented content",
    "/o/{slug}": "adds the slash",
}
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

#: What is read with an effect: browsers without scripts come back from the store with GET.
EFFECTIVE = {
    "GET /o/{slug}/contacts/{id}/folders/{folder_id}/uploads/{upload_id}",
}

#: Addresses whose parts name what every firm has: a product of the provider, a kind of mail.
EVERYBODYS = (
    "/o/{slug}/applications/{id}/assign-to-me",
    "/o/{slug}/settings/applications/{id}",
    "/o/{slug}/settings/referents/{duty}",
    "/o/{slug}/settings/sign-in/mapping/rules/{place}",
    "/o/{slug}/settings/templates/{kind}/{locale}",
    "/o/{slug}/settings/templates/{kind}/{locale}/reset",
)
#: Who may do something here although the rule of the page is not written for them.
ALLOWED = {
    ("POST /o/{slug}/contacts/new", "out-of-scope"): "whoever edits contacts may make one for a colleague",
    ("POST /o/{slug}/account", "other-client"): "their own names and language",
    ("POST /o/{slug}/account/sessions/end-others", "other-client"): "their own devices",
    ("POST /o/{slug}/account/sessions/end-others", "other-firm-at-home"): "their own devices",
}

REFUSED, OWN, SIGN_IN = "refused", "their own", "the way in"


def readers(name):
    """Who must not get a route, and what they get instead."""
    route = ROUTES[name]
    rule, reads, bare = route.rule, name.startswith("GET "), "{" not in route.path.replace("{slug}", "")
    if rule.who == "anyone":
        return {}
    found = {"signed-out": SIGN_IN}
    if not rule.inside:
        return found
    found |= dict.fromkeys(("other-firm", "other-firm-client", "cut-member", "cut-client"), REFUSED)
    found["requested-member"] = REFUSED
    if rule.right in PROVIDERS:
        return found | dict.fromkeys(("administrator", "administrator-at-home", "provider-no-right"), REFUSED)
    found["other-firm-at-home"] = OWN if bare or route.path in EVERYBODYS else REFUSED
    if rule.right:
        found["no-right"] = REFUSED
    if rule.right in SCOPED:
        found["out-of-scope"] = OWN if bare else REFUSED
        if not reads and not bare:
            found["reader"] = REFUSED
    if rule.who == "staff":
        return found | dict.fromkeys(("client", "other-client"), REFUSED)
    return found | {"other-client": OWN if bare else REFUSED}


FORGED = ("without-csrf", "without-csrf-unnamed", "csrf-of-another", "foreign-origin", "foreign-origin-with-csrf")
WRONG = {
    (name, reader): each for name in ROUTES for reader, each in readers(name).items() if (name, reader) not in ALLOWED
}
FORMS = [name for name, route in ROUTES.items() if not name.startswith("GET ") and route.rule.who != "anyone"]


#: What would leave nothing to try on is asked for wrongly: its reader is told so, on its page.
WRONGLY = {"POST /o/{slug}/settings/data/closing"}


def heard(name, answer):
    """Whether a route did what its reader asked for."""
    return answer.status_code == 422 if name in WRONGLY else succeeded(answer)


class Trials:
    """The request of each route for the wrong readers; its rightful reader has sent another one of the kind before."""

    def __init__(self, stage, nobody):
        self.stage = stage
        self.nobody = nobody  # a browser in which nobody is signed in
        self._found = {}

    async def of(self, name):
        if name not in self._found:
            first = await self.send(await asked(self.stage.world, name), rightful(name))
            self._found[name] = (first, await asked(self.stage.world, name))
            await self.stage.ledger.quiet()
        return self._found[name]

    async def send(self, request, reader, *, csrf=None, sender=""):
        """As somebody by name: "other-firm", or "other-firm-at-home" in their own organisation."""
        cast = self.stage.cast
        if reader == "signed-out":
            self.nobody.cookies.clear()
            return await request.send(self.nobody, cast.portal.url, "a-token-of-nobody")
        member = await cast.reader(reader.removesuffix("-at-home"))
        if reader.endswith("-at-home"):
            home = cast.slug_of(member)
            request = request.at(PROVIDER, home).at(FIRM, home)
        http = member.person._http
        answer = await request.send(http, cast.portal.url, member.csrf if csrf is None else csrf, sender=sender)
        look_as_oneself(http)
        return answer

    async def opened(self, reader):
        """Somebody has the portal open: signing in changes rows too."""
        if reader != "signed-out":
            await self.stage.cast.reader(reader.removesuffix("-at-home"))
        if reader.startswith("cut-"):  # made anew, maybe: the others hear of it a moment later
            await self.stage.ledger.quiet()

    async def changed_by(self, act):
        """What a request answers, and what of the firm it changed, everywhere."""
        return await self.stage.ledger.changed_by(act, self.stage.cast.firm)


@pytest.fixture(scope="session")
async def trials(stage, http):
    await stage.world.open_pages()
    return Trials(stage, http)


@pytest.fixture(scope="session")
def app(suite):
    """The application, wired to nothing: its routes are what is looked at."""
    with patch.dict(os.environ, suite.environment("web")):
        portal = SimpleNamespace(pages=Pages("parvis_web"), settings=WebSettings())
    return application(portal)


def test_every_route_of_the_application_has_a_rule(app):
    known = {route.path for route in ROUTES.values()} | set(OPEN)
    assert {route.path for route in app.routes} <= known
    assert {route.path for route in app.routes if isinstance(route, Mount)} == {"/assets"}


def test_every_route_has_its_identifiers(world):
    filled = set(FILLS) | {f"GET {path}" for path in places_of(world)}
    silent = [
        name
        for name, route in ROUTES.items()
        if name not in filled
        and route.rule.who != "anyone"
        and (not name.startswith("GET ") or "{" in route.path.replace("{slug}", ""))
    ]
    assert silent == [], "each has its place in tests/isolation/pages.py or pages_contacts.py"
    assert [name for name in FILLS if name not in ROUTES] == []


@pytest.mark.parametrize(("name", "reader"), WRONG, ids=[f"{name}-as-{reader}" for name, reader in WRONG])
async def test_a_wrong_reader_gets_nothing(trials, name, reader):
    first, request = await trials.of(name)
    assert heard(name, first), f"its reader got {first.status_code}: the case does not count"
    hidden = await trials.stage.hidden(reader)
    await trials.opened(reader)

    if request.reads and name not in EFFECTIVE:
        answer, changed = await trials.send(request, reader), set()
    else:
        answer, changed = await trials.changed_by(lambda: trials.send(request, reader))

    known = _UUID.findall(f"{request.path} {request.values} {request.body}")
    assert not (set(_UUID.findall(answer.text)) & hidden) - set(known)
    assert answer.status_code < 500
    if WRONG[name, reader] is SIGN_IN:
        assert is_way_in(answer) or answer.status_code == 401
    elif WRONG[name, reader] is REFUSED:
        assert answer.status_code in {401, 403, 404} or is_way_in(answer) or is_way_out(answer), answer.status_code
    assert changed == set()


@pytest.mark.parametrize("how", FORGED)
@pytest.mark.parametrize("name", FORMS)
async def test_a_form_from_elsewhere_is_not_taken(trials, name, how):
    first, request = await trials.of(name)
    assert heard(name, first), f"its reader got {first.status_code}: the case does not count"
    reader = rightful(name)
    csrf = {"csrf-of-another": (await trials.stage.cast.reader("other-firm")).csrf, "foreign-origin-with-csrf": None}
    sender = {"without-csrf-unnamed": "unnamed"} | dict.fromkeys(FORGED[3:], "http://elsewhere.example")

    answer, changed = await trials.changed_by(
        lambda: trials.send(request, reader, csrf=csrf.get(how, ""), sender=sender.get(how, ""))
    )

    assert answer.status_code in {401, 403}
    assert changed == set()


@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.rule.who != "anyone"])
async def test_its_reader_succeeds_after_all_the_others(trials, name):
    _, request = await trials.of(name)

    answer = await trials.send(request, rightful(name))

    assert heard(name, answer), f"{answer.status_code} {answer.headers.get('location', '')}"


async def test_signing_out_is_not_done_by_another_site(stage):
    member = await stage.cast.reader("administrator")
    address = f"{stage.cast.portal.url}/auth/sign-out"

    answer = await member.person._http.post(address, headers={"Origin": "http://elsewhere.example"})

    assert answer.status_code == 403
    assert (await member.person._http.get(f"{stage.cast.portal.url}/o/{FIRM}/")).status_code == 200


async def test_nobody_sets_the_portal_up_again(stage, http):
    origin = stage.cast.portal.url
    typed = {
        "organisation_name": "Isolation",
        "given_name": "Iso",
        "family_name": "Lation",
        "mail": "iso@isolation.example",
    }
    for token, status in ((stage.cast.context.setup_token, 409), ("another", 422)):
        answer = await http.post(f"{origin}/setup", data=typed | {"setup_token": token}, headers={"Origin": origin})
        assert answer.status_code == status


@pytest.mark.parametrize("path", ["/metrics", "/health/ready", "/health/live"])
async def test_what_is_for_operators_is_not_on_the_portal(stage, http, path):
    assert (await http.get(f"{stage.cast.portal.url}{path}")).status_code == 404
