"""Requests of the pages about how an organisation's staff signs in."""

import secrets

from cases_sign_in import domain, provider
from pages import Sent, fills
from world import World

LIST = "/o/{slug}/settings/sign-in/directories"
ONE = f"{LIST}/{{id}}"


@fills(f"POST {LIST}/new")
async def new_directory(world: World) -> Sent:
    await provider(world)
    return Sent({}, {"template": "oidc", "name": "Isolation"})


@fills(f"POST {ONE}/here")
async def connect_directory(world: World) -> Sent:
    made = await provider(world)
    typed = {"issuer": world.cast.portal.url, "client_id": "isolation", "client_secret": "isolation"}
    return Sent({"id": made.id}, typed, f"{ONE}/here")


@fills(f"POST {ONE}/claims")
async def claims_of_directory(world: World) -> Sent:
    return Sent({"id": (await provider(world)).id}, {"groups": "roles"}, f"{ONE}/claims")


@fills(f"POST {ONE}/try")
async def try_directory(world: World) -> Sent:
    return Sent({"id": (await world.directory()).id}, {})


@fills(f"POST {ONE}/state")
@fills(f"POST {ONE}/delete")
@fills(f"POST {ONE}/keys")
async def directory(world: World) -> Sent:
    return Sent({"id": (await provider(world)).id}, {"state": "off"})


@fills("POST /o/{slug}/factor-later")
async def put_off_factor(_: World) -> Sent:
    return Sent({}, {})


DOMAINS = "/o/{slug}/settings/sign-in/domains"


@fills(f"POST {DOMAINS}/new")
async def new_domain(world: World) -> Sent:
    await domain(world)
    return Sent({}, {"name": f"{secrets.token_hex(6)}.isolation.example"})


@fills(f"POST {DOMAINS}/{{id}}/check")
@fills(f"POST {DOMAINS}/{{id}}/mail")
@fills(f"POST {DOMAINS}/{{id}}/remove")
async def mail_domain(world: World) -> Sent:
    return Sent({"id": (await domain(world)).id}, {})
