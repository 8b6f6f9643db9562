"""The seam of the demonstration: what the loader is given, and that it may be a coroutine."""

import json
import sys
from types import ModuleType

import pytest

from parvis_local import demonstration
from parvis_local.layout import Layout


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path)
    made.make()
    return made


def test_the_loader_speaks_as_web_and_leaves_its_logins(layout, monkeypatch, capsys):
    async def load(context: demonstration.Context) -> None:
        context.report(context.environment("web")["PARVIS_PUBLIC_URL"])
        context.logins_file.write_text(json.dumps({"logins": [{"who": context.addresses["mail"]}]}))

    loader = ModuleType("parvis_local.demo")
    loader.load = load
    monkeypatch.setitem(sys.modules, "parvis_local.demo", loader)
    demonstration.main(layout.data, 9100)
    assert capsys.readouterr().out == "http://localhost:9100\n"
    assert json.loads(layout.demo_logins.read_text()) == {"logins": [{"who": "http://127.0.0.1:9103"}]}


def test_a_loader_that_fails_is_not_taken_for_one_that_is_absent(layout, monkeypatch):
    def load(context: demonstration.Context) -> None:
        raise ModuleNotFoundError(name="something_else")

    loader = ModuleType("parvis_local.demo")
    loader.load = load
    monkeypatch.setitem(sys.modules, "parvis_local.demo", loader)
    with pytest.raises(ModuleNotFoundError):
        demonstration.main(layout.data, 9100)
