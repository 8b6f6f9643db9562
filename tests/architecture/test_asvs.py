"""docs/asvs.md has a row for each requirement of OWASP ASVS 5.0.0 at levels 1 and 2, and names what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "asvs.md"
#: The levels of each section's requirements, in order ("1.5:123": 1.5.1 is of level 1, 1.5.2 of level 2 …).
STANDARD = """
1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123 2.1:122 2.2:112 2.3:12223 2.4:23 3.1:3 3.2:113 3.3:12223
3.4:11222233 3.5:11122333 3.6:3 3.7:22333 4.1:12233 4.2:23333 4.3:22 4.4:1222 5.1:2 5.2:112333 5.3:113 5.4:222 6.1:122
6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222 7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223
7.6:22 8.1:1233 8.2:1123 8.3:133 8.4:23 9.1:111 9.2:1222 10.1:22 10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222
10.6:22 10.7:222 11.1:2233 11.2:22233 11.3:11233 11.4:1222 11.5:23 11.6:23 11.7:33 12.1:12233 12.2:11 12.3:22223
13.1:2333 13.2:222223 13.3:2233 13.4:1222233 14.1:22 14.2:12223333 14.3:122 15.1:12233 15.2:12233 15.3:1222222 15.4:3333
16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:2223 17.1:23 17.2:22223333 17.3:22
"""
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (\d) \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
WORDS = ("Documented: ", "Does not apply: ", "By review: ", "**Not met")


@pytest.fixture(scope="module")
def tests_there():
    files = [file for file in ROOT.rglob("test_*.py") if not {".venv", "node_modules"} & {*file.parts}]
    return {(file.name, name) for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text())}


def test_every_requirement_of_levels_1_and_2_has_a_row():
    sections = (each.split(":") for each in STANDARD.split())
    standard = {f"{section}.{place}": level for section, levels in sections for place, level in enumerate(levels, 1)}
    assert [list(standard.values()).count(level) for level in "123"] == [70, 183, 92]
    assert [(number, level) for number, level, _, _ in ROWS] == [
        (number, level) for number, level in standard.items() if level in "12"
    ]


def test_every_row_names_tests_that_are_there_or_says_why_not(tests_there):
    named = {test for _, _, _, held in ROWS for test in TEST.findall(held)}
    assert named - tests_there == set()
    for number, _, asks, held in ROWS:
        assert TEST.search(held) or held.startswith(WORDS), f"{number}: neither a test nor a reason"
        assert not held.startswith("Documented: ") or "](" in held, f"{number}: documented where?"
        assert asks.strip()


def test_what_the_head_counts_is_what_stands_below():
    counted = dict(re.findall(r"^\| \*{0,2}([A-Za-z ]+?)\*{0,2} \| .* \| (\d+) \|$", PAGE.read_text(), re.MULTILINE))
    kinds = {"tests": 0, "Documented": 0, "By review": 0, "Does not apply": 0, "Not met": 0}
    for _, _, _, held in ROWS:
        kind = next((word for word in ("Documented", "By review", "Does not apply") if held.startswith(word)), "tests")
        kinds["Not met" if "**Not met" in held else kind] += 1
    assert {name: int(figure) for name, figure in counted.items()} == kinds


def test_links_lead_to_headings_that_are_there():
    for place, heading in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", PAGE.read_text()):
        target = (PAGE.parent / place).resolve()
        assert target.exists(), place
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, heading
