"""Who may do what at NATS: one user for the operator's commands, one for each service, which publishes its own
events and no others.

A service reads all events through consumers, hears answers at addresses of its own, and makes the stream where there is
none. It cannot change, empty or delete the stream, nor publish what another service says. What NATS cannot tell apart
is whose consumer is whose: names of consumers are one word, so a service could take another's deliveries.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from parvis_kit.broker import STREAM

#: What a service that has erased says.
_ANSWERS = ("records.v1.RecordsErased", "records.v1.OrganisationRecordsErased")
#: Events of the contract that all share, and one of identity's: who says them beside their own.
_SHARED = {
    "identity": ("records.v1.AccountErased", *_ANSWERS),
    # It cuts accesses, and says behind them that they were said.
    "tenancy": (
        *("records.v1.PersonErased", "records.v1.ContactErased", "records.v1.OrganisationErased"),
        "records.v1.RecordsErased",
        "identity.v1.RevocationHeartbeat",
    ),
    "documents": _ANSWERS,
    "notify": _ANSWERS,
    "billing": _ANSWERS,
}
#: Of one stream: what it is, its consumers, their deliveries.
_READING = (
    f"$JS.API.STREAM.INFO.{STREAM}",
    f"$JS.API.STREAM.CREATE.{STREAM}",
    f"$JS.API.CONSUMER.CREATE.{STREAM}.*",
    f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.*",
    f"$JS.API.CONSUMER.INFO.{STREAM}.*",
    f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.*",
    f"$JS.ACK.{STREAM}.>",
)
#: Spreads the stream over more servers, once there are (PARVIS_BROKER_REPLICAS): one service does that.
_SPREADS = ("tenancy", f"$JS.API.STREAM.UPDATE.{STREAM}")


def users(operator: tuple[str, str], services: Mapping[str, str]) -> list[dict[str, Any]]:
    """NATS' list: the operator's name and password, and the password of each service."""
    name, password = operator
    return [
        {"user": name, "password": password},
        *({"user": each, "password": word, "permissions": permissions(each)} for each, word in services.items()),
    ]


def permissions(service: str) -> dict[str, Sequence[str]]:
    """What the user of a service may do. The pages publish nothing."""
    own = [] if service == "web" else [f"parvis.{service}.>"]
    said = [f"parvis.{event}" for event in _SHARED.get(service, ())]
    spreads = [_SPREADS[1]] if service == _SPREADS[0] else []
    return {"publish": [*own, *said, *_READING, *spreads], "subscribe": [f"_INBOX.parvis.{service}.>"]}


def configuration(operator_url: str, services: Mapping[str, str]) -> str:
    """The file of users, from the addresses of the operator and of each service. Raises ValueError for one that names
    no user: NATS would let anybody in as somebody who may do all.
    """

    def known(name: str, url: str) -> tuple[str, str]:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if not (parts.username and parts.password):
            raise ValueError(f"{name} is no address such as nats://user:password@host:4222. Nothing was changed.")
        return parts.username, parts.password

    passwords = {name: known(f"{name}_nats_url", url)[1] for name, url in services.items()}
    told = users(known("nats_url", operator_url), passwords)
    lines = ",\n  ".join(json.dumps(each) for each in told)
    return f"authorization {{ users: [\n  {lines}\n] }}\n"
