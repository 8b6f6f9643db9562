"""One request or message is one transaction, committed at the edge (docs/adr/0003)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for place in ("advisers", "trail", "records", "services", "gateway")
    for path in (ROOT / place).rglob("src/**/*.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_but_the_kit_commits(path):
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "rollback"}
    ]
    assert not calls, f"{path.relative_to(ROOT)} commits at lines {calls}"
