"""Settings of billing, beside those that every service has."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

import parvis_records
import parvis_trail
from parvis_records.retention import RetentionSettings


class Settings(RetentionSettings):
    """From the environment, prefix `PARVIS_`."""

    service: ClassVar[str] = "billing"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        **parvis_records.CALLERS,
        **parvis_trail.CALLERS,
        "parvis.billing.v1.InvoiceService": frozenset({"web"}),
        "parvis.billing.v1.EntitlementService": frozenset({"web"}),
    }

    #: Origin at which this service reaches the object store; empty: that of presigned addresses, as browsers do.
    store_internal_url: str = ""
    #: File of the authority that vouches for the store there, as documents is told it.
    store_ca: str = ""
    #: Pages are set in processes of their own, at most this many at once in one worker.
    typesetters: int = Field(default=2, ge=1, le=64)
