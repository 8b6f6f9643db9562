"""What a service is installed with where there is no checkout: its wheel is complete."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEMBERS = sorted(path.parent for path in [*ROOT.glob("services/*/migrations"), *ROOT.glob("gateway/*/migrations")])


@pytest.fixture
def build(tmp_path):
    def build(member: Path) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
        subprocess.run(command, cwd=member, check=True, capture_output=True)
        return next(tmp_path.glob("*.whl"))

    return build


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_wheel_holds_all_of_the_package_and_its_migrations(build, member):
    package = f"parvis_{member.name}"
    sources = (
        path for path in (member / "src" / package).rglob("*") if path.suffix in {".py", ".po", ".html", ".toml"}
    )
    expected = {str(path.relative_to(member / "src")) for path in sources}
    expected |= {f"{package}/migrations/{path.name}" for path in (member / "migrations").glob("*.py")}

    packed = set(zipfile.ZipFile(build(member)).namelist())

    assert expected - packed == set()
    assert not [name for name in packed if name.startswith(("migrations/", "src/", "tests/"))]


def test_an_installed_wheel_finds_its_migrations(build, tmp_path):
    installed = tmp_path / "site"
    zipfile.ZipFile(build(ROOT / "services" / "tenancy")).extractall(installed)
    ask = "from parvis_kit.migrations import migrations_folder, revisions; name = 'parvis_tenancy'"

    found = subprocess.run(
        [sys.executable, "-c", f"{ask}; print(migrations_folder(name), *sorted(revisions(name)[1]))"],
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert found[0] == str(installed / "parvis_tenancy" / "migrations")
    assert len(found) == 2
