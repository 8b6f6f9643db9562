"""The pages, one module for each thing they are about. `AREAS` is every route of the portal."""

from parvis_web.access import Area
from parvis_web.pages import applications, home, organisations, sign_in

AREAS: tuple[Area, ...] = (sign_in.pages, organisations.pages, home.pages, applications.pages)
