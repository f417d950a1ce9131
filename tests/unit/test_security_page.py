"""`docs/security.md` claims nothing that is not there: tests, attacks, libraries."""

import re
import tomllib
from pathlib import Path

from tests.attack.listed import ATTACKS
from tests.attack.table import CASES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_test_named_on_the_page_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 30
    assert named <= set(re.findall(r"def (test_\w+)\(", sources))


def test_every_attack_named_on_the_page_is_listed_and_every_listed_one_named() -> None:
    told = re.findall(r"attacks? ((?:`\w+`(?:, )?)+)", PAGE)
    named = {name for names in told for name in re.findall(r"`(\w+)`", names)}
    assert named == {attack.name for attack in ATTACKS}


def test_every_threat_says_what_shows_it_or_that_nothing_does_yet() -> None:
    rows = re.findall(r"^\| [STRIDE] \|.*$", PAGE, re.MULTILINE)
    assert len(rows) > 25
    assert {row[2] for row in rows} == set("STRIDE")
    for row in rows:
        shown = row.rstrip(" |").rsplit("|", maxsplit=1)[1]
        assert "`" in shown or "issue 4: not yet" in shown, row


def test_each_of_the_forty_cases_says_what_shows_it_with_every_attack_of_it() -> None:
    rows = re.findall(r"^\| (\d+) (.*)$", PAGE, re.MULTILINE)
    cases = {int(number): told for number, told in rows}
    assert set(cases) == CASES
    assert all("`" in told for told in cases.values())
    for attack in ATTACKS:
        assert all(f"`{attack.name}`" in cases[number] for number in attack.numbers), attack.name


def test_every_library_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for lines in extras.values() for line in lines)]
    found = [re.match(r"[\w.-]+", line) for line in wanted]
    names = {match[0] for match in found if match} - {"pupitre"}
    assert {name for name in names if name not in PAGE} == set()
