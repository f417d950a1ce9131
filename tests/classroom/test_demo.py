"""The whole small demo, as a visitor runs it; and what it says where it cannot play."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.desktop import join_waiters
from tests.teaching import until

pytestmark = pytest.mark.real_loop
STEPS = (
    "01-mdm 02-devices 03-teacher 04-wall 05-focus 06-lock 07-hand-out 08-talk "
    "09-offline 10-crash 11-collect 12-sync 13-end"
)


LOUD = ("--lock-ms", "5000")  # whatever else runs on this machine is no part of the test


async def demo(*options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "classroom_app", "demo", "--headless", *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    join_waiters()
    return process.returncode or 0, told.decode()


async def test_a_lesson_of_three_devices_plays_to_its_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, told = await demo("--devices", "3", "--out", str(out), *LOUD)
    report = json.loads((out / "report.json").read_text())
    assert code == 0, told
    assert " ".join(step["name"] for step in report["steps"]) == STEPS
    assert all(step["ok"] for step in report["steps"])
    for counted in ("discovered", "screens_live", "locked", "push_verified", "collected"):
        assert report[counted] == 3, counted
    assert report["real_devices"] == 2
    assert report["journal_events"] == report["journal_synced"] >= 15
    assert report["journal_duplicates"] == report["lost_after_kill"] == 0
    assert report["acknowledged_before_kill"] > 0
    assert report["policies_carried"] == 1
    told_of_sync = next(step["detail"] for step in report["steps"] if step["name"] == "12-sync")
    assert "through the teacher's app" in told_of_sync
    assert "it never saw the MDM" in told_of_sync
    assert len(list(out.glob("*.png"))) >= 10
    work = list((out / "collected").rglob("*.txt"))
    assert len(work) == 3
    logs = {one.name: one.read_text(errors="replace") for one in (out / "logs").glob("*.log")}
    assert {"app.log", "real-1-agent.log"} <= {name for name, log in logs.items() if log}
    assert "mdm.log" in logs
    assert "journals differ" not in logs["app.log"], "who is killed denies nothing afterwards"
    for pupil in (path.parent.name.split()[0] for path in work):
        assert [name for name, log in logs.items() if pupil in log] == [], "no log has a name"


@pytest.mark.parametrize(
    ("ends", "played"), [(signal.SIGINT, ["01-mdm", "02-devices"]), (signal.SIGTERM, ["01-mdm"])]
)
async def test_a_demo_that_is_stopped_midway_ends_its_children_and_reports(
    tmp_path: Path, ends: signal.Signals, played: list[str]
) -> None:
    out = tmp_path / "out"
    process = await asyncio.create_subprocess_exec(
        # What runs the tests may be deaf to SIGINT, as all in the background of a shell.
        *("env", "--default-signal=INT", sys.executable, "-m", "classroom_app"),
        *("demo", "--headless", "--devices", "3", "--out", str(out)),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # a group of its own, as a terminal gives to what it runs
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while f" {len(played)}/13".encode() not in await process.stdout.readline():
            pass
    os.killpg(process.pid, ends)
    told, _ = await process.communicate()
    join_waiters()
    report = json.loads((out / "report.json").read_text())
    assert process.returncode == 130
    assert "Stopped." in told.decode()
    assert "FAILED" not in told.decode()
    assert [step["name"] for step in report["steps"] if step["ok"]] == played
    assert {step["detail"] for step in report["steps"][len(played) :]} == {"not played"}
    await until(lambda: _over(process.pid), "its children live on")
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208 - its scratch folder is gone too


def _over(group: int) -> bool:
    """Say whether a group of processes has none left; init may be slow to bury the last."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    code, told = await demo("--devices", "3", "--out", str(tmp_path))
    assert code == 2
    assert "is not empty" in told
    assert os.listdir(tmp_path) == ["mine.txt"]  # noqa: PTH208 - names
