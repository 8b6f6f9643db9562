"""Which packages each member imports and which ones its pyproject.toml declares: what comes through another package
today is gone when that one changes its mind.
"""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import files, packages_distributions
from pathlib import Path

# What runs when a member is used or built; tests run with everything that the workspace's groups name.
PLACES = ("src", "migrations")
REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def problems(member: Path) -> list[str]:
    """What the member's pyproject.toml and imports disagree about, one sentence each.

    A package that is needed without an import (a program, a plugin of another package) has a comment that says so on
    its line or on the one above.
    """
    file = member / "pyproject.toml"
    text = file.read_text()
    needed = set(_requirements(tomllib.loads(text)["project"]))
    building = {normal(name) for name in tomllib.loads(text)["build-system"]["requires"]}
    found, used = list[str](), set[str]()
    for module, path in sorted(_imports(member).items()):
        distributions = _distributions(module)
        used |= distributions
        declared = needed | building if path.parent == member else needed
        if not distributions & declared:
            name = " or ".join(sorted(distributions)) or module
            found.append(f"{path}: imports {module}, but {file} does not ask for {name}")
    commented = set(_commented(text))
    found += [
        f"{file}: nothing imports {name}; remove it, or say in a comment beside it what needs it"
        for name in sorted(needed - used - commented)
    ]
    return found


def normal(requirement: str) -> str:
    """The name of a requirement as PEP 503 writes it: `SQLAlchemy[asyncio]>=2.1` → `sqlalchemy`."""
    name = REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""


def _requirements(project: Mapping[str, object]) -> Iterator[str]:
    asked = project.get("dependencies", ())
    extras = project.get("optional-dependencies", {})
    for group in (asked, *(extras.values() if isinstance(extras, dict) else ())):
        yield from map(normal, group if isinstance(group, list) else ())


def _commented(text: str) -> Iterator[str]:
    """Requirements with a reason: a comment behind them or on the line above."""
    above = ""
    for line in text.splitlines():
        if "#" in line or above.lstrip().startswith("#"):
            yield from map(normal, re.findall(r"\"([^\"]+)\"", line.partition("#")[0]))
        above = line


def _imports(member: Path) -> dict[str, Path]:
    """Modules of other packages (`google.protobuf` in full: several packages share `google`) and who imports them."""
    own = {path.name for path in member.glob("src/*")}
    sources = [*member.glob("*.py"), *(path for place in PLACES for path in sorted(member.glob(f"{place}/**/*.py")))]
    found: dict[str, Path] = {}
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            for name in _modules(node):
                if name.partition(".")[0] not in own | sys.stdlib_module_names:
                    found.setdefault(name, path)
    return found


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        names = [node.module] if "." in node.module else [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        top, second = (*name.split("."), "")[:2]
        yield f"{top}.{second}" if len(_owners().get(top, ())) > 1 else top


def _distributions(module: str) -> set[str]:
    """The installed packages that hold the module; of ours the names follow a rule, whether installed or not."""
    top = module.partition(".")[0]
    if top == "parvis":
        return {"parvis-protos"}
    if top.startswith("parvis_"):
        return {normal(top)}
    owners = _owners().get(top, set())
    if len(owners) > 1:
        prefix = module.replace(".", "/")
        owners = {name for name in owners if any(str(file).startswith(prefix) for file in files(name) or ())}
    return {normal(name) for name in owners}


_installed: dict[str, set[str]] = defaultdict(set)


def _owners() -> Mapping[str, set[str]]:
    if not _installed:
        _installed.update({top: set(names) for top, names in packages_distributions().items()})
    return _installed
