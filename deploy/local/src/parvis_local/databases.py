"""For each service a database that nobody else enters, a role that owns its tables, and one that owns nothing.

The same for every deployment: `./parvis up` makes them when its PostgreSQL starts, compose by `parvis/tools databases`.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import asyncpg

from parvis_local.credentials import DATABASES

EXTENSIONS = ("unaccent", "pg_trgm", "btree_gist")
#: Where a container finds its secrets.
SECRETS = Path("/run/secrets")


async def make_databases(
    url_of: Callable[[str], str], owners: Mapping[str, str], services: Mapping[str, str]
) -> list[str]:
    """Makes what is missing and sets the passwords; returns the services whose databases are new.

    `url_of`: the superuser's address of a database; `owners`, `services`: service → password of its two roles.
    """
    connection = await asyncpg.connect(url_of("postgres"))
    try:
        existing = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for service in DATABASES:
            owner, role = f"parvis_{service}_owner", f"parvis_{service}"
            await _make_role(connection, owner, owners[service])
            await _make_role(connection, role, services[service])
            if role not in existing:
                await connection.execute(f'CREATE DATABASE "{role}" OWNER "{owner}"')
                await connection.execute(f'GRANT CONNECT ON DATABASE "{role}" TO "{role}"')
        # The server's own databases too: whatever a role could leave there, the others would find. At each start, for
        # clusters that were made before this line.
        ours = ", ".join(f'"parvis_{service}"' for service in DATABASES)
        await connection.execute(f"REVOKE ALL ON DATABASE postgres, template1, {ours} FROM PUBLIC")
    finally:
        await connection.close()
    # All, not the new ones only: whoever made a database may have been stopped before its schema.
    await asyncio.gather(*(_make_schema(url_of, service) for service in DATABASES))
    return [service for service in DATABASES if f"parvis_{service}" not in existing]


async def _make_role(connection: "asyncpg.Connection[asyncpg.Record]", role: str, password: str) -> None:
    known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    action = "ALTER" if known else "CREATE"
    literal = password.replace("'", "''")
    await connection.execute(
        f"{action} ROLE \"{role}\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD '{literal}'"
    )


async def _make_schema(url_of: Callable[[str], str], service: str) -> None:
    owner, role = f"parvis_{service}_owner", f"parvis_{service}"
    connection = await asyncpg.connect(url_of(role))
    try:
        for extension in EXTENSIONS:
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        await connection.execute(f"""
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
            GRANT USAGE, CREATE ON SCHEMA public TO "{owner}";
            GRANT USAGE ON SCHEMA public TO "{role}";
            ALTER DEFAULT PRIVILEGES FOR ROLE "{owner}" IN SCHEMA public
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{role}";
            ALTER DEFAULT PRIVILEGES FOR ROLE "{owner}" IN SCHEMA public GRANT USAGE ON SEQUENCES TO "{role}";
        """)
    finally:
        await connection.close()


def main(secrets: Path = SECRETS) -> str:
    """Makes them on the server PARVIS_DATABASE_SERVER (host:port) with the passwords that the services' addresses in
    the files of `secrets` have. Returns one line about it; raises ValueError with what is wrong.
    """
    server = os.environ.get("PARVIS_DATABASE_SERVER", "postgres:5432")
    account = os.environ.get("PARVIS_DATABASE_SUPERUSER", "postgres")
    password = quote(_read(secrets, "database_superuser"), safe="")
    passwords = {
        kind: {service: _password(secrets, f"{service}_{kind}_url") for service in DATABASES}
        for kind in ("migration", "database")
    }

    def url_of(database: str) -> str:
        return f"postgresql://{account}:{password}@{server}/{database}"

    try:
        new = asyncio.run(make_databases(url_of, passwords["migration"], passwords["database"]))
    except asyncpg.InvalidPasswordError as error:
        raise ValueError(
            f"PostgreSQL at {server} does not accept the password of {account}. Its volume was made with another one: "
            "put that into the file database_superuser, or remove the volume if nothing in it is needed."
        ) from error
    except OSError as error:
        raise ValueError(f"PostgreSQL at {server} cannot be reached: {error}") from error
    return f"databases made: {', '.join(new)}" if new else "every database was there; passwords set"


def _read(secrets: Path, name: str) -> str:
    try:
        return (secrets / name).read_text().strip()
    except OSError as error:
        raise ValueError(f"The secret {name} is missing ({error.strerror}). Make it: ./parvis secrets") from error


def _password(secrets: Path, name: str) -> str:
    found = urlsplit(_read(secrets, name)).password
    if not found:
        raise ValueError(f"The secret {name} is no postgresql:// address with a password.")
    return unquote(found)
