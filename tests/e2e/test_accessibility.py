"""Every page against WCAG 2.2, levels A and AA, with axe, in both themes."""

import pytest
from atlas import PLACES, activation
from axe_playwright_python.sync_playwright import Axe
from people import Person

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE = Axe()


def problems(someone: Person) -> list[str]:
    """What axe finds on the page in front: rule, element, why."""
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found = AXE.run(someone.page, options=options).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}" for each in found for node in each["nodes"]
    ]


def problems_of_colour(someone: Person) -> list[str]:
    """The same page in the dark: only colours differ."""
    someone.page.emulate_media(color_scheme="dark")
    someone.page.evaluate("Promise.allSettled(document.getAnimations().map((each) => each.finished)).then(() => null)")
    found = AXE.run(someone.page, options={"runOnly": ["color-contrast"], "resultTypes": ["violations"]})
    someone.page.emulate_media(color_scheme="light")
    return [
        f"dark: {node['target']} {node['failureSummary']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_page(reader_at, place):
    someone = reader_at(place.who)
    place.open(someone)
    assert not problems(someone) + problems_of_colour(someone)


def test_activation_page(reader_at, mails, suite):
    someone = reader_at(None)
    activation(mails, suite.addresses["portal"]).open(someone)
    assert not problems(someone) + problems_of_colour(someone)
