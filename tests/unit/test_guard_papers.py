"""What becomes of a hand-out on a device when it is withdrawn, decided without I/O."""

from msgspec.structs import replace

from device_bridge.agent.guard.papers import Paper, Papers, declared, sat, taken_back
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


CLAIRE, OMAR = Author("lesson-a", key="claire"), Author("lesson-b", key="omar")
PLAN = Document("h1", bytes(32), "plan.pdf", 7)
GIVEN = Paper(PLAN, "arrived", 7, "plan.pdf", bytes(32))


def between() -> Papers:
    """Lesson A's paper is here, and lesson B is on."""
    held = Papers(1, "lesson-a", CLAIRE, (GIVEN,), folder="5B lesson-a")
    between, reports = declared(held, MaterialsDeclared(2, "lesson-b"), OMAR, folder="B")
    assert (between.folder, between.papers, reports) == ("B", (), [])
    return between


def test_a_lesson_that_goes_on_after_another_knows_what_it_gave_and_may_take_it_back() -> None:
    again, reports = declared(between(), MaterialsDeclared(3, "lesson-a", (PLAN,)), CLAIRE)
    assert (again.papers, again.folder, again.earlier) == ((GIVEN,), "5B lesson-a", ())
    assert [report.state for report in reports] == ["arrived"]
    after, _ = declared(again, MaterialsDeclared(4, "lesson-a", (), ("h1",)), CLAIRE)
    assert after.leaving() == GIVEN, "ours, and not the pupil's own"


def test_what_is_still_to_be_taken_back_is_not_forgotten_at_the_next_lesson() -> None:
    held = Papers(1, "lesson-a", CLAIRE, (GIVEN,), folder="5B lesson-a")
    held, _ = declared(held, MaterialsDeclared(2, "lesson-a", (), ("h1",)), CLAIRE)
    for version, lesson in enumerate(("lesson-b", "lesson-c"), 3):
        held, _ = declared(held, MaterialsDeclared(version, lesson), OMAR, folder=lesson)
        assert held.leaving() == replace(GIVEN, folder="5B lesson-a")


def test_a_later_lesson_of_the_same_teacher_takes_back_what_was_given_in_an_earlier_one() -> None:
    told = MaterialsDeclared(3, "lesson-c", (), ("h1",))
    stranger, _ = declared(between(), told, OMAR, folder="C")
    assert stranger.leaving() is None, "whoever did not give it does not take it"
    after, _ = declared(between(), told, replace(CLAIRE, lesson="lesson-c"), folder="C")
    assert after.leaving() == replace(GIVEN, folder="5B lesson-a")
    assert after.earlier == ()


def test_no_more_of_earlier_lessons_is_kept_than_fits_beside_a_lesson() -> None:
    held = Papers()
    for number in range(3):
        rows = tuple(
            replace(GIVEN, document=replace(PLAN, handout=f"h{number}-{one}")) for one in range(60)
        )
        held = replace(held, lesson=f"lesson-{number}", papers=rows)
        held, _ = declared(held, MaterialsDeclared(number + 1, f"lesson-{number + 1}"), OMAR)
    assert len(held.earlier) == 100
    assert held.earlier[-1].paper.document.handout == "h2-59"


LINA, HUGO = 1001, 1002
LINAS = replace(GIVEN, whose=LINA)


def lina_was_here() -> Papers:
    return Papers(1, "lesson-a", CLAIRE, (LINAS,), folder="5B lesson-a")


def test_who_logs_in_after_another_is_given_it_anew_and_each_has_their_own() -> None:
    hugos = sat(lina_was_here(), HUGO)
    assert hugos.papers == (Paper(PLAN),), "nothing of Lina's is counted as Hugo's"
    given = replace(hugos, papers=(replace(GIVEN, whose=HUGO),))
    assert sat(given, HUGO) == given
    assert sat(given, LINA).papers == (LINAS,), "it still lies with her"
    assert sat(sat(given, LINA), HUGO) == given


def test_what_waits_or_comes_goes_on_for_whoever_logs_in() -> None:
    coming = replace(lina_was_here(), papers=(Paper(PLAN, "fetching", have=3),))
    assert sat(coming, HUGO) == coming


def test_each_users_copy_is_taken_back_when_that_user_is_here_and_told_after_the_last() -> None:
    held = replace(sat(lina_was_here(), HUGO), papers=(replace(GIVEN, whose=HUGO),))
    told = MaterialsDeclared(2, "lesson-a", (), ("h1",))
    after, reports = declared(held, told, CLAIRE, whose=HUGO)
    assert reports == []
    hugos = after.leaving(whose=HUGO)
    assert hugos is not None
    after = taken_back(after, hugos, whole=True)
    assert after.leaving(whose=HUGO) is None
    assert not after.is_settled(hugos)
    linas = after.leaving(whose=LINA)
    assert linas is not None
    after = taken_back(after, linas, whole=True)
    assert [row.state for row in after.gone] == ["withdrawn", "withdrawn"]
    assert after.is_settled(hugos)


def test_a_lesson_that_goes_on_knows_what_it_gave_to_who_is_here() -> None:
    between, _ = declared(lina_was_here(), MaterialsDeclared(2, "lesson-b"), OMAR, whose=LINA)
    for whose, papers in ((HUGO, (Paper(PLAN),)), (LINA, (LINAS,)), (None, (LINAS,))):
        told = MaterialsDeclared(3, "lesson-a", (PLAN,))
        again, _ = declared(between, told, CLAIRE, whose=whose)
        assert again.papers == papers


def test_of_teachers_who_share_a_class_each_takes_back_their_own_also_in_a_later_lesson() -> None:
    plan, quiz = (Document(id_, id_.encode() * 16, f"{id_}.pdf", 7) for id_ in ("h1", "h2"))
    claire, omar = Author("lesson-1", key="1"), Author("lesson-1", key="2")
    held, _ = declared(Papers(), MaterialsDeclared(1, "lesson-1", (plan,)), claire)
    both = MaterialsDeclared(2, "lesson-1", (plan, quiz))
    held, _ = declared(held, both, omar, lesson="lesson-2")
    assert [held.giver(one.handout).lesson for one in (plan, quiz)] == ["lesson-1", "lesson-2"]
    rows = (replace(row, state="arrived", name=row.document.name) for row in held.papers)
    held = replace(held, papers=tuple(rows))
    # Claire's lesson is over; what Omar then says is of his own hand-outs.
    after, _ = declared(
        held, MaterialsDeclared(3, "lesson-1", (quiz,), ("h1",)), omar, lesson="lesson-2"
    )
    assert after.leaving() is None
    assert sat(after, after.papers[0].whose).earlier == after.earlier
    for who, key, took in (("h1", "2", False), ("h1", "1", True), ("h2", "1", False)):
        told = MaterialsDeclared(4, "lesson-9", (), (who,))
        later, _ = declared(after, told, Author("lesson-9", key=key))
        assert (later.leaving() is not None) is took, (who, key)
