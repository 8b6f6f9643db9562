"""What each table of the gateway is, about whom, how long it is kept, and what an erasure does with it."""

from typing import Final

from parvis_records.map import About, Erasure, Map, Table, Topic, aged

HOLDINGS: Final = Map(
    "web",
    (
        Table(
            name="web_sessions",
            holds="Browsers that are signed in to the portal; what they hold is sealed.",
            about=(About.PERSON,),
            topic=Topic.SIGN_IN,
            keep=aged(1, "expires_at"),
            erase=Erasure.DELETED,
            person="account_id = {account}",
            withheld="cookie_sha256 sealed",
            plain="account_id session_id started_at expires_at",
        ),
    ),
)
