"""Nothing waits with `asyncio.wait_for`: Python 3.11 forgets a cancellation that meets the end of what is waited for,
and a process that is asked to stop then never does. `asyncio.timeout` does not.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for place in ("french", "watch", "kit", "advisers", "trail", "records", "services", "gateway", "deploy")
    for path in (ROOT / place).rglob("src/**/*.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_cancellation_is_never_forgotten(path):
    names = [node.lineno for node in ast.walk(ast.parse(path.read_text())) if getattr(node, "attr", "") == "wait_for"]
    assert not names, f"{path.relative_to(ROOT)} calls wait_for at lines {names}"
