"""No service forks: a fork of a process whose threads are inside gRPC copies their locks (gRPC logs "skipping fork()
handlers" and hopes). Programs are started by `subprocess` in a thread, without `preexec_fn`: that is a vfork, which
copies nothing. The event loop's `create_subprocess_exec` forks.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for place in ("french", "watch", "kit", "advisers", "trail", "records", "services", "gateway")
    for path in (ROOT / place).rglob("src/**/*.py")
)
FORKING = {
    "create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "preexec_fn", "fork", "forkpty",
    "ProcessPoolExecutor", "multiprocessing",
}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.name != "testing.py"],  # tests start servers, not services
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_service_never_forks(path):
    names = {
        getattr(node, field, None): getattr(node, "lineno", 0)
        for node in ast.walk(ast.parse(path.read_text()))
        for field in ("attr", "id", "arg", "name", "module")
    }
    assert FORKING.isdisjoint(names), {name: names[name] for name in FORKING & names.keys()}
