"""What the repository must not hold (docs/adr/0008), and what each part of it must have."""

import ast
import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "tenancy", "documents", "notify", "billing")
#: File names a service may have at its top; a folder of the same name holds the same, split by entity.
NAMES = {"main", "settings", "models", "domain", "store", "service", "rpc", "http", "events"}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_lock_of_python_packages_names_no_address():
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_the_locks_of_npm_packages_name_no_address_to_fetch_from():
    locks = tracked("*package-lock.json")
    assert len(locks) >= 2
    assert [lock for lock in locks if '"resolved"' in lock.read_text()] == []


def test_generated_and_third_party_code_is_not_in_git():
    kept = [path for path in tracked() if re.search(r"_pb2(_grpc)?\.pyi?$|node_modules/|/dist/|\.min\.js$", str(path))]
    assert kept == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_described_on_one_page(service):
    lines = (ROOT / "services" / service / "README.md").read_text().splitlines()
    assert 10 <= len(lines) <= 90


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_parts_that_every_service_has(service):
    parts = {path.stem for path in (ROOT / "services" / service / "src" / f"parvis_{service}").iterdir()}
    assert {"main", "settings", "models", "domain", "store", "service", "rpc"} <= parts


def statements(path: Path) -> int:
    """Lines of code of a file: without blank lines, comments and docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_the_kit_stays_small():
    total = sum(statements(path) for path in (ROOT / "kit" / "src").rglob("*.py") if path.name != "testing.py")
    assert total < 2_500, "the kit is what two services or more need; move the rest to where it is used"
