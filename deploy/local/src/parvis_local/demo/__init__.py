"""The demonstration: a publisher and two firms with their people, clients, documents and invoices, all invented.

It is made through the public interfaces, as those people would make it: links from mails, passwords on pages, gRPC
with their tokens, bytes to the object store. Nothing is written into a database. Each step looks for what it makes
before making it, so an interrupted load goes on where it was.
"""

import json
from typing import TYPE_CHECKING

from parvis_local.demo import firms
from parvis_local.demo.portal import Portal
from parvis_local.demo.story import PASSWORD, PROVIDER

if TYPE_CHECKING:
    from parvis_local.demonstration import Context


async def load(context: "Context") -> None:
    """Fills an empty suite; see the module."""
    async with Portal(context) as portal:
        context.report("Éditeur : Cadrane")
        provider = await firms.make_provider(portal)
        products = await firms.make_products(portal, provider)
        await firms.open_requests(portal, provider)
        for firm in PROVIDER.customers:
            context.report(f"Cabinet : {firm.name}")
            await firms.make_firm(portal, provider, firm, products)
    logins = [
        {
            "who": person.full_name,
            "address": portal.url,
            "identifier": person.mail,
            "password": PASSWORD,
            "note": person.note,
        }
        for person in PROVIDER.people_who_sign_in()
    ]
    logins += [
        {
            "who": f"{access.person.full_name}, {access.contact}",
            "address": f"{portal.url}/login/{access.slug}",
            "identifier": access.identifier,
            "password": PASSWORD,
            "note": "client, accès portail",
        }
        for access in PROVIDER.accesses_that_sign_in()
    ]
    context.logins_file.write_text(json.dumps({"logins": logins}, ensure_ascii=False, indent=2) + "\n")
