"""One sign-out closes everything that one sign-in opened (P1): the product that is told ends its own session, and
nobody opens it again with what its browser still holds.
"""

import httpx
from people import CLAIRE, Person, until

HOME = "/o/cabinet-orsel/"


def opens_product(someone: Person, product: str) -> None:
    """From the home page, without another password."""
    someone.open(f"{HOME}applications")
    someone.page.get_by_role("article").filter(has_text="Patrimonia").get_by_role("link").first.click()
    someone.page.wait_for_url(f"{product}/")
    someone.sees("claire.orsel@orsel.example")


def is_known(someone: Person, product: str) -> bool:
    """Whether a request with the browser's cookies of the product finds somebody; the browser itself does nothing."""
    cookies = {each["name"]: each["value"] for each in someone.context.cookies(product)}
    return CLAIRE.identifier in httpx.get(product, cookies=cookies, trust_env=False).text


def test_signing_out_of_the_portal_signs_out_of_the_product(suite, person):
    product, claire = suite.addresses["product"], person(CLAIRE)
    opens_product(claire, product)
    assert is_known(claire, product)
    claire.open(HOME)
    claire.sign_out()
    until(lambda: not is_known(claire, product), "the end of the product's session")


def test_a_session_that_is_ended_from_another_device_ends_the_product_there(suite, person):
    product, office, home = suite.addresses["product"], person(CLAIRE), person(CLAIRE)
    for claire in (office, home):
        opens_product(claire, product)
    home.open("/o/cabinet-orsel/account")
    home.page.locator("form[action*='/account/sessions/'] button").first.click()  # the newest: the office
    until(lambda: not is_known(office, product), "the end of the product's session at the office")
    assert is_known(home, product)
