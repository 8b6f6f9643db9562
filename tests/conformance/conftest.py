"""The provider under test, started once, and a line for each run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import basic_claims
import basic_codes
import basic_sign_in
import discovery
import fapi2_assertions
import fapi2_flows
import fapi2_proofs
import fapi2_requests
import logout
import registrations
import request_objects
from alone import identity_alone
from plans import PLANS, RUNS
from receiver import Receiver
from runs import WAITING, Run, carry_out
from under_test import Person, Provider

from parvis_local.demo.story import PASSWORD, PROVIDER
from parvis_local.layout import ROOT
from parvis_local.suite import Suite

#: The files that hold the modules: importing one declares them.
FILES = (
    basic_claims, basic_codes, basic_sign_in, discovery, fapi2_assertions, fapi2_flows, fapi2_proofs, fapi2_requests,
    logout, registrations, request_objects,
)  # fmt: skip
_VERDICTS: dict[str, Run] = {}


@pytest.fixture(scope="session")
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """Identity as the local stack runs it, behind Traefik.

    `PARVIS_CONFORMANCE_ALONE=1`: identity alone, in this process: quicker while working on it.
    """
    if os.environ.get("PARVIS_CONFORMANCE_ALONE"):
        with identity_alone(request.getfixturevalue("databases")) as provider:
            yield provider
        return
    yield provider_of(request.getfixturevalue("suite"))


def provider_of(suite: Suite) -> Provider:
    """The provider of a suite, as its operator describes it."""
    environment = suite.environment("identity")

    def rotate() -> None:
        command = [sys.executable, "-m", "parvis_identity", "rotate-keys"]
        subprocess.run(command, env=os.environ | environment, cwd=ROOT, check=True, capture_output=True)

    somebody, other = [Person(each.mail, PASSWORD) for each in islice(PROVIDER.people_who_sign_in(), 2)]
    return Provider(
        issuer=suite.addresses["portal"],
        initial_access_token=suite.credentials.registration_token,
        person=somebody,
        other=other,
        rotate_keys=rotate,
    )


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """The relying party's web server."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def begun(request: pytest.FixtureRequest, provider: Provider, receiver: Receiver) -> Iterator[dict[str, Future[Run]]]:
    """The runs that wait for something, of those that were chosen, begun beside the others."""
    chosen = [each.callspec.params.get("name") for each in request.session.items if hasattr(each, "callspec")]
    names = [name for name in chosen if name in WAITING]
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        yield {name: pool.submit(carry_out, Run(name, provider, receiver)) for name in names}


@pytest.fixture
def verdict(begun: dict[str, Future[Run]], provider: Provider, receiver: Receiver, name: str) -> Run:
    """The run of a module, carried out."""
    run = begun[name].result() if name in begun else carry_out(Run(name, provider, receiver))
    _VERDICTS[name] = run
    return run


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A line for each run instead of a dot."""
    if report.when != "call":
        return None
    kept = dict(report.user_properties)
    if "fault" in kept:
        by = "".join(f"\n    noticed by {name}: {what[:150]}" for name, what in kept["noticed"].items())
        line = f"\n{kept['fault']:<112} {report.outcome}{by}"
        return report.outcome, line, report.outcome.upper()
    run = _VERDICTS.get(report.nodeid.partition("[")[2].removesuffix("]"))
    if run is None:
        return None
    name = run.name
    line = f"\n{name:<112} {len(run.conditions):>4} conditions  {report.outcome}"
    line += "".join(f"\n    {each}" for each in run.broken)
    return report.outcome, line, report.outcome.upper()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How each plan came out."""
    if not any(name in _VERDICTS for name in RUNS):
        return
    terminalreporter.section("plans")
    for plan, names in PLANS.items():
        done = [_VERDICTS[f"{plan}/{name}"] for name in names if f"{plan}/{name}" in _VERDICTS]
        passed = sum(not run.broken for run in done)
        different = len({each.name for run in done for each in run.conditions})
        terminalreporter.line(f"{plan:<24} {passed:>3} of {len(names):>2} passed, {different:>4} different conditions")
