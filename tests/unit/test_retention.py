"""What is old goes, by a clock that nobody can set; what a pupil may read of the journal."""

import os
import re
from pathlib import Path

import pytest

from device_bridge.agent.cli import main
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import DeviceJournal, Noted, read_entries, verify
from device_bridge.agent.guard.retention import clean
from device_bridge.agent.guard.seen import as_csv, seen
from device_bridge.protocol.asking import Seen
from device_bridge.retention import DAY_SECONDS
from device_bridge.trust.identity import write_private

NOW = 1_795_510_000


def home(path: Path) -> tuple[Folder, DeviceJournal]:
    folder = Folder(path)
    folder.make()
    return folder, DeviceJournal(folder, bytes)


def handed(root: Path, name: str, days_old: float) -> Path:
    made = root / name
    made.mkdir()
    (made / "work.odt").write_text("mine")
    for one in (made / "work.odt", made):
        os.utime(one, (when := NOW - days_old * DAY_SECONDS, when))
    return made


@pytest.mark.parametrize("kind", ["hand_in", "received"])
def test_folders_of_past_lessons_go_after_thirty_days_but_never_the_one_in_use(
    tmp_path: Path, kind: str
) -> None:
    folder, journal = home(tmp_path)
    root = {"hand_in": folder.hand_in, "received": folder.received}[kind]
    old, fresh, used = handed(root, "old", 31), handed(root, "fresh", 29), handed(root, "used", 90)
    assert clean(folder, journal, NOW, [used]) == 1
    assert (old.exists(), fresh.exists(), used.exists()) == (False, True, True)
    assert clean(folder, journal, NOW + 2 * DAY_SECONDS, [used]) == 1
    assert not fresh.exists()


def test_words_that_cannot_be_erased_leave_no_work_of_past_lessons_lying(tmp_path: Path) -> None:
    """They are erased by writing the others anew: a disk that is full has no room until then."""
    folder, journal = home(tmp_path)
    old = [handed(root, "old", 31) for root in (folder.hand_in, folder.received)]
    folder.personal.mkdir()  # as a disk that refuses
    with pytest.raises(IsADirectoryError):
        clean(folder, journal, NOW, [])
    assert [one for one in old if one.exists()] == []


def test_a_link_in_the_folder_takes_nothing_with_it(tmp_path: Path) -> None:
    folder, journal = home(tmp_path / "agent")
    elsewhere = tmp_path / "mine"
    elsewhere.mkdir()
    os.utime(elsewhere, (0, 0))
    (folder.hand_in / "link").symlink_to(elsewhere)
    assert clean(folder, journal, NOW, []) == 0
    assert elsewhere.exists()


def test_names_in_the_journal_go_after_six_months_and_the_chain_stays(tmp_path: Path) -> None:
    folder, journal = home(tmp_path)
    journal.append([Noted("look-close", NOW - 181 * DAY_SECONDS, {}, "Ms Vidal")])
    journal.append([Noted("look-close", NOW - 179 * DAY_SECONDS, {}, "Mr Roux")])
    assert clean(folder, journal, NOW, []) == 1
    assert [own.words for own in read_entries(folder) if own.words] == ["Mr Roux"]
    assert b"Vidal" not in folder.personal.read_bytes()
    journal.append([Noted("look-none", NOW, {}, "Mr Roux")])
    assert verify(folder).fault is None


def test_a_clean_up_reads_no_line_of_the_journal_but_once_for_words_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, journal = home(tmp_path)
    for days in (181, 179):
        journal.append([Noted("look-close", NOW - days * DAY_SECONDS, {}, f"{days} days")])
    undated = re.sub(rb',"at":\d+', b"", folder.personal.read_bytes())
    folder.personal.write_bytes(undated)
    assert clean(folder, journal, NOW, []) == 1
    assert b"179 days" in folder.personal.read_bytes()

    def read(_: bytes) -> None:
        pytest.fail("a line of the journal is read")

    monkeypatch.setattr("device_bridge.agent.guard.journal._read", read)
    assert clean(folder, journal, NOW + DAY_SECONDS, []) == 0
    assert clean(folder, journal, NOW + 2 * DAY_SECONDS, []) == 1


def test_what_a_wrong_clock_has_dated_is_counted_from_when_it_is_seen(tmp_path: Path) -> None:
    folder, journal = home(tmp_path)
    made = handed(folder.hand_in, "of 1970", NOW / DAY_SECONDS)
    assert clean(folder, journal, NOW, []) == 0
    assert clean(folder, journal, NOW + 29 * DAY_SECONDS, []) == 0
    assert clean(folder, journal, NOW + 31 * DAY_SECONDS, []) == 1
    assert not made.exists()


def test_how_long_is_a_setting_and_a_spoilt_one_leaves_the_defaults(
    tmp_path: Path, nothing_unexpected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder, journal = home(tmp_path)
    write_private(folder.retention, b'{"hand_in": 5}')
    handed(folder.hand_in, "a", 6)
    assert clean(folder, journal, NOW, []) == 1
    write_private(folder.retention, b'{"hand_in": -1}')
    handed(folder.hand_in, "b", 6)
    assert clean(folder, journal, NOW, []) == 0
    assert [record.message for record in caplog.records] == ["retention cannot be read"]
    caplog.clear()
    assert not nothing_unexpected


def test_a_pupil_reads_who_looked_when_and_how_closely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, journal = home(tmp_path)
    by: dict[str, str | int] = {"lesson": "l1", "version": 1}
    journal.append(
        [
            Noted("presence-on", 90, by | {"class": "5B"}, "Ms Vidal"),
            Noted("look-overview", 100, by, "Ms Vidal"),
            Noted("look-close", 160, by, "Ms Vidal"),
            Noted("attention-locked", 170, {"version": 2}),
            Noted("attention-locked", 175, {"version": 2}),
            Noted("look-none", 190, by, "Ms Vidal"),
            Noted("attention-free", 200, {"version": 3}),
            Noted("look-close", 300, by, "=1+1"),
        ]
    )
    assert seen(folder) == [
        Seen(300, 0, "seen-close", "=1+1", "l1", "5B"),
        Seen(170, 200, "seen-locked", "", ""),
        Seen(160, 190, "seen-close", "Ms Vidal", "l1", "5B"),
        Seen(100, 160, "seen-overview", "Ms Vidal", "l1", "5B"),
    ]
    assert main(["seen", "--folder", str(tmp_path), "--csv", "--language", "fr"]) == 0
    told = capsys.readouterr().out
    assert "a regardé cet écran de près" in told
    assert "'=1+1" in told
    assert ",=1" not in told


def test_a_look_whose_guard_was_killed_ends_with_its_lesson(tmp_path: Path) -> None:
    folder, journal = home(tmp_path)
    journal.append(
        [
            Noted("look-close", 100, {"lesson": "l1"}, "Ms Vidal"),
            Noted("presence-over", 150, {"lesson": "l0"}, "Ms Vidal"),
            Noted("presence-over", 200, {"lesson": "l1", "class": "5B"}, "Ms Vidal"),
            Noted("look-overview", 900, {"lesson": "l2"}, "Mr Weil"),
        ]
    )
    assert [(row.at, row.until) for row in seen(folder)] == [(900, 0), (100, 200)]


def test_an_erased_name_is_told_from_one_that_was_never_written(tmp_path: Path) -> None:
    folder, journal = home(tmp_path)
    journal.append([Noted("look-close", NOW - 181 * DAY_SECONDS, {}, "Ms Vidal")])
    journal.append([Noted("attention-locked", NOW, {})])
    clean(folder, journal, NOW, ())
    assert [row.who for row in seen(folder)] == ["", None]


def test_no_cell_is_a_formula() -> None:
    for begin in "=+-@\t":
        assert as_csv([[f"{begin}x"]]).lstrip('"').startswith("'")
