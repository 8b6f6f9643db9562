"""People and a relying party for a bench of identity: rows as sign-ins leave them, written at once.

The relying party is an ordinary confidential client (client_secret_basic, PKCE, refresh tokens that rotate), its tokens
are signed with ES256; nothing is switched off for it.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import argon2
from sqlalchemy import insert

from parvis_identity.domain import sessions as rules
from parvis_identity.domain.links import digest_of
from parvis_identity.models import Account, AccountKind, AccountState, Client, Credential, Grant, RefreshToken, Session
from parvis_identity.store.openid import save_client
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database
from parvis_local.demo.story import PASSWORD
from parvis_local.suite import Suite

REDIRECT_URI = "http://127.0.0.1:9/callback"
SCOPE = "openid profile email"


@dataclass(frozen=True, slots=True)
class Population:
    """Accounts whose password is `PASSWORD`, and the client that they sign in to."""

    database: Database
    accounts: list[Account]
    client: Client
    secret: str

    async def refresh_tokens(self, count: int) -> list[str]:
        """Refresh tokens of that many sign-ins, each of another account while there are enough."""
        now = datetime.now(UTC)
        sessions, grants, rows, tokens = [], [], [], []
        for number in range(count):
            account = self.accounts[number % len(self.accounts)]
            session = Session(
                digest=secrets.token_bytes(32), account_id=account.id, started_at=now, last_seen_at=now, auth_time=now,
                acr=rules.PASSWORD_ACR, amr=list(rules.PASSWORD_AMR), proof_at=now, device="Firefox, Linux",
            )  # fmt: skip
            grant = Grant(
                id=uuid7(), client_id=self.client.client_id, account_id=account.id, session_id=session.id, scope=SCOPE,
                auth_time=now, acr=session.acr, amr=session.amr, created_at=now,
            )  # fmt: skip
            tokens.append(secrets.token_urlsafe(32))
            sessions.append(session)
            grants.append(grant)
            rows.append(
                RefreshToken(
                    digest=digest_of(tokens[-1]),
                    grant_id=grant.id,
                    issued_at=now,
                    expires_at=now + rules.LIVES.absolute,
                )
            )
        async with self.database.begin(Caller("bench")) as unit:
            for model, made in ((Session, sessions), (Grant, grants), (RefreshToken, rows)):
                await unit.execute(insert(model), [row.model_dump() for row in made])
        return tokens


@asynccontextmanager
async def settled(suite: Suite, *, accounts: int, hasher: argon2.PasswordHasher) -> AsyncIterator[Population]:
    """`accounts` active personal accounts, with one hash of `hasher` for all: what differs is whose it is."""
    database = Database(suite.environment("identity")["PARVIS_DATABASE_URL"], service="identity")
    now, encoded, secret = datetime.now(UTC), hasher.hash(PASSWORD), secrets.token_urlsafe(32)
    people = [_person(now) for _ in range(accounts)]
    credentials = [{"account_id": each.id, "password_hash": encoded, "changed_at": now} for each in people]
    async with database.begin(Caller("bench")) as unit:
        await unit.execute(insert(Account), [each.model_dump() for each in people])
        await unit.execute(insert(Credential), credentials)
        client = Client(
            client_id=uuid7().hex, name="Mesure", secret_digest=digest_of(secret), redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code", "refresh_token", "client_credentials"], created_at=now,
        )  # fmt: skip
        await save_client(unit, client)
    try:
        yield Population(database, people, client, secret)
    finally:
        await database.close()


def _person(now: datetime) -> Account:
    mail = f"{secrets.token_hex(8)}@mesure.example"
    return Account(
        kind=AccountKind.PERSONAL, state=AccountState.ACTIVE, identifier=mail, identifier_key=mail, mail=mail,
        given_name="Anne", family_name="Roche", created_at=now, activated_at=now,
    )  # fmt: skip
