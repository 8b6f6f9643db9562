"""A firm whose people sign in with its own provider, and a browser that does."""

import json
from typing import Any

import httpx
from identity_stage import Browser, Stage
from oidc_directory import Directory

from parvis_identity.models import ProviderKind, ProviderState, SsoProvider
from parvis_identity.service.organisations import Face
from parvis_identity.service.sso.oidc import secret_label


async def provider_of(stage: Stage, firm: Face, directory: Directory, **changes: Any) -> SsoProvider:
    """A provider of a firm, in use."""
    async with stage.unit() as unit:
        made = SsoProvider(
            organisation_id=firm.id, organisation_slug=firm.slug, kind=ProviderKind.OIDC, template="oidc",
            name="Annuaire", state=ProviderState.LIVE, issuer=directory.url, client_id=directory.client_id,
            metadata_document=json.dumps(directory.configuration), created_at=unit.now, changed_at=unit.now,
        )  # fmt: skip
        made.sealed_secret = stage.seal.seal(json.dumps([directory.secret]).encode(), secret_label(made))
        made.sqlmodel_update(changes)
        unit.add(made)
    return made


async def leave(browser: Browser, provider: SsoProvider, **query: str) -> str:
    """Presses the button: where the browser goes."""
    answer = await browser.get(f"/sso/{provider.id}/start", params=query)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def come_back(browser: Browser, provider: SsoProvider, answer: dict[str, str]) -> httpx.Response:
    """The provider sends the browser back."""
    return await browser.get(f"/sso/{provider.id}/callback", params=answer)


async def sign_in(browser: Browser, provider: SsoProvider, directory: Directory, **query: str) -> httpx.Response:
    """There and back."""
    return await come_back(browser, provider, directory.sign_in(await leave(browser, provider, **query)))
