"""What one image needs of requirements.lock: `subset.py [--member NAME] [--group NAME] [--package NAME] [--without …]`.

The lock holds versions and hashes of everything, tests and tools included, but not who needs what. So uv resolves the
wanted names among the locked versions, and the lock's own lines are printed for them, hashes and all: installing
them with `--require-hashes --no-deps` gives exactly what was tested, and less of it. Standard library only.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = "parvis-"
_BLOCK = re.compile(r"^([A-Za-z0-9][\w.-]*)==.*\n(?:    --hash=.*\n)*", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def canonical(name: str) -> str:
    """A name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """`uvicorn[standard]>=0.54` → `uvicorn`. Raises ValueError for what is no requirement."""
    if not (found := _NAME.match(requirement)):
        raise ValueError(f"not a requirement: {requirement}")
    return canonical(found[0])


def blocks(lock: str) -> dict[str, str]:
    """Name → its lines of the lock; more than one version (by platform) stay together."""
    found: dict[str, str] = {}
    for match in _BLOCK.finditer(lock):
        name = canonical(match[1])
        found[name] = found.get(name, "") + match[0]
    return found


def workspace(root: Path = ROOT) -> dict[str, Path]:
    """Name → folder of each package of this repository."""
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    files = [file for pattern in patterns for file in sorted(root.glob(f"{pattern}/pyproject.toml"))]
    return {canonical(tomllib.loads(file.read_text())["project"]["name"]): file.parent for file in files}


def needed(wanted: Iterable[str], members: dict[str, Path]) -> tuple[list[str], list[str]]:
    """Our packages that `wanted` need, themselves included, and what all of them require of others."""
    ours: list[str] = []
    others: dict[str, None] = {}
    todo = [canonical(each) for each in wanted]
    while todo:
        name = todo.pop()
        if name in ours:
            continue
        if name not in members:
            raise ValueError(f"{name} is no package of this repository: {', '.join(members)}")
        ours.append(name)
        project = tomllib.loads((members[name] / "pyproject.toml").read_text())["project"]
        for requirement in project.get("dependencies", ()):
            if name_of(requirement).startswith(OURS):
                todo.append(name_of(requirement))
            else:
                others[requirement] = None
    return ours, list(others)


def closure(requirements: Iterable[str], lock: Path, uv: str) -> set[str]:
    """The names that installing `requirements` brings, at the versions of the lock."""
    command = [uv, "pip", "compile", "--quiet", "--no-config", "--no-annotate", "--no-header", "--no-emit-index-url"]
    command += ["--constraints", str(lock), "-"]
    words = "\n".join(requirements)
    answer = subprocess.run(command, input=words, capture_output=True, text=True, check=False)  # noqa: S603 - uv
    if answer.returncode:
        sys.exit(f"uv cannot resolve what this image needs among the versions of {lock.name}:\n{answer.stderr}")
    return {name_of(line) for line in answer.stdout.splitlines() if line.strip() and not line.startswith(("#", "-"))}


def lines(names: Iterable[str], lock: str) -> Iterator[str]:
    """The lock's lines of these names. Raises ValueError for a name that it does not hold."""
    known = blocks(lock)
    for name in sorted(names):
        if name not in known:
            raise ValueError(f"requirements.lock does not hold {name}: run ./parvis lock")
        yield known[name]


def main(arguments: list[str]) -> None:
    """Prints the lines, or with --ours the names of our own packages."""
    parser = argparse.ArgumentParser(prog="subset.py", description="What one image needs of requirements.lock.")
    parser.add_argument(
        "--member", action="append", default=[], help="one of our packages: what it and ours below it require"
    )
    parser.add_argument("--group", help="a dependency group of the workspace")
    parser.add_argument("--package", action="append", default=[], help="a package by name")
    parser.add_argument("--without", default="", help="requirements that this image does without, comma-separated")
    parser.add_argument("--ours", action="store_true", help="print our own packages that --member needs")
    parser.add_argument("--alone", action="store_true", help="these packages without what they require")
    parser.add_argument("--uv", default="uv", help="the uv to resolve with")
    options = parser.parse_args(arguments)
    wanted: list[str] = list(options.package)
    if options.group:
        wanted += tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"][options.group]
    if options.member:
        ours, others = needed(options.member, workspace())
        if options.ours:
            sys.stdout.write("".join(f"{name}\n" for name in ours))
            return
        wanted += others
    without = {canonical(name) for name in options.without.split(",") if name}
    wanted = [each for each in wanted if name_of(each) not in without]
    lock = ROOT / "requirements.lock"
    names = {name_of(each) for each in wanted} if options.alone else closure(wanted, lock, options.uv)
    sys.stdout.writelines(lines(names, lock.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
