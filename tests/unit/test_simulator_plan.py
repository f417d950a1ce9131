import json
from pathlib import Path

import pytest

from device_bridge.simulator.plan import DEVICES_MAX, read_plan


def written(folder: Path, devices: list[dict[str, object]]) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps({"devices": devices}))
    return path


def test_a_plan_says_which_devices_and_how_they_behave(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, [{"folder": "lina", "behaviour": "video"}]))
    assert plan.interfaces == ("127.0.0.1",)
    assert (plan.devices[0].folder, plan.devices[0].behaviour) == ("lina", "video")


@pytest.mark.parametrize(
    ("devices", "why"),
    [
        ([], "length"),
        ([{"folder": f"d{n}"} for n in range(DEVICES_MAX + 1)], "length"),
        ([{"folder": "../elsewhere"}], "folder"),
        ([{"folder": "a"}, {"folder": "a"}], "share"),
        ([{"folder": "a", "behaviour": "asleep"}], "behaviour"),
        ([{"folder": "a", "colour": "red"}], "colour"),
    ],
)
def test_a_plan_that_cannot_be_played_is_refused(
    tmp_path: Path, devices: list[dict[str, object]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        read_plan(written(tmp_path, devices))
