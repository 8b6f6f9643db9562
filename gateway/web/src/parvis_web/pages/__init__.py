"""The pages, one module for each thing they are about. `AREAS` is every route of the portal."""

from parvis_web.access import Area
from parvis_web.pages import (
    account,
    applications,
    cabinet,
    customers,
    home,
    legal,
    organisations,
    people,
    products,
    profiles,
    setup,
    sign_in,
)

AREAS: tuple[Area, ...] = (
    sign_in.pages,
    organisations.pages,
    home.pages,
    applications.pages,
    people.pages,
    profiles.pages,
    cabinet.pages,
    customers.pages,
    products.pages,
    account.pages,
    setup.pages,
    legal.pages,
)
