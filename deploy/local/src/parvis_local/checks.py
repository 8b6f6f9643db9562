"""`./parvis check [NAME…]`: the quality gates. Each is a function that returns what is wrong, '' when nothing is."""

import hashlib
import importlib
import os
import re
import subprocess
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from parvis_local import declared, display, supply
from parvis_local.layout import ROOT, VENV_BIN

SHOWN_LINES = 30  # of each gate, when all are run
SOFT_LINES = 400
HARD_LINES = 600
# Contracts are not counted: one file names all that a service offers, and splitting it would rename what others import.
COUNTED = {".py", ".html", ".css", ".js", ".mjs", ".yml", ".md", ".typ", ".jinja"}
SERVICES = ("identity", "tenancy", "documents", "notify", "billing")
# Files of a few lines are alike by nature.
SMALLEST_DUPLICATE = 12


def run(names: Sequence[str]) -> int:
    """Runs the gates named, or all; one line each, then what is wrong. Returns 1 when one fails, 2 for a wrong name."""
    console = display.console()
    if unknown := [name for name in names if name not in GATES]:
        console.print(f"There is no gate {', '.join(unknown)}. Gates: {', '.join(GATES)}.")
        return 2
    chosen = list(names) or list(GATES)
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(_timed, chosen))
    failed = 0
    for name, (problem, remark, seconds) in zip(chosen, results, strict=True):
        sign, style = ("✗", "red") if problem else ("!", "bold yellow") if name in PARTS else ("✓", "green")
        title = (GATES[name].__doc__ or name).splitlines()[0].rstrip(".")
        console.print(f"[{style}]{sign}[/] {name:<13} {title}  [dim]{seconds:.1f} s{remark}[/dim]", soft_wrap=True)
        if problem:
            failed += 1
            lines = problem.rstrip().splitlines()
            shown = lines if names else lines[:SHOWN_LINES]
            console.print("\n".join(shown), markup=False, soft_wrap=True)
            if len(shown) < len(lines):
                console.print(f"… {len(lines) - len(shown)} lines more: ./parvis check {name}")
    for name in chosen:
        if name in PARTS:
            console.print(f"[bold yellow]! {name}: {PARTS[name]}[/]", soft_wrap=True)
    console.print(f"{len(chosen) - failed} passed, {failed} failed")
    return int(failed > 0)


def _timed(name: str) -> tuple[str, str, float]:
    began = time.monotonic()
    try:
        problem = GATES[name]()
    except Skipped as reason:
        return "", f", {reason}", time.monotonic() - began
    return problem, "", time.monotonic() - began


#: Gates of this run that could look at a part only → what they could not look at. Said loudly: it is no pass.
PARTS: dict[str, str] = {}


class Skipped(Exception):
    """A gate that has nothing to look at; the message says why."""


def lint() -> str:
    """Ruff, all rules on."""
    return _run("ruff", "check", "--quiet", "--output-format=concise", ".")


def formatting() -> str:
    """Code is formatted."""
    return _run("ruff", "format", "--check", "--quiet", "--output-format=concise", ".")


def types() -> str:
    """Mypy strict."""
    sources = [*sorted(ROOT.glob("services/*/src")), *sorted(ROOT.glob("gateway/*/src"))]
    shared = [ROOT / place / "src" for place in ("french", "watch", "kit", "advisers", "trail", "records")]
    deployed = [ROOT / "deploy" / place / "src" for place in ("backup", "local")]
    sources = [*shared, *sources, *deployed, ROOT / "protos" / "hatch_build.py"]
    return _run("mypy", "--no-error-summary", *(str(path.relative_to(ROOT)) for path in sources))


def imports() -> str:
    """Arrows between packages and layers."""
    return _run("lint-imports", "--no-cache")


def dependencies() -> str:
    """Each package declares what it imports, and no more."""
    members = (path.parent for path in [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("*/*/pyproject.toml")])
    found = [problem for member in sorted(members) for problem in declared.problems(member)]
    return "\n".join(found).replace(f"{ROOT}/", "")


def sizes() -> str:
    """No file over 600 lines."""
    long = sorted(((_lines(path), path) for path in tracked() if path.suffix in COUNTED), reverse=True)
    over = [f"{path.relative_to(ROOT)}: {count} lines" for count, path in long if count > HARD_LINES]
    soft = sum(count > SOFT_LINES for count, _ in long)
    if not over and soft:
        raise Skipped(f"{soft} over the soft limit of {SOFT_LINES}")
    return "\n".join(over)


def duplicates() -> str:
    """No file copied from one service to another."""
    seen = defaultdict[str, list[str]](list)
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        ours = {"services", "gateway", "french", "watch", "kit", "advisers", "trail", "records", "deploy"}
        if parts[0] not in ours or path.suffix not in {".py", ".html", ".js"}:
            continue
        if _lines(path) >= SMALLEST_DUPLICATE:
            seen[_essence(path)].append(str(path.relative_to(ROOT)))
    return "\n".join(" = ".join(paths) for paths in seen.values() if len(paths) > 1)


def _essence(path: Path) -> str:
    """A digest that does not see the names of services, comments at the top or blank lines."""
    text = re.sub("|".join(SERVICES), "SERVICE", path.read_text(), flags=re.IGNORECASE)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def contracts() -> str:
    """Buf lint."""
    return _run("buf", "lint", folder=ROOT / "protos")


def breaking() -> str:
    """Contracts stay compatible with the last release, or before one with the previous commit."""
    tags = _git("tag", "--list", "v*", "--sort=-version:refname").split()
    reference = tags[0] if tags else "HEAD~1"
    if not _git("ls-tree", "--name-only", f"{reference}:protos"):
        raise Skipped("no earlier contracts")
    commit = _git("rev-parse", reference).strip()
    return _run("buf", "breaking", "--against", f"{ROOT / '.git'}#ref={commit},subdir=protos", folder=ROOT / "protos")


def templates() -> str:
    """Lint of every template."""
    files = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix == ".html"]
    if not files:
        raise Skipped("no template yet")
    return _run("djlint", "--lint", "--quiet", "--configuration=pyproject.toml", *files)


def translations() -> str:
    """Every sentence has its French."""
    locales = [path for place in ("services", "gateway") for path in ROOT.glob(f"{place}/*/src/*/locale")]
    if not locales:
        raise Skipped("no translations yet")
    problems = [_run("python", "-m", "parvis_ui.translations", "check", path.parent.name) for path in locales]
    return "\n".join(problem for problem in problems if problem)


def rules() -> str:
    """Every RPC says who may call it."""
    missing = [
        f"{method.full_name} has no (parvis.access.v1.rule)"
        for service in _services()
        for method in service.methods
        if not _has_rule(method)
    ]
    return "\n".join(missing)


def _services() -> Iterator[ServiceDescriptor]:
    for file in sorted((ROOT / "protos" / "parvis").rglob("*.proto")):
        module = ".".join((*file.relative_to(ROOT / "protos").parent.parts, f"{file.stem}_pb2"))
        yield from importlib.import_module(module).DESCRIPTOR.services_by_name.values()


def _has_rule(method: MethodDescriptor) -> bool:
    access = importlib.import_module("parvis.access.v1.access_pb2")
    options = method.GetOptions()
    return bool(options.HasExtension(access.rule) and options.Extensions[access.rule].subject)


def lock() -> str:
    """requirements.lock holds what the packages ask for, and no address."""
    text = (ROOT / "requirements.lock").read_text()
    locked = {declared.normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}
    problems = [
        f"an address or a path: {line}" for line in re.findall(r"^.*(?:https?:|file:|@ ).*$", text, re.MULTILINE)
    ]
    for file in [ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml"), *ROOT.glob("*/*/pyproject.toml")]:
        project = tomllib.loads(file.read_text())
        asked = [*project.get("project", {}).get("dependencies", ())]
        asked += [name for group in project.get("dependency-groups", {}).values() for name in group]
        for requirement in asked:
            name = declared.normal(requirement)
            if name not in locked and not name.startswith("parvis-"):
                problems.append(f"{file.relative_to(ROOT)} asks for {requirement}: run ./parvis lock")
    return "\n".join(problems)


def audit() -> str:
    """What others made: hashes, licences, known vulnerabilities."""
    found = list(supply.problems())
    PARTS.pop("audit", None)
    try:
        found += supply.vulnerable(supply.document()["components"])
    except supply.NotAsked as reason:
        if os.environ.get("PARVIS_AUDIT") == "required":
            found.append(str(reason))
        else:
            PARTS["audit"] = f"NOT COMPARED WITH KNOWN VULNERABILITIES: {reason}. Hashes and licences were checked."
    return "\n".join(found)


def tracked() -> list[Path]:
    """Files of the repository: those in git and new ones that are not ignored."""
    names = _git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    return [path for name in sorted(set(names)) if name and (path := ROOT / name).is_file()]


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _git(*arguments: str) -> str:
    """Standard output of git, '' when it fails (no repository, no such commit)."""
    result = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)  # noqa: S607
    return result.stdout if result.returncode == 0 else ""


def _run(tool: str, *arguments: str, folder: Path = ROOT) -> str:
    """'' when the tool is content, else what it said."""
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "160", "TERM": "dumb"}
    command = [str(VENV_BIN / tool), *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return ""
    return (result.stdout + result.stderr).strip() or f"{tool} ended with status {result.returncode}"


GATES: dict[str, Callable[[], str]] = {
    function.__name__: function
    for function in (
        types,
        lint,
        formatting,
        imports,
        dependencies,
        sizes,
        duplicates,
        contracts,
        breaking,
        rules,
        templates,
        translations,
        lock,
        audit,
    )
}
