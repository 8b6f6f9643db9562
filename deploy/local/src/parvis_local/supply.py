"""What comes from others: pinned with hashes, under licences that we may hand on, without known vulnerabilities.

What is accepted, and why, stands in deploy/supply.toml. Vulnerabilities are asked of OSV, which joins the advisories of
PyPI, npm and GitHub: one request with the names and releases that the locks pin.
"""

import functools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import httpx
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from parvis_local import declared
from parvis_local.layout import ROOT

ACCEPTED = ROOT / "deploy" / "supply.toml"
SBOM = ROOT / "deploy" / "images" / "sbom.py"
#: Another place that answers as OSV does.
PLACE = os.environ.get("PARVIS_ADVISORIES_URL", "https://api.osv.dev/v1/querybatch")
SECONDS = 5.0
_AT_ONCE = 1000
_OURS = "parvis-"


class NotAsked(Exception):
    """Known vulnerabilities could not be asked for; the message says why."""


@functools.cache
def document(root: Path = ROOT) -> dict[str, Any]:
    """The CycloneDX document of the release, as `./parvis sbom` prints it."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    command = [sys.executable, str(SBOM), "--root", str(root), "parvis", version]
    made: dict[str, Any] = json.loads(subprocess.check_output(command))
    return made


def accepted() -> dict[str, Any]:
    """deploy/supply.toml."""
    return tomllib.loads(ACCEPTED.read_text())


def unproven(components: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Pins that any file under that name and release would satisfy."""
    for each in components:
        if each["type"] == "library" and not each.get("hashes"):
            yield f"{each['purl']} is pinned without a hash"


def foreign_licences(
    components: Sequence[dict[str, Any]], rules: dict[str, Any], in_images: frozenset[str]
) -> Iterator[str]:
    """Licences that nobody has argued for, and words of deploy/supply.toml that nothing needs any more."""
    used = set[str]()
    for each in components:
        name, said = each["name"], _said(each)
        if name in rules["read"] and not said:
            said = rules["read"][name][0]
            used.add(name)
        if each["type"] != "library" or (not said and not _installed(each)):
            continue  # an image of an engine; a package of other platforms than this one
        if not said:
            yield f"{name} does not say its licence: read it, and write it down"
            continue
        allowed = set(rules["anywhere"]) | (set() if name in in_images else set(rules["tools"]))
        for choice in _parts(said, rules["names"], used):
            if not choice & allowed:
                yield f"{name} is under {' or '.join(sorted(choice))}, which {ACCEPTED.name} does not allow here"
    known = {*rules["anywhere"], *rules["tools"], *rules["names"], *rules["read"]}
    yield from (f"{ACCEPTED.name}: nothing is under or called {name!r} any more" for name in sorted(known - used))


def _said(component: dict[str, Any]) -> str:
    [licence] = component.get("licenses") or [{}]
    return str(licence.get("expression") or licence.get("license", {}).get("name", ""))


def _installed(component: dict[str, Any]) -> bool:
    if component["purl"].startswith("pkg:npm/"):
        return True
    try:
        requires(component["name"])
    except PackageNotFoundError:
        return False
    return True


def _parts(said: str, names: dict[str, str], used: set[str]) -> Iterator[set[str]]:
    """`A AND (B OR C)` → {A}, {B, C}: of each one must be allowed."""
    for part in said.split(" AND "):
        words = {part} if part in names else set(part.strip("() ").split(" OR "))
        choice = {names.get(each, each) for each in words}
        used |= words | choice
        yield choice


@functools.cache
def in_images(root: Path = ROOT) -> frozenset[str]:
    """Names of the packages that our own ones need to run, and so what images and installations hold."""
    files = [*root.glob("*/pyproject.toml"), *root.glob("*/*/pyproject.toml")]
    todo = [Requirement(line) for file in files for line in tomllib.loads(file.read_text())["project"]["dependencies"]]
    seen, found = set[tuple[str, frozenset[str]]](), set[str]()
    while todo:
        wanted = todo.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        try:
            below = [Requirement(line) for line in requires(wanted.name) or ()]
        except PackageNotFoundError:
            continue  # of another platform
        choices = [{"extra": extra} for extra in ("", *extras)]
        todo += [each for each in below if each.marker is None or any(map(each.marker.evaluate, choices))]
    return frozenset(name for name in found if not name.startswith(_OURS))


def vulnerable(components: Sequence[dict[str, Any]], today: date | None = None) -> Iterator[str]:
    """Pins with known vulnerabilities that nobody has looked at. Raises NotAsked."""
    pins = [each["purl"] for each in components if each["type"] == "library"]
    exceptions = accepted()["advisories"]
    met = set[str]()
    for pin, advisory in _known(pins):
        met.add(advisory)
        until = exceptions.get(advisory, {}).get("until")
        if until is None:
            yield f"{pin}: {advisory}"
        elif until < (today or datetime.now(UTC).date()):
            yield f"{pin}: {advisory} was accepted until {until}: look again"
    yield from (f"{ACCEPTED.name}: {each} concerns nothing any more" for each in sorted(exceptions.keys() - met))


def _known(pins: Sequence[str]) -> Iterator[tuple[str, str]]:
    for begin in range(0, len(pins), _AT_ONCE):
        some = pins[begin : begin + _AT_ONCE]
        asked = {"queries": [{"package": {"purl": pin}} for pin in some]}
        try:
            answer = httpx.post(PLACE, json=asked, timeout=SECONDS, trust_env=True).raise_for_status().json()
            results = [[vulnerability["id"] for vulnerability in each.get("vulns", ())] for each in answer["results"]]
            if len(results) != len(some):
                raise NotAsked(f"{PLACE} answered about {len(results)} of {len(some)} packages")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError) as error:
            raise NotAsked(f"{PLACE} cannot be asked: {str(error) or type(error).__name__}") from error
        for pin, result in zip(some, results, strict=True):
            yield from ((pin, each) for each in result)


def problems() -> Iterator[str]:
    """What holds without a network: hashes of every pin and licences of everything."""
    components = document()["components"]
    yield from unproven(components)
    yield from foreign_licences(components, accepted()["licences"], in_images())
    for lock in sorted(ROOT.glob("tests/**/package-lock.json")):
        packages = json.loads(lock.read_text())["packages"]
        lacking = [name for name, each in packages.items() if name and "integrity" not in each]
        yield from (f"{lock.relative_to(ROOT)}: {name} is pinned without a hash" for name in lacking)
    for lock in sorted(ROOT.glob("tests/**/requirements.lock")):
        pins = re.findall(r"^([\w.-]+)==(?!.*(?:\\\n *--hash))", lock.read_text(), re.MULTILINE)
        yield from (f"{lock.relative_to(ROOT)}: {declared.normal(name)} is pinned without a hash" for name in pins)
