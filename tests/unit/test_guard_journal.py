"""The device's journal: chained, erasable, and whole again after a power cut."""

from pathlib import Path

from msgspec.json import decode

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import DeviceJournal, Noted, Personal, verify
from tests.guards import Hands, guard_in


def salt(count: int) -> bytes:
    return b"s" * count


def journal_in(path: Path) -> tuple[Folder, DeviceJournal]:
    folder = Folder(path)
    folder.make()
    return folder, DeviceJournal(folder, salt)


def test_what_is_noted_is_chained_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    folder, journal = journal_in(tmp_path)
    journal.append(
        [Noted("locked", 5, {"version": 7}), Noted("message", 6, {"id": "m"}, "Bonjour")]
    )
    DeviceJournal(folder, salt).append([Noted("freed", 7, {"version": 8})])
    assert verify(folder).entries == 3
    assert "Bonjour" not in folder.journal.read_text()
    assert folder.journal.stat().st_mode & 0o777 == 0o600


def test_personal_words_can_be_erased_without_breaking_the_chain(tmp_path: Path) -> None:
    folder, journal = journal_in(tmp_path)
    journal.append([Noted("message", 6, {}, "Bonjour")])
    folder.personal.unlink()
    assert verify(folder).entries == 1


def test_a_changed_line_is_named(tmp_path: Path) -> None:
    folder, journal = journal_in(tmp_path)
    journal.append([Noted("locked", n, {"version": n}) for n in range(1, 5)])
    lines = folder.journal.read_text().splitlines()
    lines[1] = lines[1].replace('"at":2', '"at":9')
    folder.journal.write_text("\n".join(lines) + "\n")
    fault = verify(folder).fault
    assert fault is not None
    assert (fault.sequence, fault.what, fault.kind) == (2, "altered", "locked")


def test_a_line_torn_by_a_power_cut_is_cut_off(tmp_path: Path) -> None:
    folder, journal = journal_in(tmp_path)
    journal.append([Noted("locked", 1, {}), Noted("freed", 2, {})])
    raw = folder.journal.read_bytes()
    folder.journal.write_bytes(raw[:-10])
    DeviceJournal(folder, salt).append([Noted("locked", 3, {})])
    assert verify(folder).entries == 2


def test_words_torn_by_a_power_cut_spoil_no_later_ones(tmp_path: Path) -> None:
    folder, journal = journal_in(tmp_path)
    journal.append([Noted("message", 1, {}, "Bonjour")])
    whole = folder.personal.read_bytes()
    folder.personal.write_bytes(whole + whole[:-10])
    DeviceJournal(folder, salt).append([Noted("message", 2, {}, "Au revoir")])
    rows = [decode(line, type=Personal) for line in folder.personal.read_bytes().splitlines()]
    assert [(row.sequence, row.words) for row in rows] == [(1, "Bonjour"), (2, "Au revoir")]


def test_an_entry_under_a_clock_of_1970_is_dated_by_what_the_school_has_signed(
    tmp_path: Path,
) -> None:
    guard = guard_in(tmp_path, Hands(wall_seconds=12.0))
    guard.ground.signed_at(1_795_510_000)
    guard.voice.note("locked", {})
    assert guard.voice.notes[-1].at == 1_795_510_000
