"""The command line of ./parvis, as people type it."""

import pytest

from parvis_local.command import parse


@pytest.mark.parametrize(
    ("typed", "name", "full", "passed_on"),
    [
        ("test", "", False, []),
        ("test chaos --full", "chaos", True, []),
        ("test --full chaos", "chaos", True, []),
        ("test unit -- -k invoice --full", "unit", False, ["-k", "invoice", "--full"]),
        ("test chaos --full -- -k faults", "chaos", True, ["-k", "faults"]),
        ("test -- -x", "", False, ["-x"]),
    ],
)
def test_options_stand_before_or_after_the_name(typed, name, full, passed_on):
    options = parse(typed.split())
    assert (options.name, options.full, options.passed_on) == (name, full, passed_on)
