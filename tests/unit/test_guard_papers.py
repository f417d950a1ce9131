"""What becomes of a hand-out on a device when it is withdrawn, decided without I/O."""

from msgspec.structs import replace

from device_bridge.agent.guard.papers import Paper, Papers, declared
from device_bridge.protocol.declared import Author
from device_bridge.protocol.materials import Document, MaterialReport, MaterialsDeclared


def test_an_app_that_names_nothing_withdrawn_has_the_copies_stay() -> None:
    paper = Paper(Document("h1", bytes(32), "plan.pdf", 7), "arrived", 7, "plan.pdf", bytes(32))
    held = Papers(1, "lesson-1", papers=(paper,))
    older, reports = declared(held, MaterialsDeclared(2, "lesson-1"), Author())
    assert (older.papers, older.gone) == ((), ())
    assert reports == [MaterialReport("h1", 2, "withdrawn")]
    newer, reports = declared(held, MaterialsDeclared(2, "lesson-1", (), ("h1",)), Author())
    assert (newer.leaving(), reports) == (paper, [])


def test_another_lesson_has_a_folder_of_its_own_in_which_nothing_lies_yet() -> None:
    document = Document("h1", bytes(32), "plan.pdf", 7)
    paper = Paper(document, "arrived", 7, "plan.pdf", bytes(32))
    held = Papers(1, "lesson-1", papers=(paper,), folder="5e B lesson-1")
    told = MaterialsDeclared(2, "lesson-2", (document,))
    after, reports = declared(held, told, Author(), folder="4e A lesson-2")
    assert (after.folder, reports) == ("4e A lesson-2", [MaterialReport("h1", 2, "wanted")])
    again, _ = declared(after, replace(told, version=3), Author(), folder="lesson-2")
    assert again.folder == "4e A lesson-2"


def test_what_is_being_opened_as_it_is_withdrawn_is_the_pupils() -> None:
    paper = Paper(Document("h1", bytes(32), "plan.pdf", 7), "arrived", 7, "plan.pdf", bytes(32))
    held = Papers(1, "lesson-1", papers=(paper,))
    told = MaterialsDeclared(2, "lesson-1", (), ("h1",))
    after, reports = declared(held, told, Author(), opening={"h1"})
    assert after.leaving() is None
    assert reports == [MaterialReport("h1", 2, "opened", 7, bytes(32))]
    _, again = declared(after, replace(told, version=3), Author())
    assert again == [MaterialReport("h1", 3, "opened", 7, bytes(32))]


def test_what_the_pupil_had_before_is_not_taken_back() -> None:
    paper = Paper(Document("h1", bytes(32), "plan.pdf", 7), "arrived", 7, "plan.pdf", bytes(32))
    told = MaterialsDeclared(2, "lesson-1", (), ("h1",))
    held = Papers(1, "lesson-1", papers=(replace(paper, found=True),))
    after, reports = declared(held, told, Author())
    assert after.leaving() is None
    assert [(report.state, report.reason) for report in reports] == [("opened", "changed")]


def test_a_file_that_another_hand_out_gave_as_well_is_not_taken_back() -> None:
    document = Document("h1", bytes(32), "plan.pdf", 7)
    paper = Paper(document, "arrived", 7, "plan.pdf", bytes(32))
    other = replace(paper, document=replace(document, handout="h2"), found=True)
    held = Papers(1, "lesson-1", papers=(paper, other))
    told = MaterialsDeclared(2, "lesson-1", (other.document,), ("h1",))
    after, _ = declared(held, told, Author())
    assert (after.leaving(), after.papers) == (None, (other,))
