"""`./parvis test [NAME] [--full]` and `./parvis bench [NAME]`: installs what tests need, runs them, counts."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from parvis_local import display
from parvis_local.browser import ensure_browser, ensure_driver, find_browser, install_system_packages
from parvis_local.layout import ROOT, VENV_BIN

# Programs that tests call, by the Debian package that has them.
PROGRAMS = {"pdftotext": "poppler-utils", "qpdf": "qpdf", "wrk": "wrk", "git": "git"}
# Each part is a pytest process of its own: what drives a browser and what drives an event loop do not mix.
PARTS = {
    "unit": (
        "kit/tests",
        "advisers/tests",
        "services/*/tests",
        "gateway/*/tests",
        "deploy/local/tests",
        "tests/architecture",
        "tests/contract",
    ),
    "integration": ("tests/integration",),
    "isolation": ("tests/isolation",),
    "conformance": ("tests/conformance",),
    "rights": ("tests/rights",),
    "e2e": ("tests/e2e",),
    "relying_parties": ("tests/relying_parties",),
    "chaos": ("tests/chaos",),
    "load": ("tests/load",),
    "compose": ("tests/compose",),
    "screenshots": ("tests/screenshots",),
}
# What CI runs; the others run by name, and with --full.
BY_DEFAULT = ("unit", "integration", "isolation", "conformance", "rights", "e2e", "relying_parties", "chaos")
WITH_BROWSER = {"e2e", "relying_parties", "chaos", "screenshots", "integration"}
CAPABILITIES = ("identity", "sso", "rights", "administration", "documents", "notify", "billing")
NO_TESTS = 5  # pytest's exit status


@dataclass(slots=True)
class Count:
    """What came out, over all parts."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)  # parts that ended without a report


def run(name: str, *, full: bool, passed_on: Sequence[str] = ()) -> int:
    """Runs all parts, one part, or all tests of one capability. Returns 1 when something failed, 2 for a wrong name."""
    console = display.console()
    if name and name not in PARTS and name not in CAPABILITIES:
        console.print(
            f"There is no test part {name!r}. Parts: {', '.join(PARTS)}; capabilities: {', '.join(CAPABILITIES)}."
        )
        return 2
    chosen = _chosen(name, full=full)
    if not any(chosen.values()):
        console.print(f"There are no tests for {name or 'anything'} yet.")
        return 2
    _install(console.print, browser=any(part in WITH_BROWSER and paths for part, paths in chosen.items()))
    built = subprocess.run([str(VENV_BIN / "python"), "-m", "parvis_ui.build"], cwd=ROOT, check=False).returncode
    if built != 0:
        console.print("The pages' assets could not be built: see above.")
        return 1
    count = Count()
    for part, paths in chosen.items():
        if paths:
            console.rule(f"[bold]{part}[/bold]", align="left")
            _pytest(part, paths, count, full=full, passed_on=passed_on)
    for part in count.broken:
        console.print(f"{part} ended before it could report: its messages stand above.")
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    console.print(f"{count.passed} passed, {count.failed + len(count.broken)} failed{skipped}")
    return int(count.failed > 0 or bool(count.broken) or count.passed == 0)


def bench(name: str) -> int:
    """Runs tests/bench (or one file of it), whose figures go to the terminal."""
    folder = ROOT / "tests" / "bench"
    files = sorted(folder.glob(f"bench_{name or '*'}.py"))
    if not files:
        known = ", ".join(file.stem.removeprefix("bench_") for file in sorted(folder.glob("bench_*.py")))
        print(
            f"There is no bench {name!r}." if name else "There is no bench yet.", f"Benches: {known}" if known else ""
        )
        return 2
    statuses = [
        subprocess.run(
            [str(VENV_BIN / "python"), str(file)], cwd=ROOT, env=_environment(full=False), check=False
        ).returncode
        for file in files
    ]
    return max(statuses)


def _chosen(name: str, *, full: bool) -> dict[str, list[Path]]:
    """Paths to run by part."""
    if name in CAPABILITIES:
        patterns = (f"services/{name}/tests", f"tests/{name}", f"tests/*/test_{name}*.py", f"tests/*/{name}")
        found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
        browser = [path for path in found if "e2e" in path.parts]
        return {name: [path for path in found if path not in browser], f"{name}, in the browser": browser}
    parts = [name] if name else list(PARTS if full else BY_DEFAULT)
    return {part: [path for pattern in PARTS[part] for path in sorted(ROOT.glob(pattern))] for part in parts}


def _pytest(part: str, paths: Sequence[Path], count: Count, *, full: bool, passed_on: Sequence[str]) -> None:
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [str(VENV_BIN / "python"), "-m", "pytest", "-q", f"--junitxml={report.name}"]
        command += [] if full else ["-m", "not full"]
        command += [*passed_on, *(str(path.relative_to(ROOT)) for path in paths)]
        status = subprocess.run(command, cwd=ROOT, env=_environment(full=full), check=False).returncode
        if status == NO_TESTS:
            return
        try:
            suites = list(ET.parse(report.name).getroot().iter("testsuite"))  # noqa: S314 - pytest's own file
        except ET.ParseError:
            count.broken.append(part)
            return
    total, failed, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites for key in keys)
        for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    count.failed += failed
    count.skipped += skipped
    count.passed += total - failed - skipped
    if status not in {0, 1}:
        count.broken.append(part)
    print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)


def _environment(*, full: bool) -> dict[str, str]:
    """What tests are told: where the browser is, whether the long forms are wanted."""
    browser = find_browser()
    told = {"PARVIS_FULL": "1" if full else ""} | ({"PARVIS_BROWSER": str(browser)} if browser else {})
    return os.environ | told | {"PYTHONDONTWRITEBYTECODE": "1"}


def _install(say: Callable[[str], None], *, browser: bool) -> None:
    """Installs what is missing where it may, and says what stays missing and what that means."""
    missing = tuple(sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None}))
    if missing:
        say(f"installing {', '.join(missing)}")
        if reason := install_system_packages(missing):
            say(f"Not installed: {', '.join(missing)} ({reason}). Tests that need them are skipped or fail.")
    if browser and find_browser() is None:
        say("installing a browser (chromium)")
        if reason := ensure_browser():
            say(f"There is no browser: {reason}. Tests in the browser fail.")
    if browser and (reason := ensure_driver()):
        say(f"Nothing can drive the browser: {reason}. Tests in the browser fail.")
