"""The sign-in page and what follows an address, with one firm that has a directory and with 2,000 that have 5,000 mail
domains: in turns, on the same suite, so that whatever else the machine does reaches both.
"""

import asyncio
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import httpcore
from browsers import Browser
from machine import Watch, median, percentile, quietest, sized
from report import Figure, show
from stage import FIRM, running_suite, used

FIRMS, DOMAINS = 2_000, 5_000
ROUNDS, ASKED = sized(3, 1), sized(100, 40)
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_OURS = "measured.example"
_PROVIDERS = """
INSERT INTO sso_providers (id, organisation_id, organisation_slug, kind, template, name, state, position, issuer,
    client_id, sealed_secret, metadata_url, metadata_document, metadata_problem, claim_names, scope, accepts_amr,
    wants_encrypted, scim_match, forwards_logout, version, created_at, changed_at)
SELECT i, o, s, 'oidc', 'oidc', 'Annuaire', 'live', 0, '', '', '', '', '', '', '{}', '', false, false, '', true, 1,
       now(), now() FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS t(i, o, s)
"""
_DOMAINS = """
INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,
    created_at)
SELECT i, o, s, d, 'verified', 'dns', 't', '', now()
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS t(i, o, s, d)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds of each request: the page, what follows an address of the firm, and one of nobody's domain."""

    page: list[float]
    ours: list[float]
    nobodys: list[float]


async def ask(browser: Browser) -> Asked:
    """The same three requests again and again."""
    times = Asked([], [], [])
    for number in range(ASKED):
        token = _CSRF.search((await _timed(browser, times.page)).content.decode())[1]
        answer = await _timed(browser, times.ours, {"csrf": token, "identifier": f"p{number}@{_OURS}"})
        if b"/start?" not in answer.content:
            raise RuntimeError("An address of the firm did not lead to its provider.")
        await _timed(browser, times.nobodys, {"csrf": token, "identifier": f"p{number}@nobody.example"})
    return times


async def _timed(browser: Browser, into: list[float], form: dict[str, str] | None = None) -> httpcore.Response:
    began = time.perf_counter()
    answer = await browser.ask("/login", form)
    into.append(1000 * (time.perf_counter() - began))
    return answer


@asynccontextmanager
async def firms(connection: asyncpg.Connection, slug: str, count: int, domains: int, names: str):
    """So many firms with a live provider, and so many domains among them, while the block runs."""
    ids = [uuid4() for _ in range(count)]
    slugs = [slug if count == 1 else f"{slug}-{number}" for number in range(count)]
    await connection.execute(_PROVIDERS, [uuid4() for _ in ids], ids, slugs)
    owners = [number % count for number in range(domains)]
    listed = [names.format(number) for number in range(domains)]
    await connection.execute(
        _DOMAINS, [uuid4() for _ in owners], [ids[each] for each in owners], [slugs[each] for each in owners], listed
    )
    await connection.execute("ANALYZE sso_domains, sso_providers")
    try:
        yield
    finally:
        for table in ("sso_domains", "sso_providers"):
            await connection.execute(f"DELETE FROM {table} WHERE organisation_id = ANY($1)", ids)  # noqa: S608 - ours


async def main() -> None:
    """Measures and prints."""
    with running_suite() as suite:
        base = suite.environment("web")["PARVIS_IDENTITY_INTERNAL_URL"]
        connection = await asyncpg.connect(suite.superuser_url("identity"))
        async with (
            httpcore.AsyncConnectionPool(max_connections=8, keepalive_expiry=2.0) as pool,
            firms(connection, FIRM, 1, 1, _OURS),
        ):
            browser = Browser(pool, base, suite.addresses["portal"])
            await ask(browser)  # warms what is cached

            async def turn(_: int) -> tuple[Watch, tuple[Asked, Asked]]:
                with Watch(lambda: sum(used(suite).values())) as watch:
                    few = await ask(browser)
                    async with firms(connection, "bench", FIRMS - 1, DOMAINS - 1, "d{}.bench.example"):
                        many = await ask(browser)
                return watch, (few, many)

            rounds, note = await quietest(turn, ROUNDS)
        await connection.close()
    report(rounds, note)


def report(rounds: list[tuple[Asked, Asked]], note: str) -> None:
    """The table: medians, and how much faster one firm is."""
    figures = []
    for name, part in (("the sign-in page", "page"), ("an address of a firm with a directory", "ours"),
                       ("an address of nobody's domain", "nobodys")):  # fmt: skip
        one = median(median(getattr(few, part)) for few, _ in rounds)
        lots = median(median(getattr(many, part)) for _, many in rounds)
        figures.append(Figure(f"{name}, median", lots, "ms", baseline=one, ratio=one / lots, least_ratio=0.9))
        worst = median(percentile(getattr(many, part), 0.95) for _, many in rounds)
        figures.append(Figure(f"{name}, p95", worst, "ms"))
    title = f"Sign-in page with {FIRMS:,} firms and {DOMAINS:,} mail domains"
    show(title, figures, note, f"{datetime.now(UTC):%Y-%m-%d}; {ASKED} of each a turn; baseline: one firm, one domain")


if __name__ == "__main__":
    asyncio.run(main())
