"""Settings of billing, beside those that every service has."""

from collections.abc import Mapping
from typing import ClassVar

from parvis_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """From the environment, prefix `PARVIS_`."""

    service: ClassVar[str] = "billing"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        "parvis.billing.v1.InvoiceService": frozenset({"web"}),
        "parvis.billing.v1.EntitlementService": frozenset({"web"}),
    }

    #: Pages are set in processes of their own, at most this many at once in one worker.
    typesetters: int = 2
