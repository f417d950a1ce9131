"""Enrolment by a file that imaging has placed: used once, kept while the server is away."""

import json
from pathlib import Path

import pytest

from device_bridge.agent.cli import main
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import mdm
from device_bridge.protocol.errors import Broken, NotPaired, TryAgain

SERVER, CODE = "https://mdm.example:8000", "ABCDEFGH"


def enrols(tmp_path: Path) -> int:
    placed = tmp_path / "enrol.json"
    return main(["enrol", "--folder", str(tmp_path / "agent"), "--placed", str(placed)])


@pytest.mark.parametrize(
    ("answer", "ends", "stays"),
    [
        (None, 0, False),
        (NotPaired(mdm.BAD_CODE), 1, False),
        (TryAgain(1.0), 1, True),
        (Broken("no answer of ours"), 1, True),
    ],
)
def test_a_placed_file_enrols_once_and_stays_only_where_it_may_still_serve(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Exception | None,
    ends: int,
    stays: bool,  # noqa: FBT001 - what the row says
) -> None:
    asked: list[tuple[str, str]] = []

    async def enrol(_: Folder, server: str, code: str, __: object) -> str:
        asked.append((server, code))
        if answer is not None:
            raise answer
        return "dev-1"

    monkeypatch.setattr(mdm, "enrol", enrol)
    monkeypatch.setattr("device_bridge.agent.cli._warn_of_clock", lambda *_: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    file = tmp_path / "enrol.json"
    file.write_text(json.dumps({"server": SERVER, "code": CODE}))
    assert enrols(tmp_path) == ends
    assert asked == [(SERVER, CODE)]
    assert file.exists() == stays
    if not stays:
        assert enrols(tmp_path) == 0, "a later start finds nothing to do"
        assert len(asked) == 1


@pytest.mark.parametrize("raw", ["", "[]", "{}", '{"server":"x","code":"y","run":"z"}', "[" * 5000])
def test_a_placed_file_that_is_none_asks_nobody(tmp_path: Path, raw: str) -> None:
    (tmp_path / "enrol.json").write_text(raw)
    assert enrols(tmp_path) == 1
