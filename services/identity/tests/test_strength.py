import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_identity.domain.strength import Strength, strength_of

SCRIPT = Path(__file__).parents[3] / "gateway" / "ui" / "assets" / "js" / "strength.js"
CASES = {
    "": Strength.NONE,
    "a": Strength.WEAK,
    "azertyuiop": Strength.WEAK,
    "aaaaaaaaaaaaaaaaaaaa": Strength.WEAK,
    "123456789": Strength.WEAK,
    "passpasspasspass": Strength.WEAK,
    "Anne.Roche!": Strength.WEAK,
    "Portail-2026!": Strength.STRONG,
    "Portail": Strength.WEAK,
    "Kz7$mq": Strength.WEAK,
    "Kz7$mqPw": Strength.FAIR,
    "Kz7$mqPwT4": Strength.GOOD,
    "la pluie tombe doucement": Strength.STRONG,
    "été à Orléans": Strength.STRONG,
    "\U0001d538b1!": Strength.WEAK,
}


@pytest.mark.parametrize("password", CASES)
def test_the_steps(password):
    assert strength_of(password, ["anne.roche"]) is CASES[password]


def test_what_is_avoided_is_taken_as_it_stands_and_not_as_an_expression():
    assert strength_of("Kz7$mqPwT4", [".*", "[a-z]", "(", "Kz7$", "\\"]) == strength_of("mqPwT4")


@given(st.text(max_size=30), st.characters())
def test_a_longer_password_is_never_weaker(password, more):
    assert strength_of(password + more) >= strength_of(password)


def test_the_page_computes_what_the_server_does(tmp_path):
    node = Path(shutil.which("node") or Path(sys.executable).parent / "node")
    module = tmp_path / "strength.mjs"
    module.write_text(SCRIPT.read_text())
    words = [
        "abc",
        "K7$",
        "été",
        "passpass",
        "qwe",
        "321",
        "\U0001d538",
        "anne.roche",
        "Zz",
        "\\^[x]",
        "aZ9!" * 5,
        "mot de passe",
    ]
    passwords = [*CASES, *(one + other for one in words for other in words)]
    program = (
        f"import {{ strengthOf }} from {json.dumps(module.as_uri())};"
        f"console.log(JSON.stringify({json.dumps(passwords)}.map((each) => strengthOf(each, ['anne.roche', '[x]']))))"
    )

    ran = subprocess.run([node, "--input-type=module", "-e", program], capture_output=True, text=True, check=True)

    assert json.loads(ran.stdout) == [strength_of(each, ["anne.roche", "[x]"]) for each in passwords]
