r"""Python's `$` lets a newline through at the end, JSON Schema's does not: both read `(?!\n)$`."""

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
import pytest
from msgspec import Meta

from central_mdm.contract.grants import Gateway, Thumbprint
from central_mdm.contract.names import TEXT, Id, OptionalId

ROOT: Final = Path(__file__).resolve().parents[2]
HOUSE: Final = ("central_mdm", "device_bridge", "classroom_app")
PATTERN: Final = re.compile(r'pattern=\n? *r?"(\^.*\$)"')


@pytest.mark.parametrize(
    ("shape", "good"),
    [(Id, "5B"), (OptionalId, ""), (Thumbprint, "0" * 64), (Gateway, "00:00:00:00:00:0a")],
)
def test_a_name_ends_with_its_last_letter(shape: object, good: str) -> None:
    assert msgspec.convert(good, shape) == good
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(f"{good}\n", shape)


def test_no_pattern_of_the_house_lets_a_newline_through_but_that_of_text() -> None:
    files = [file for part in HOUSE for file in (ROOT / part).rglob("*.py")]
    found = [each for file in files for each in PATTERN.findall(file.read_text())]
    assert len(found) > 40
    assert {each for each in found if not each.endswith(r"(?!\n)$")} <= {TEXT}, (
        "sentences may have lines"
    )
    assert msgspec.convert("two\nlines\n", Annotated[str, Meta(pattern=TEXT)])
