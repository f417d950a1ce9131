"""What a restart knows of a lesson, told from its acts."""

import pytest
from msgspec.structs import replace

from classroom_app.domain.acts import (
    AnyAct,
    CollectDone,
    HandOutWithdrawn,
    LessonExtended,
    LessonOver,
    LessonShared,
    LockAsked,
    OpenWish,
    PupilAnswered,
    PupilSpoke,
    Resumed,
    Sat,
)
from classroom_app.domain.lesson import PupilId
from classroom_app.services.presence import longest_until
from classroom_app.storage.resuming import EVERYBODY, resumed
from tests.stores import AMINA, BELA, DECLARED, LESSON, NOON, ONE, TWO, Told, lesson_acts


def told(number: int) -> Told:
    return {"id": f"later-{number}", "lesson": LESSON, "at": NOON + 100 + number}


def after(*acts: AnyAct) -> Resumed:
    found = resumed((*lesson_acts(), *acts), DECLARED)
    assert found is not None
    return found


def lock(number: int, *pupils: PupilId, locked: bool, everybody: bool = False) -> LockAsked:
    return LockAsked(
        **told(number),
        version=number,
        locked=locked,
        everybody=everybody,
        pupils=pupils,
        devices=(),
    )


def test_a_lesson_goes_on_with_all_that_was_told() -> None:
    found = after()
    assert found.lesson.class_name == "5e B"
    assert found.declared == DECLARED
    assert [(each.device, each.pupil) for each in found.sittings] == [(ONE, AMINA), (TWO, BELA)]
    assert [(each.pupil, each.locked) for each in found.wanted] == [(EVERYBODY, True)]
    assert [each.name for each in found.handouts] == ["Fractions.pdf"]
    assert [(each.device, each.state) for each in found.receipts] == [(ONE, "opened")]
    assert [(each.device, each.text) for each in found.wishes] == [(TWO, "Which page?")]
    assert found.came == (ONE, TWO)
    assert [each.devices for each in found.tickets] == [(TWO,)]  # it was away at the collection
    assert [each.device for each in found.handed_in] == [ONE]


@pytest.mark.parametrize("acts", [(), (*lesson_acts(), LessonOver(**told(1), why="teacher"))])
def test_what_is_over_or_never_was_is_not_taken_up(acts: tuple[AnyAct, ...]) -> None:
    assert resumed(acts, ()) is None


def test_an_end_that_moved_is_the_end() -> None:
    assert after(LessonExtended(**told(1), ends_at=NOON + 9000)).lesson.ends_at == NOON + 9000
    assert after(LessonShared(**told(1), shared=True)).lesson.shared
    twice = [LessonExtended(**told(n), ends_at=NOON + 9000 * n, clock_set=9000) for n in (1, 2)]
    found = after(*twice).lesson
    assert (found.ends_at, found.clock_set) == (NOON + 18_000, 18_000)
    assert longest_until(found) == longest_until(after().lesson) + 18_000, "as long as it may be"


def test_a_lesson_that_went_on_after_its_end_locks_nobody_and_has_no_hand_up() -> None:
    found = after(
        LessonOver(**told(1), why="teacher"),
        LessonExtended(**told(2), ends_at=NOON + 3600, after_end=True),
    )
    assert (found.wanted, found.wishes) == ((), ())
    assert [each.name for each in found.handouts] == ["Fractions.pdf"]
    assert [each.devices for each in found.tickets] == [(TWO,)]


def test_a_pupil_freed_by_name_stays_free_until_everybody_is_told_anew() -> None:
    freed = after(lock(1, BELA, locked=False))
    assert {each.pupil: each.locked for each in freed.wanted} == {EVERYBODY: True, BELA: False}
    anew = after(lock(1, BELA, locked=False), lock(2, locked=True, everybody=True))
    assert [each.pupil for each in anew.wanted] == [EVERYBODY]


def test_who_moved_sits_at_one_device_only() -> None:
    moved = after(Sat(**told(1), device=TWO, pupil=AMINA, source="teacher", left=ONE))
    sitting = {each.device: each.pupil for each in moved.sittings}
    assert sitting == {ONE: PupilId(""), TWO: AMINA}


def test_an_answered_hand_is_down_and_a_settled_ticket_waits_for_nobody() -> None:
    found = after(
        PupilAnswered(**told(1), device=TWO, pupil=BELA),
        CollectDone(**told(2), ticket="ticket-1", device=TWO, files=0, reason="nothing"),
        HandOutWithdrawn(**told(3), handout="handout-1"),
    )
    assert not found.wishes
    assert not found.tickets
    assert [each.withdrawn for each in found.handouts] == [True]


def test_a_lesson_goes_on_though_a_pupil_in_it_was_erased() -> None:
    erased = [
        replace(act, pupil=PupilId("")) if isinstance(act, Sat) else act for act in lesson_acts()
    ]
    found = resumed(erased, DECLARED)
    assert found is not None
    assert {each.pupil for each in found.sittings} == {PupilId("")}


def test_a_raised_hand_keeps_its_place_beside_later_words_and_goes_down_at_last() -> None:
    up = PupilSpoke(**told(1), device=ONE, pupil=AMINA, kind="hand-up", text="")
    words = PupilSpoke(**told(2), device=ONE, pupil=AMINA, kind="reply", text="J'ai fini !")
    down = PupilSpoke(**told(3), device=ONE, pupil=AMINA, kind="hand-down", text="")
    kept = {each.device: each for each in after(up, words).wishes}
    assert kept[ONE] == OpenWish(ONE, "hand-up", up.at, "J'ai fini !")
    assert [each.device for each in after(up, words, down).wishes] == [TWO]
