"""A firm of a test's own, made by the provider's administrator: what is set up there is in nobody's way."""

import re
from dataclasses import dataclass

from acts import activate
from letters import Mailbox
from people import Identity, Person
from test_accessibility import problems, problems_of_colour


@dataclass(frozen=True, slots=True)
class Firm:
    """A firm and its administrator, who is signed in."""

    name: str
    slug: str
    administrator: Person

    @property
    def base(self) -> str:
        """What its addresses begin with."""
        return f"/o/{self.slug}"

    @property
    def sign_in(self) -> str:
        """Where its sign-in is set up."""
        return f"{self.base}/settings/sign-in"


def found(helene: Person, administrator: Person, mails: Mailbox, name: str) -> Firm:
    """From the form of a new customer to the first page that its administrator sees."""
    given, _, family = administrator.who.name.partition(" ")
    mark = mails.now()
    helene.open("/o/cadrane/customers/new")
    helene.page.locator("#f-name").fill(name)
    helene.page.locator("#f-administrator_given_name").fill(given)
    helene.page.locator("#f-administrator_family_name").fill(family)
    helene.page.locator("#f-administrator_mail").fill(administrator.who.identifier)
    helene.press("Créer et inviter")
    helene.is_told(f"{name} est créé")
    activate(administrator, mails.wait(administrator.who.identifier, since=mark))
    slug = re.search(r"/o/([\w-]+)/", administrator.page.url)
    assert slug, administrator.page.url
    return Firm(name, slug[1], administrator)


def administrator_of(tag: str, given: str = "Solen") -> Identity:
    """Somebody whom no other run knows."""
    return Identity(f"{given} Kerjean", f"{given.lower()}.{tag}@kerjean.example")


def is_for_everybody(someone: Person) -> None:
    """Nothing that axe finds, in light and dark, and nothing beside the edge."""
    assert not problems(someone) + problems_of_colour(someone)
    assert someone.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def pasted(someone: Person, label: str) -> str:
    """A value that the guide shows to be pasted elsewhere."""
    return someone.page.locator(".paste > div").filter(has_text=label).locator(".copy-text").inner_text()
