"""Every number that an installation may set has limits, and a start that is told one beyond them says which."""

import inspect
from datetime import timedelta
from importlib import import_module
from typing import get_args

import pytest
from pydantic_settings import BaseSettings

from parvis_local.credentials import DATABASES
from parvis_watch import start

NUMBERS = (int, float, timedelta)


def numbers():
    """(service, its settings, variable, field) of every number that a service is told."""
    for service in DATABASES:
        module = import_module(f"parvis_{service}.settings")
        own = [
            each
            for _, each in inspect.getmembers(module, inspect.isclass)
            if issubclass(each, BaseSettings) and each.__module__ == module.__name__
        ]
        for settings in own:
            for name, field in settings.model_fields.items():
                kinds = (field.annotation, *get_args(field.annotation))
                if any(kind in NUMBERS for kind in kinds):
                    variable = f"{settings.model_config['env_prefix']}{name}".upper()
                    yield pytest.param(service, settings, variable, field, id=f"{service}:{variable}")


def test_numbers_are_found():
    found = [each.id for each in numbers()]
    assert len(found) > 40
    assert {"web:PARVIS_SESSION_HOURS", "identity:PARVIS_DATABASE_POOL"} < set(found)


@pytest.mark.parametrize(("service", "settings", "variable", "field"), numbers())
def test_a_number_has_limits_with_its_default_between_them(service, settings, variable, field):
    least, most = start.limits(field) or pytest.fail(f"{variable}: Field(default=…, ge=…, le=…)")
    assert 0 <= least <= field.default <= most


@pytest.mark.parametrize(
    ("service", "variable"), [("tenancy", "PARVIS_SETUP_TOKEN_SHA256"), ("web", "PARVIS_LOG_LEVEL")]
)
def test_a_start_refuses_words_that_mean_nothing(service, variable, monkeypatch):
    monkeypatch.setenv(variable, "anything")
    module = import_module(f"parvis_{service}.settings")
    with pytest.raises(SystemExit, match=f"{variable} is not what it must be"):
        start.read(getattr(module, "Settings", None) or module.WebSettings, service, serves=True)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PARVIS_LOG_LEVEL", "critical"), ("PARVIS_LOG_LEVEL", "Warning"), ("PARVIS_DATABASE_POOL", "1")],
)
def test_a_start_takes_what_means_something(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as stopped:  # for what is missing beside it
        start.read(import_module("parvis_web.settings").WebSettings, "web", serves=True)
    assert "PARVIS_PUBLIC_URL" in str(stopped.value)
    assert variable not in str(stopped.value)


@pytest.mark.parametrize(("service", "settings", "variable", "field"), numbers())
def test_a_start_refuses_what_is_beyond_them_and_names_them(service, settings, variable, field, monkeypatch):
    for name in ("URL", "INTERNAL_URL", "ACCESS_KEY", "SECRET_KEY"):  # of a group of its own, which is read before
        monkeypatch.setenv(f"PARVIS_STORE_{name}", "https://files.firm.example")
    least, most = start.limits(field)
    for nonsense in (least - 1, most + 1, "9" * 30, "nan", "-inf", "some"):
        monkeypatch.setenv(variable, str(nonsense))
        with pytest.raises(SystemExit) as stopped:
            start.read(settings, service, serves=True)
        [line] = [each for each in str(stopped.value).splitlines() if variable in each]
        assert line.startswith(f"{service} does not start: {variable} must be a number from {least} to {most};")
