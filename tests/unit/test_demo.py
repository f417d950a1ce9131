import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from classroom_app.demo.act_arrive import who_is_here
from classroom_app.demo.act_home import hashes
from classroom_app.demo.act_lesson import confirmed, in_time
from classroom_app.demo.evidence import EvidenceError
from classroom_app.demo.papers import pdf
from classroom_app.demo.play import STORY, check_folder, free_folder
from classroom_app.demo.report import STEPS, Percentiles, Report, Step, percentiles
from classroom_app.demo.stage import Stage, StageError, trouble
from classroom_app.demo.strings import Strings
from classroom_app.demo.tell import Teller
from classroom_app.demo.world import Enrolment, Options, World


class ToldTimes(Strings):
    """A window that knows these receipts."""

    def __init__(self, lock_ms: dict[str, float]) -> None:
        self._lock_ms = lock_ms

    async def ask(self, do: str, **args: object) -> dict[str, Any]:
        del do, args
        return {"lock_ms": self._lock_ms}


def world_of(tmp_path: Path) -> World:
    options = Options(3, tmp_path, 7, headless=True)
    return World(options, tmp_path, Stage(tmp_path), Report(devices=3), Teller(StringIO()))


async def test_a_device_without_a_first_confirmation_fails_the_step_by_its_name(
    tmp_path: Path,
) -> None:
    world = world_of(tmp_path)
    world.enrolments = [Enrolment("d1", "c", "p1", "Adam"), Enrolment("d2", "c", "p2", "Lina")]
    world.strings = ToldTimes({"d1": 41.0})
    assert await confirmed(world, {"d1"}, 0) == {"d1": 41.0}
    with pytest.raises(EvidenceError, match="no first confirmation of Lina"):
        await confirmed(world, {"d1", "d2"}, 0)


def test_a_lock_that_took_more_than_half_a_second_is_not_ok(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.report.lock_ms = Percentiles(40.0, 500.0)
    assert in_time(world) == "p99 500 ms"
    world.report.lock_ms = Percentiles(40.0, 501.0)
    with pytest.raises(EvidenceError, match=r"501 ms \(p99\), more than 500"):
        in_time(world)


def test_who_plays_the_teacher_reads_how_many_pupils_the_wall_will_show() -> None:
    assert who_is_here(24, 0) == "24 pupils' devices, all simulated"
    assert who_is_here(22, 2) == "24 pupils' devices: 22 simulated, 2 on desktops of their own"


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([float(n) for n in range(1, 101)]) == Percentiles(50.0, 99.0)
    assert percentiles([7.0]) == Percentiles(7.0, 7.0)
    assert percentiles([]) == Percentiles(0.0, 0.0)


def test_the_story_has_its_thirteen_steps_in_order() -> None:
    assert len(STORY) == STEPS
    numbers = [int(name[:2]) for name, _, _ in STORY]
    assert numbers == list(range(1, STEPS + 1))
    assert (STORY[0][0], STORY[-1][0]) == ("01-mdm", "13-end")


def test_a_report_is_ok_only_when_every_step_was_played_and_is() -> None:
    report = Report(devices=3, steps=[Step(f"{n:02}", ok=True, ms=1, detail="") for n in range(12)])
    assert not report.ok
    report.steps.append(Step("13-end", ok=False, ms=1, detail="still locked"))
    assert not report.ok
    report.steps[-1] = Step("13-end", ok=True, ms=1, detail="")
    assert report.ok


def test_the_report_s_field_names_are_stable(tmp_path: Path) -> None:
    Report(devices=3).write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text())
    assert " ".join(written) == (
        "devices real_devices discovered discover_seconds screens_live locked lock_ms unlocked "
        "pushed push_verified hands_raised collected journal_events journal_synced "
        "journal_duplicates acknowledged_before_kill lost_after_kill policies_carried seconds steps"
    )
    assert list(written["lock_ms"]) == ["p50", "p99"]


def test_a_pdf_is_sound_of_the_asked_size_and_differs_by_seed() -> None:
    one, again, other = pdf(7, 5_000_000), pdf(7, 5_000_000), pdf(8, 5_000_000)
    assert one == again != other
    assert abs(len(one) - 5_000_000) < 2_000
    start = int(re.findall(rb"startxref\n(\d+)", one)[0])
    assert one[start : start + 4] == b"xref"
    for number, offset in enumerate(re.findall(rb"(\d{10}) 00000 n", one), 1):
        assert one[int(offset) :].startswith(b"%d 0 obj" % number)


def test_without_a_folder_named_the_next_free_one_is_taken(tmp_path: Path) -> None:
    wanted = tmp_path / "demo-out"
    assert free_folder(wanted) == wanted
    for name in ("demo-out", "demo-out-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").touch()
    (tmp_path / "demo-out-3").mkdir()
    assert free_folder(wanted) == tmp_path / "demo-out-3"


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "deep")
    check_folder(tmp_path / "new" / "deep")
    with pytest.raises(StageError, match="not empty"):
        check_folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match="is a file"):
        check_folder(tmp_path / "file")
    with pytest.raises(StageError, match="cannot be made"):
        check_folder(tmp_path / "file" / "deep")


def test_what_several_parts_of_the_stage_refuse_is_told_in_one_sentence() -> None:
    silent = [StageError("simulator-1 did not get ready"), StageError("no display")]
    assert trouble(silent[0]) == "simulator-1 did not get ready"
    group = ExceptionGroup("unhandled", [ExceptionGroup("inner", silent[:1]), silent[1]])
    assert trouble(group) == "simulator-1 did not get ready; no display"


def test_the_account_is_readable_where_there_is_no_terminal() -> None:
    out = StringIO()
    teller = Teller(out, clock=lambda: 5.0)
    teller.step("The school's MDM opens")
    teller.progress("half", 1, 2)
    teller.ended(ok=True, detail="3 teachers", seconds=1.25)
    assert out.getvalue() == (
        "  ✓  1/13  The school's MDM opens  (1.2 s, at 0 s)\n          3 teachers\n"
    )


def test_a_copy_that_gets_its_name_while_the_demo_looks_is_passed_over(tmp_path: Path) -> None:
    pupil = tmp_path / "5e B" / "2026-11-27 12.59.07" / "Yasmine"
    pupil.mkdir(parents=True)
    (pupil / "devoir.txt").write_bytes(b"words")
    (pupil / "arriving-0a.tmp").symlink_to(pupil / "gone")  # listed, and not there when it is read
    assert hashes(tmp_path) == {"Yasmine": {blake3(b"words").hexdigest()}}
