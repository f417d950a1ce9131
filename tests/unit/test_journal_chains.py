"""The device's journal as a chain: whatever is done to its lines is found, an erasure is not."""

import json
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from central_mdm.contract.heads import Mark
from device_bridge.agent.cli import main
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import (
    DeviceJournal,
    Entry,
    Noted,
    marks_at,
    read_entries,
    verify,
)
from device_bridge.journal_fault import Fault, Verdict, sentence
from tests.machines import QUICK

WORDS = "Bonjour"


def folder_with(path: Path, count: int) -> Folder:
    folder = Folder(path)
    folder.make()
    journal = DeviceJournal(folder, lambda size: b"s" * size)
    journal.append([Noted("locked", n, {"version": n}, WORDS) for n in range(1, count + 1)])
    return folder


def lines_of(folder: Folder) -> list[str]:
    return folder.journal.read_text().splitlines(keepends=True)


def found(folder: Folder, *signed: Mark) -> tuple[int, str]:
    fault = verify(folder, signed).fault
    assert fault is not None
    return fault.sequence, fault.what


def test_a_removed_entry_is_named_by_its_place(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 5)
    lines = lines_of(folder)
    folder.journal.write_text("".join(lines[:2] + lines[3:]))
    assert found(folder) == (3, "removed")


def test_swapped_entries_are_named_by_the_first_of_their_places(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 5)
    lines = lines_of(folder)
    folder.journal.write_text("".join([lines[0], lines[3], lines[2], lines[1], lines[4]]))
    assert found(folder) == (2, "reordered")


def test_an_entry_that_was_written_anew_with_its_hash_is_named_by_the_one_after_it(
    tmp_path: Path,
) -> None:
    folder, other = folder_with(tmp_path / "one", 5), folder_with(tmp_path / "two", 2)
    journal = DeviceJournal(other, lambda size: b"t" * size)
    journal.append([Noted("locked", 3, {"version": 999}, WORDS)])
    forged = lines_of(other)[2]
    lines = lines_of(folder)
    folder.journal.write_text("".join([*lines[:2], forged, *lines[3:]]))
    assert found(folder) == (3, "altered")


def test_a_cut_end_is_found_by_what_was_signed_of_it(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 5)
    signed = marks_at(folder, {4})[4]
    folder.journal.write_text("".join(lines_of(folder)[:3]))
    assert verify(folder).fault is None  # from the file alone nobody sees that
    assert found(folder, signed) == (4, "cut")


def test_a_journal_written_anew_from_some_entry_on_is_found_by_what_was_signed(
    tmp_path: Path,
) -> None:
    folder, other = folder_with(tmp_path / "one", 5), folder_with(tmp_path / "two", 2)
    signed = marks_at(folder, {5})[5]
    journal = DeviceJournal(other, lambda size: b"t" * size)
    journal.append([Noted("locked", n, {"version": n + 1}) for n in range(3, 9)])
    assert verify(other).fault is None
    assert found(other, signed) == (5, "rewritten")


def test_other_words_than_were_said_are_found(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 3)
    folder.personal.write_text(folder.personal.read_text().replace(WORDS, "Bonsoir", 1))
    assert found(folder) == (1, "words")


def test_words_are_erased_by_age_and_the_chain_stays_whole(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 4)
    journal = DeviceJournal(folder, lambda size: b"s" * size)
    before = folder.journal.read_bytes()
    assert journal.erase(3) == 2
    assert folder.journal.read_bytes() == before
    assert verify(folder).fault is None
    assert [one.words for one in read_entries(folder)] == [None, None, WORDS, WORDS]
    assert folder.personal.stat().st_mode & 0o777 == 0o600
    assert journal.erase(3) == 0


def test_entries_are_read_from_any_place_on(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 3)
    assert list(read_entries(folder, 2)) == [Entry(3, "locked", 3, {"version": 3}, WORDS)]
    assert list(read_entries(Folder(tmp_path / "none"))) == []


def told(folder: Folder, *words: str) -> tuple[int, str]:
    out = StringIO()
    with redirect_stdout(out):
        code = main(["journal", "--folder", str(folder.root), "verify", *words])
    return code, out.getvalue().strip()


def test_the_command_names_the_first_broken_place_and_ends_with_one(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 3)
    assert told(folder) == (0, "The journal is whole: 3 entries.")
    lines = lines_of(folder)
    folder.journal.write_text("".join([lines[0], lines[1].replace('"at":2', '"at":9'), lines[2]]))
    code, said = told(folder)
    assert code == 1
    assert said.startswith("Entry 2 (locked, id ")
    assert said.endswith("was altered. The 1 entries before it are whole.")
    code, said = told(folder, "--json")
    assert code == 1
    verdict = json.loads(said)
    assert (verdict["entries"], verdict["fault"]["sequence"]) == (1, 2)
    assert verdict["fault"]["what"] == "altered"


def test_a_folder_without_a_journal_is_not_called_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(Folder(tmp_path / "mistyped")) == (2, "")
    assert capsys.readouterr().err == f"There is no journal in {tmp_path / 'mistyped'}.\n"


def test_an_entry_of_no_date_is_named_without_one() -> None:
    said = sentence(Verdict("", 1, Fault(2, "altered", "ab", "locked", 10**18)))
    assert said.startswith("Entry 2 (locked, id ab) was altered.")


@pytest.mark.parametrize("what", ["altered", "removed", "reordered", "cut", "rewritten", "words"])
def test_every_fault_has_a_sentence_with_its_place(tmp_path: Path, what: str) -> None:
    folder = folder_with(tmp_path, 1)
    verdict = verify(folder)
    fault = Fault(7, what, "ab", "locked", 1_795_510_000)  # pyright: ignore[reportArgumentType]
    said = sentence(type(verdict)("", 6, fault))
    assert "7" in said
    assert "{" not in said


class Chains(RuleBasedStateMachine):
    """A journal that grows, is erased and restarted, and lines that are tampered with once."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory(prefix="pupitre-chain-")
        self.folder = Folder(Path(self.place.name))
        self.folder.make()
        self.restart()
        self.count = 0
        self.signed = Mark()
        self.broken = 0

    def teardown(self) -> None:
        self.place.cleanup()

    @rule()
    def restart(self) -> None:
        self.journal = DeviceJournal(self.folder, lambda size: b"s" * size)

    @precondition(lambda self: not self.broken)
    @rule(words=st.lists(st.text(max_size=8), min_size=1, max_size=4))
    def note(self, words: list[str]) -> None:
        rows = [Noted("said", self.count + n, {"n": n}, one) for n, one in enumerate(words)]
        self.journal.append(rows)
        self.count += len(rows)

    @precondition(lambda self: not self.broken)
    @rule(before_at=st.integers(0, 20))
    def erase(self, before_at: int) -> None:
        self.journal.erase(before_at)

    @precondition(lambda self: not self.broken)
    @rule()
    def sign(self) -> None:
        self.signed = marks_at(self.folder, {self.count})[self.count]

    @precondition(lambda self: not self.broken and self.count > 1)
    @rule(data=st.data())
    def tamper(self, data: st.DataObject) -> None:
        lines = lines_of(self.folder)
        place = data.draw(st.integers(0, len(lines) - 2))
        how = data.draw(st.sampled_from(["alter", "remove", "swap", "cut"]))
        if how == "cut" and self.signed.count <= place:
            return  # what nobody signed can be cut unseen: so heads are exchanged each lesson
        match how:
            case "alter":
                lines[place] = lines[place].replace('"kind":"said"', '"kind":"sang"')
            case "remove":
                del lines[place]
            case "swap":
                lines[place], lines[place + 1] = lines[place + 1], lines[place]
            case _:
                del lines[place:]
        self.folder.journal.write_text("".join(lines))
        self.broken = place + 1

    @invariant()
    def the_first_broken_place_is_named_and_nothing_else(self) -> None:
        verdict = verify(self.folder, [self.signed])
        if self.broken:
            assert verdict.fault is not None
            assert verdict.fault.sequence == self.broken
            assert verdict.entries == self.broken - 1
        else:
            assert verdict.fault is None
            assert verdict.entries == self.count == len(list(read_entries(self.folder)))


Chains.TestCase.settings = settings(QUICK, max_examples=30, stateful_step_count=12)
TestChains = Chains.TestCase
