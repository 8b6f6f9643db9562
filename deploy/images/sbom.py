"""Writes a CycloneDX 1.6 document. Of an image: its Python packages and those of its Debian base. Of a release: what
its locks pin, hashes and all, and the images of the engines.

Run by the interpreter whose packages are meant: `python sbom.py NAME VERSION > sbom.json` for an image,
`python sbom.py --root REPOSITORY NAME VERSION` for the release. Standard library only.
"""

import argparse
import base64
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any

DPKG = Path("/var/lib/dpkg/status")
OURS = "parvis-"
#: Beyond it the field of a licence holds its text, not its name.
LONGEST_NAME = 60
ASSETS = "gateway/ui/package-lock.json"
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+?)( *;.*?)? *\\\n((?:    --hash=\S+.*\n?)+)", re.MULTILINE)
_IMAGE = re.compile(r"\$\{PARVIS_[A-Z]+_IMAGE:-([^}:]+):([^}]+)\}")


def canonical(name: str) -> str:
    """A name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def python_packages() -> list[dict[str, Any]]:
    """Every installed distribution, by name."""
    found = {canonical(each.metadata["Name"]): each for each in distributions()}
    return [_python(name, found[name]) for name in sorted(found)]


def _python(name: str, distribution: Distribution) -> dict[str, Any]:
    address = f"pkg:pypi/{name}@{distribution.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": distribution.version,
    }
    if not name.startswith(OURS):
        component["purl"] = address
    if licence := _licence(distribution):
        component["licenses"] = [licence]
    return component


def _licence(distribution: Distribution) -> dict[str, Any] | None:
    """As the package says it: an SPDX expression, the names of its trove classifiers, or the words of the field."""
    if expressions := distribution.metadata.get_all("License-Expression"):
        return {"expression": expressions[0]}
    classified = [line for line in distribution.metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    if names := [line.rpartition(" :: ")[2] for line in classified if line.count(" :: ") > 1]:
        return {"license": {"name": " AND ".join(names)}}
    said = (distribution.metadata["License"] or "").splitlines()
    return {"license": {"name": said[0]}} if len(said) == 1 and len(said[0]) < LONGEST_NAME else None


def debian_packages(status: Path = DPKG) -> list[dict[str, Any]]:
    """Every installed package of the base; none where the base is no Debian."""
    if not status.is_file():
        return []
    found = []
    for paragraph in status.read_text(encoding="utf-8").split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", paragraph, re.MULTILINE))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        address = f"pkg:deb/debian/{name}@{version}?arch={fields['Architecture']}"
        found.append({"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address})
    return found


def locked_packages(lock: str) -> list[dict[str, Any]]:
    """Every pin of requirements.lock with its hashes; a licence where the package is installed here."""
    found = []
    for name, version, _, hashes in _PIN.findall(lock):
        address = f"pkg:pypi/{canonical(name)}@{version}"
        component = {
            "type": "library",
            "bom-ref": address,
            "name": canonical(name),
            "version": version,
            "hashes": [{"alg": "SHA-256", "content": each} for each in re.findall(r"sha256:(\w+)", hashes)],
            "purl": address,
        }
        if licence := _installed_licence(name):
            component["licenses"] = [licence]
        found.append(component)
    return found


def _installed_licence(name: str) -> dict[str, Any] | None:
    try:
        return _licence(distribution(name))
    except PackageNotFoundError:
        return None


def assets(lock: str) -> list[dict[str, Any]]:
    """Every package of npm's lock. The pages serve some of them; the others build what is served."""
    found = []
    for place, package in json.loads(lock)["packages"].items():
        if not place:
            continue
        name = place.rpartition("node_modules/")[2]
        address = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": address,
            "name": name,
            "version": package["version"],
            "purl": address,
            "hashes": list(_integrity(package.get("integrity", ""))),
        }
        if said := package.get("license"):
            component["licenses"] = [{"expression": said}]
        if package.get("dev"):
            component["scope"] = "excluded"
        found.append(component)
    return found


def _integrity(said: str) -> Iterator[dict[str, str]]:
    for each in said.split():
        algorithm, _, digest = each.partition("-")
        yield {"alg": f"SHA-{algorithm.removeprefix('sha')}", "content": base64.b64decode(digest).hex()}


def engines(compose: str) -> list[dict[str, Any]]:
    """Images that compose takes from elsewhere, at the releases that it names."""
    return [
        {"type": "container", "bom-ref": (address := f"pkg:docker/{name}@{version}"), "name": name, "version": version}
        | {"purl": address}
        for name, version in sorted(set(_IMAGE.findall(compose)))
    ]


def release(root: Path) -> list[dict[str, Any]]:
    """What a release of the repository at `root` is made of."""
    return [
        *locked_packages((root / "requirements.lock").read_text(encoding="utf-8")),
        *assets((root / ASSETS).read_text(encoding="utf-8")),
        *engines((root / "docker-compose.yml").read_text(encoding="utf-8")),
    ]


def document(name: str, version: str, components: list[dict[str, Any]], kind: str = "container") -> dict[str, Any]:
    """The document of the image or the release `name` at `version`."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": kind, "bom-ref": name, "name": name, "version": version}},
        "components": components,
    }


def main(arguments: list[str]) -> None:
    """Writes the document to standard output."""
    parser = argparse.ArgumentParser(prog="sbom.py", description="A CycloneDX document of an image, or of a release.")
    parser.add_argument("--root", type=Path, help="the repository, for the document of its release")
    parser.add_argument("name")
    parser.add_argument("version")
    options = parser.parse_args(arguments)
    if options.root:
        made = document(options.name, options.version, release(options.root), "application")
    else:
        made = document(options.name, options.version, [*python_packages(), *debian_packages()])
    json.dump(made, sys.stdout, indent=1)


if __name__ == "__main__":
    main(sys.argv[1:])
