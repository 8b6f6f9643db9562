"""Relying parties of other projects, installed beside the suite: real ones, which know nothing of Parvis but what its
page hands out. The people and the browser are those of the end-to-end tests.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).parent))

from browsing import browser, person, tag
from installing import Installed, install
from parties import PARTIES, Party
from people import CLAIRE, HELENE, Person

__all__ = ["browser", "person", "tag"]


@pytest.fixture(scope="session")
def installed() -> Installed:
    """Everything that is not there yet is installed; what cannot be is a failure that says why."""
    return install()


@pytest.fixture(scope="module")
def running(suite, installed, person, tag) -> Iterator[Callable[[str], Party]]:
    """Starts a relying party by name, once: registered as a product by the provider's administrator, in the page, with
    the configuration that the page showed; subscribed by a firm, and assigned to its administrator.
    """
    there: dict[str, Party] = {}
    helene, claire = person(HELENE), person(CLAIRE)
    with tempfile.TemporaryDirectory(prefix="parvis-relying-parties-") as folder:
        Path(folder).chmod(0o755)  # a server that is started as root serves as somebody else

        def of(name: str) -> Party:
            if name not in there:
                party = there[name] = PARTIES[name](installed, Path(folder) / name, suite.addresses["portal"])
                sold(helene, claire, party, f"{name} {tag}")
                party.start()
            return there[name]

        yield of
        for party in there.values():
            party.stop()


def sold(helene: Person, claire: Person, party: Party, name: str) -> None:
    """From the form that registers a product to its place among somebody's applications."""
    helene.open("/o/cadrane/settings/products/new")
    page = helene.page
    page.locator("#f-name").fill(name)
    page.locator("#f-launch_url").fill(party.url)
    page.locator("#f-redirect_uris").fill(party.callback)
    page.locator("#f-post_logout_redirect_uris").fill(party.after_logout)
    page.locator("#f-backchannel_logout_uri").fill(party.told_at)
    helene.press("Enregistrer le logiciel")
    helene.reads_title(f"{name} est enregistré")
    page.get_by_text(party.framework, exact=True).click()
    party.configure(page.locator("pre:visible").inner_text())
    helene.open("/o/cadrane/customers")
    helene.follow("Cabinet Orsel")
    helene.row(name).get_by_role("link").click()
    helene.reads_title(name)
    helene.press("Ajouter à l’abonnement")
    helene.is_told("est enregistré")
    card = claire.page.locator(".product").filter(has_text=name).get_by_role("button", name="M’attribuer l’application")
    for _ in range(50):  # what was sold arrives a moment later
        claire.open("/o/cabinet-orsel/applications")
        if card.count():
            break
        claire.page.wait_for_timeout(200)
    card = claire.page.locator(".product").filter(has_text=name)
    claire.press("M’attribuer l’application", within=card)
