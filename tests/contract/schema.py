"""What a schema promises to code: read from a database, kept as a file at each release, compared.

At a release, the schema of that tree is what upgrades start from:

    PARVIS_RELEASE=1 .venv/bin/python -m pytest tests/contract/test_schema.py
    git add tests/contract/released.json services/*/migrations/released gateway/web/migrations/released
"""

import json
import re
from importlib.metadata import version
from pathlib import Path

from parvis_kit.migrations import migrations_folder, revisions

RELEASED = Path(__file__).with_name("released.json")
PACKAGES = ("identity", "tenancy", "documents", "notify", "billing", "web")

_OURS = "n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {} AND d.deptype = 'e')"
_COLUMNS = f"""
SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
       a.atthasdef OR a.attidentity <> '' AS has_default
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND {_OURS.format("c.oid")}"""  # noqa: S608 - constants
_CONSTRAINTS = """
SELECT c.relname AS table, k.conname AS name, pg_get_constraintdef(k.oid) AS says,
       ARRAY(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY(k.conkey)) AS columns
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND k.contype IN ('c', 'f', 'x')"""
_UNIQUE = """
SELECT c.relname AS table, regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') AS says,
       ARRAY(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY(i.indkey)) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND n.nspname = 'public'"""
_POLICIES = """
SELECT tablename AS table, policyname AS name, concat_ws(' ', permissive, cmd, qual, 'CHECK', with_check) AS says
FROM pg_policies WHERE schemaname = 'public'"""
_RIGHTS = """
SELECT c.relname AS table, coalesce(a.attname, '') AS column, x.privilege_type AS may
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
CROSS JOIN LATERAL (SELECT * FROM aclexplode(c.relacl) WHERE a.attname IS NULL
                    UNION ALL SELECT * FROM aclexplode(a.attacl) WHERE a.attname IS NOT NULL) x
WHERE n.nspname = 'public' AND x.grantee = $1::regrole
UNION SELECT c.relname, '', x.privilege_type
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) x
WHERE n.nspname = 'public' AND x.grantee = $1::regrole"""
_FUNCTIONS = f"""
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ') ' || pg_get_function_result(p.oid) AS says
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OURS.format("p.oid")}"""  # noqa: S608 - constants


async def read(connection, role):
    """What a database holds for the service's role `role`, as JSON has it."""
    tables = {}
    for row in await connection.fetch(_COLUMNS):
        says = [row["type"], *(["required"] if row["required"] else []), *(["default"] if row["has_default"] else [])]
        tables.setdefault(row["table"], {})[row["name"]] = " ".join(says)
    return {
        "tables": {name: dict(sorted(columns.items())) for name, columns in sorted(tables.items())},
        "constraints": {
            f"{row['table']} {row['name']}": [row["says"], *sorted(row["columns"])]
            for row in sorted(await connection.fetch(_CONSTRAINTS), key=lambda row: (row["table"], row["name"]))
        },
        "unique": {
            f"{row['table']} {row['says']}": sorted(row["columns"])
            for row in sorted(await connection.fetch(_UNIQUE), key=lambda row: (row["table"], row["says"]))
        },
        "policies": {
            f"{row['table']} {row['name']}": row["says"]
            for row in sorted(await connection.fetch(_POLICIES), key=lambda row: (row["table"], row["name"]))
        },
        "rights": sorted({f"{row['may']} {row['table']} {row['column']}".strip()
                          for row in await connection.fetch(_RIGHTS, role)}),
        "functions": sorted(row["says"] for row in await connection.fetch(_FUNCTIONS)),
    }  # fmt: skip


def breaks(before, after):
    """What code that was written for the schema `before` could not do on the schema `after`, one line each."""
    return [
        *_columns(before["tables"], after["tables"]),
        *_rules(before, after, "constraints", _constraint_holds),
        *_unique(before, after),
        *_rules(before, after, "policies", lambda old, new: old == new),
        *(f"the service may not {right} any more" for right in _missing(before["rights"], after["rights"])),
        *(f"the function {each} is gone" for each in _missing(before["functions"], after["functions"])),
    ]


def _missing(before, after):
    return sorted(set(before) - set(after))


def _columns(before, after):
    for table, columns in before.items():
        if table not in after:
            yield f"the table {table} is gone"
            continue
        for name, was in columns.items():
            now = after[table].get(name)
            if now is None:
                yield f"{table}.{name} is gone"
            elif _type(now) != _type(was):
                yield f"{table}.{name} was {_type(was)} and is {_type(now)}"
            elif _must_be_told(now) and not _must_be_told(was):
                yield f"{table}.{name} must be given now, by code that may leave it out"
            elif "required" in now and "required" not in was:
                yield f"{table}.{name} must not be null any more"
        for name in sorted(set(after[table]) - set(columns)):
            if _must_be_told(after[table][name]):
                yield f"{table}.{name} is new, must be given, and has no default: older code does not know it"


def _type(column):
    return column.removesuffix(" default").removesuffix(" required")


def _must_be_told(column):
    return "required" in column and "default" not in column


def _rules(before, after, kind, holds):
    """What a table forbids: older code knows what was forbidden, and nothing else."""
    for name, now in after[kind].items():
        table = name.partition(" ")[0]
        if table not in before["tables"]:
            continue
        was = before[kind].get(name)
        if was is None and isinstance(now, list) and set(now[1:]) - set(before["tables"][table]):
            continue  # about a column that older code leaves at its default
        if (
            was is None
            and str(now).startswith("PERMISSIVE ")
            and any(each.startswith(f"{table} ") for each in before[kind])
        ):
            continue  # it shows more beside what another policy shows; what it may show, tests/isolation decide
        if was is None or not holds(was, now):
            yield f"{table}: {name.partition(' ')[2]} is {'new' if was is None else 'another one'}: {now}"
    if kind == "policies":
        yield from (f"{name}: the policy is gone" for name in _missing(before[kind], after[kind]))


def _constraint_holds(was, now):
    """The same, or a list of words that has become longer."""
    words = [set(re.findall(r"'([^']*)'", each[0])) for each in (was, now)]
    shape = [re.sub(r"\s*NOT VALID$|'[^']*'(::\w+)?,?\s*", "", each[0]) for each in (was, now)]
    return shape[0] == shape[1] and words[0] <= words[1]


def _unique(before, after):
    for name in _missing(before["unique"], after["unique"]):
        yield f"{name} is unique no more: ON CONFLICT fails there"
    for name, columns in after["unique"].items():
        table = name.partition(" ")[0]
        known = before["tables"].get(table, {})
        if name not in before["unique"] and table in before["tables"] and set(columns) <= set(known):
            yield f"{name} is unique now: older code may write two"


def record(service, found):
    """From now on an upgrade starts here."""
    known = json.loads(RELEASED.read_text()) if RELEASED.exists() else {}
    services = (f"{json.dumps(name)}: {_block(kinds)}" for name, kinds in (known | {service: found}).items())
    RELEASED.write_text("{\n" + ",\n".join(services) + "\n}\n")
    package, release = f"parvis_{service}", version("parvis-kit")
    file = migrations_folder(package) / "released"
    others = [line for line in file.read_text().splitlines() if line.split()[0] != release]
    [newest] = revisions(package)[1]
    file.write_text("\n".join([*others, f"{release} {newest}"]) + "\n")


def _block(kinds):
    """JSON with a line for each table, rule and right: a release's changes are read there."""
    blocks = []
    for kind, entries in kinds.items():
        named = isinstance(entries, dict)
        lines = [f"{json.dumps(key)}: {json.dumps(entries[key])}" if named else json.dumps(key) for key in entries]
        blocks.append(f" {json.dumps(kind)}: {'{' if named else '['}\n  " + ",\n  ".join(lines))
        blocks[-1] += f"\n {'}' if named else ']'}"
    return "{\n" + ",\n".join(blocks) + "\n}"
