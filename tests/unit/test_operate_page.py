"""What is said of `pupitre-mdm serve` is all there is: each of its options stands in the page."""

import re
from pathlib import Path

import pytest

from central_mdm.app import ROOMS
from central_mdm.cli import parser

PAGE = Path("docs/operate.md").read_text()
TABLE = PAGE.partition("| Option |")[2].partition("\n\n")[0]


def test_each_option_of_serve_is_told_and_no_other() -> None:
    parsed = vars(parser().parse_args(["serve", "--folder", "f"]))
    options = {f"--{name.replace('_', '-')}" for name in parsed if name != "command"}
    firsts = "".join(line.split("|")[1] for line in TABLE.splitlines()[2:])
    assert set(re.findall(r"--[a-z-]+", firsts)) == options
    assert all(f"`{room}`" in TABLE for room in ROOMS)


@pytest.mark.parametrize(
    "wrong", ["--port=65536", "--first-seconds=3601", "--drain-seconds=61", "--only=kitchen"]
)
def test_a_number_beyond_what_is_told_is_refused(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["serve", "--folder", "f", wrong])
    assert wrong.partition("=")[0] in capsys.readouterr().err
