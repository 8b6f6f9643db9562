"""`./parvis test [NAME] [--full]` and `./parvis bench [NAME]`: installs what tests need, runs them, counts."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from parvis_local import display
from parvis_local.browser import ensure_browser, ensure_driver, find_browser, install_system_packages
from parvis_local.layout import ROOT, VENV_BIN
from parvis_local.ports import free_base
from parvis_local.suite import Suite

# Programs that tests call, by the Debian package that has them.
PROGRAMS = {"pdftotext": "poppler-utils", "qpdf": "qpdf", "wrk": "wrk", "git": "git", "pgbouncer": "pgbouncer"}
# Each part is a pytest process of its own: what drives a browser and what drives an event loop do not mix.
PARTS = {
    "unit": (
        "french/tests",
        "watch/tests",
        "kit/tests",
        "advisers/tests",
        "trail/tests",
        "records/tests",
        "services/*/tests",
        "gateway/*/tests",
        "deploy/backup/tests",
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
    "upstreams": ("tests/upstreams",),
    "chaos": ("tests/chaos",),
    "upgrade": ("tests/upgrade",),
    "cluster": ("tests/cluster",),
    "fuzz": ("tests/fuzz",),
    "load": ("tests/load",),
    "containers": ("tests/containers",),
    "compose": ("tests/compose",),
    "screenshots": ("tests/screenshots",),
}
# What of a part runs in a process beside the rest of it: about half of its time, and nothing that starts a whole suite
# (which looks for free ports) or builds the pages' assets.
BESIDE = {"unit": ("kit/tests", "services/tenancy/tests", "tests/contract")}
# What CI runs; the others run by name, and with --full. Compose, its short form `containers`, upgrade and cluster are
# among those: images to build, services to replace and engines that take over take more than the minutes that CI has
# left on two cores.
BY_DEFAULT = (
    "unit",
    "integration",
    "isolation",
    "conformance",
    "rights",
    "e2e",
    "relying_parties",
    "upstreams",
    "chaos",
    "fuzz",
    "load",
)
WITH_BROWSER = {"e2e", "relying_parties", "chaos", "screenshots", "integration", "compose"}
# What makes a part's surroundings ready: it ends with this status where they cannot be had, and says why.
PREPARED = dict.fromkeys(("containers", "compose"), "tests/compose/engine.py")
NOT_TO_BE_HAD = 3
CAPABILITIES = ("identity", "sso", "rights", "administration", "documents", "notify", "billing")
NO_TESTS = 5  # pytest's exit status
LONGEST = 4 * 3600  # s, of one test of a long form
AGAIN = 5  # so many failed tests of a part are run once more; more are no accident
# What fails there once is what they look for.
NEVER_AGAIN = {"isolation", "chaos", "fuzz", "load"}


@dataclass(slots=True)
class Count:
    """What came out, over all parts."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)  # parts that ended without a report
    unsteady: list[str] = field(default_factory=list)  # tests that failed, and passed when they were run once more
    not_run: dict[str, str] = field(default_factory=dict)  # parts that cannot run on this machine, and why


@dataclass(slots=True)
class Outcome:
    """What came out of one run of pytest. `cut_short`: it ended before its last test."""

    ran: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    cut_short: bool = False


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
            began = time.monotonic()
            if _prepared(part, count):
                _pytest(part, paths, count, full=full, passed_on=passed_on)
            print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
    for part in count.broken:
        console.print(f"{part} ended before it could report: its messages stand above.")
    for test in count.unsteady:
        print(f"UNSTEADY, failed once and passed once, so a fault of it or of what it tests: {test}")
    console.print(closing_line(count), soft_wrap=True)
    return int(count.failed > 0 or bool(count.broken) or count.passed == 0 or name in count.not_run)


def closing_line(count: Count) -> str:
    """What came out, in one line; what could not run here is neither passed nor skipped."""
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    not_run = "".join(f"; {part}: not run, because {reason}" for part, reason in count.not_run.items())
    return f"{count.passed} passed, {count.failed + len(count.broken)} failed{skipped}{not_run}"


def bench(names: Sequence[str] = (), *, short: bool = False) -> int:
    """Runs tests/bench (or the named files of it), whose figures go to the terminal. `short`: less of everything, and
    on one suite for all that need none of their own.
    """
    folder = ROOT / "tests" / "bench"
    known = {file.stem.removeprefix("bench_"): file for file in sorted(folder.glob("bench_*.py"))}
    if wrong := [name for name in names if name not in known]:
        print(f"There is no bench {wrong[0]!r}. Benches: {', '.join(known)}")
        return 2
    files = [known[name] for name in names or known]
    _install(print, browser=False)
    ended = list[str]()
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as kept, _suite_for(files, short=short) as told:
        environment = _environment(full=False) | told | {"PARVIS_BENCH_FIGURES": kept.name}
        try:
            for file in files:
                ended += [file.stem.removeprefix("bench_")] if _measure(file, environment) else []
        finally:  # interrupted, it shows what there is
            if len(files) > 1 and Path(kept.name).stat().st_size:
                join = [str(VENV_BIN / "python"), str(folder / "report.py"), kept.name, *ended]
                subprocess.run(join, cwd=ROOT, check=True)
    return int(bool(ended))


@contextmanager
def _suite_for(files: Sequence[Path], *, short: bool) -> Iterator[dict[str, str]]:
    """What benches are told of how much to measure, and on which suite."""
    if not short or len(files) == 1 or "PARVIS_BENCH_DATA" in os.environ:
        yield {"PARVIS_BENCH_SHORT": "1"} if short else {}
        return
    with tempfile.TemporaryDirectory(prefix="parvis-bench-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o755)  # PostgreSQL's account must reach its folder when this runs as root
        print("starting a suite with its demonstration", flush=True)
        with Suite(Path(data), port=free_base()):
            yield {"PARVIS_BENCH_SHORT": "1", "PARVIS_BENCH_DATA": data}


def _measure(file: Path, environment: dict[str, str]) -> int:
    """Runs one bench; its exit status."""
    began = time.monotonic()
    status = subprocess.run([str(VENV_BIN / "python"), str(file)], cwd=ROOT, env=environment, check=False).returncode
    print(f"{file.stem.removeprefix('bench_')}: {time.monotonic() - began:.0f} s", flush=True)
    return status


def _chosen(name: str, *, full: bool) -> dict[str, list[Path]]:
    """Paths to run by part."""
    if name in CAPABILITIES:
        patterns = (f"services/{name}/tests", f"tests/{name}", f"tests/*/test_{name}*.py", f"tests/*/{name}")
        found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
        browser = [path for path in found if "e2e" in path.parts]
        return {name: [path for path in found if path not in browser], f"{name}, in the browser": browser}
    parts = [name] if name else list(PARTS if full else BY_DEFAULT)
    return {part: [path for pattern in PARTS[part] for path in sorted(ROOT.glob(pattern))] for part in parts}


def _prepared(part: str, count: Count) -> bool:
    """Makes ready what a part needs beside packages and a browser; False, and noted, when that did not work."""
    if part not in PREPARED:
        return True
    command = [str(VENV_BIN / "python"), PREPARED[part]]
    made = subprocess.run(
        command, cwd=ROOT, env=_environment(full=False), stderr=subprocess.PIPE, text=True, check=False
    )
    if made.returncode == 0:
        return True
    reason = made.stderr.strip()
    if made.returncode == NOT_TO_BE_HAD:
        count.not_run[part] = reason
        print(f"NOT RUN: {reason}", flush=True)
    else:
        count.broken.append(part)
        print(reason, flush=True)
    return False


def _pytest(part: str, paths: Sequence[Path], count: Count, *, full: bool, passed_on: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as memory:
        commands = [
            _command(group, Path(memory) / str(place), passed_on, full=full) for place, group in _groups(part, paths)
        ]
        outcomes = _outcomes(commands, full=full)
        for command, outcome in zip(commands, outcomes, strict=True):
            if outcome is None or outcome.cut_short:
                count.broken.append(part)
            elif 0 < len(outcome.failed) <= AGAIN and part not in NEVER_AGAIN:
                print(f"{part}: once more what failed, to know whether it fails each time", flush=True)
                [again] = _outcomes([[*command, "--last-failed", "--last-failed-no-failures=none"]], full=full)
                if again is not None and again.ran >= len(outcome.failed):
                    count.unsteady += [name for name in outcome.failed if name not in again.failed]
                    outcome.failed = again.failed
    for outcome in filter(None, outcomes):
        count.failed += len(outcome.failed)
        count.skipped += outcome.skipped
        count.passed += outcome.ran - len(outcome.failed)


def _groups(part: str, paths: Sequence[Path]) -> Iterator[tuple[int, list[Path]]]:
    """What runs in a process each, numbered: all of a part, or its two halves."""
    beside = [path for path in paths if str(path.relative_to(ROOT)) in BESIDE.get(part, ())]
    rest = [path for path in paths if path not in beside]
    return enumerate(group for group in (rest, beside) if group)


def _command(paths: Sequence[Path], memory: Path, passed_on: Sequence[str], *, full: bool) -> list[str]:
    command = [str(VENV_BIN / "python"), "-m", "pytest", "-q", "-o", f"cache_dir={memory}"]
    # The long forms may stand longer at one test than what is said to stand still (pyproject.toml).
    command += ["-o", f"faulthandler_timeout={LONGEST}"] if full else ["-m", "not full"]
    return [*command, *passed_on, *(str(path.relative_to(ROOT)) for path in paths)]


def _outcomes(commands: Sequence[list[str]], *, full: bool) -> list[Outcome | None]:
    """Runs each pytest beside the others, and shows what they say one after the other; None: one left no report."""
    with ExitStack() as stack:
        reports = [stack.enter_context(tempfile.NamedTemporaryFile(suffix=".xml")) for _ in commands]
        kept = [stack.enter_context(tempfile.TemporaryFile()) for _ in commands[1:]]
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, f"--junitxml={report.name}"],
                    cwd=ROOT,
                    env=_environment(full=full),
                    stdout=out,
                    stderr=out,
                )
            )
            for command, report, out in zip(commands, reports, [None, *kept], strict=True)
        ]
        statuses = [process.wait() for process in running]
        for out in kept:
            out.seek(0)
            print(out.read().decode(errors="replace"), flush=True)
        return [_outcome(report.name, status) for report, status in zip(reports, statuses, strict=True)]


def _outcome(report: str, status: int) -> Outcome | None:
    """What a report of pytest says; None when there is none."""
    if status == NO_TESTS:
        return Outcome()
    try:
        cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - pytest's own file
    except ET.ParseError:
        return None
    outcome = Outcome(cut_short=status not in {0, 1})
    for case in cases:
        ends = {each.tag for each in case}
        outcome.skipped += "skipped" in ends
        outcome.ran += "skipped" not in ends
        if ends & {"failure", "error"}:
            outcome.failed.append(f"{case.get('classname')}::{case.get('name')}")
    return outcome


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
