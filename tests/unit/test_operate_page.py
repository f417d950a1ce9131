"""What is said of `pupitre-mdm serve` is all there is: each of its options stands in the page."""

import re
from pathlib import Path

import pytest
from msgspec import json
from msgspec.structs import fields

from central_mdm.app import ROOMS
from central_mdm.cli import STANDS_IN, parser
from central_mdm.fleet.features import FEATURES, check

PAGE = Path("docs/operate.md").read_text()
TABLE = PAGE.partition("| Option |")[2].partition("\n\n")[0]


def test_each_option_of_serve_is_told_and_no_other() -> None:
    parsed = vars(parser().parse_args(["serve", "--folder", "f"]))
    options = {f"--{name.replace('_', '-')}" for name in parsed if name != "command"}
    firsts = "".join(line.split("|")[1] for line in TABLE.splitlines()[2:])
    assert set(re.findall(r"--[a-z-]+", firsts)) == options
    assert all(f"`{room}`" in TABLE for room in ROOMS)


def test_each_feature_is_told_with_its_fields_and_a_body_that_is_taken() -> None:
    table = PAGE.partition("| Feature |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:4] for line in table.splitlines()[2:]]
    told = {feature.strip(" `"): (says, body.strip(" `")) for feature, says, body in rows}
    assert told.keys() == FEATURES.keys()
    for feature, (says, body) in told.items():
        check(feature, json.decode(body))
        named = {field.encode_name for field in fields(FEATURES[feature])}
        assert named <= set(re.findall(r"`(\w+)`", says)), feature


def test_folder_and_school_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for option, variable in STANDS_IN.items():
        assert variable in PAGE
        monkeypatch.setenv(variable, f"of{option}")
    parsed = parser().parse_args(["alarms"])
    assert (str(parsed.folder), parsed.school) == ("of--folder", "of--school")
    assert parser().parse_args(["alarms", "--school", "s"]).school == "s"
    with pytest.raises(SystemExit):
        parser().parse_args(["admin", "import", "x.zip"])


@pytest.mark.parametrize(
    "wrong", ["--port=65536", "--first-seconds=3601", "--drain-seconds=61", "--only=kitchen"]
)
def test_a_number_beyond_what_is_told_is_refused(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["serve", "--folder", "f", wrong])
    assert wrong.partition("=")[0] in capsys.readouterr().err
