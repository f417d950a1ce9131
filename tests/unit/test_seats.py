"""Who sits where: written before it is told, taken back pupil by pupil, whole after a restart."""

import pytest

from classroom_app.domain.acts import (
    Claimed,
    LessonStarted,
    Resumed,
    Sat,
    SeatClaim,
)
from classroom_app.domain.errors import StoreFull
from classroom_app.domain.lesson import ClassId, Lesson, LessonId
from classroom_app.domain.lesson import Roster as ClassRoster
from classroom_app.services.arrivals import Arrivals
from classroom_app.services.presence import Ended, Presence
from classroom_app.storage.resuming import resumed
from device_bridge.protocol.presence import SeatClaimed
from device_bridge.protocol.talking import Heard
from tests.cart import LINA, NOBODY, ONE, TOM, TWO, Cart


async def test_a_claim_waits_and_is_answered_once_it_is_written() -> None:
    cart = Cart()
    claimed = SeatClaimed("1", "l", "lina")
    await cart.seats.take(ONE, claimed)
    await cart.seats.take(ONE, claimed)
    assert cart.room.evidence(ONE).claim == LINA
    assert cart.sit() == {ONE: NOBODY, TWO: NOBODY}
    assert len(cart.journal.acts) == 1
    assert [told for _, told in cart.devices.told] == [Heard("1"), Heard("1")]


async def test_a_yes_tells_the_device_who_sits_there() -> None:
    cart = Cart()
    await cart.seats.take(ONE, SeatClaimed("1", "l", "lina"))
    await cart.seats.sit(LINA, ONE, "pupil")
    assert cart.room.evidence(ONE).claim == NOBODY
    assert (cart.told(ONE).pupil, cart.told(ONE).choices) == ("lina", ())
    assert cart.room.sittings[ONE].source == "pupil"


async def test_a_no_offers_the_list_again_in_a_newer_version() -> None:
    cart = Cart()
    await cart.seats.take(ONE, SeatClaimed("1", "l", "lina"))
    await cart.seats.sit(NOBODY, ONE)
    first = cart.told(ONE)
    assert [choice.pupil for choice in first.choices] == ["lina", "tom"]
    assert cart.room.evidence(ONE).claim == NOBODY
    await cart.seats.sit(NOBODY, ONE)
    assert cart.told(ONE).version > first.version


async def test_a_pupil_who_moves_leaves_the_other_device_to_nobody() -> None:
    cart = Cart()
    await cart.seats.sit(LINA, ONE)
    await cart.seats.sit(LINA, TWO)
    assert cart.sit() == {ONE: NOBODY, TWO: LINA}
    assert [choice.pupil for choice in cart.told(ONE).choices] == ["tom"]


async def test_what_was_taken_back_is_as_it_was() -> None:
    cart = Cart()
    await cart.seats.sit(LINA, ONE)
    await cart.seats.sit(TOM, TWO)
    before = {TWO: TOM, ONE: LINA}
    await cart.seats.sit(LINA, TWO)
    assert cart.sit() == {ONE: NOBODY, TWO: LINA}
    await cart.seats.put_back(before)
    assert cart.sit() == {ONE: LINA, TWO: TOM}


async def test_what_was_not_written_is_not_declared() -> None:
    cart = Cart()
    await cart.seats.sit(LINA, ONE)
    cart.journal.full = True
    with pytest.raises(StoreFull):
        await cart.seats.sit(LINA, TWO)
    assert cart.sit() == {ONE: LINA, TWO: NOBODY}
    assert TWO not in cart.devices.declared


def told_of(cart: Cart) -> list[Sat | SeatClaim]:
    return [act for act in cart.journal.acts if isinstance(act, Sat | SeatClaim)]


async def test_after_a_restart_who_moved_sits_once_and_a_claim_still_waits() -> None:
    cart = Cart()
    await cart.seats.sit(LINA, ONE)
    await cart.seats.sit(LINA, TWO)
    began = LessonStarted(
        id="a",
        lesson=LessonId("l"),
        at=1,
        class_id=ClassId("c"),
        class_name="5B",
        teacher_name="Claire",
        ends_at=9,
    )
    await cart.seats.take(ONE, SeatClaimed("1", "l", "tom"))
    kept = resumed([began, *told_of(cart)], ())
    assert kept is not None
    assert {one.device: one.pupil for one in kept.sittings} == {ONE: NOBODY, TWO: LINA}
    assert kept.claims == (Claimed(ONE, TOM),)
    await cart.seats.sit(NOBODY, ONE)
    kept = resumed([began, *told_of(cart)], ())
    assert kept is not None
    assert kept.claims == ()


class Kept:
    """The store and the signer after a restart: one class, and a lesson with a name that waits."""

    def __init__(self, cart: Cart) -> None:
        assert cart.room.roster
        assert cart.room.lesson
        self.class_, self.lesson = cart.room.roster, cart.room.lesson

    async def roster(self, class_id: ClassId) -> ClassRoster | None:
        return self.class_ if class_id == self.class_.id else None

    def sign(self, lesson: Lesson, now: int) -> str:
        del now
        return f"mandate of {lesson.id}"

    async def under_way(self) -> Resumed | None:
        return Resumed(
            self.lesson,
            sittings=(),
            declared=(),
            wanted=(),
            handouts=(),
            receipts=(),
            wishes=(),
            came=(),
            tickets=(),
            handed_in=(),
            claims=(Claimed(ONE, TOM),),
        )


async def nobody_hears(over: Ended) -> None:
    raise AssertionError(over)


async def test_a_claim_is_asked_about_again_after_a_restart() -> None:
    cart = Cart()
    kept = Kept(cart)
    cart.room.roster = cart.room.lesson = None
    arrivals = Arrivals(cart.room)
    presence = Presence(
        cart.room,
        rosters=kept,
        signs=kept,
        resumes=kept,
        follows=(),
        arrivals=arrivals,
        ended=nobody_hears,
    )
    await presence.resume()
    assert cart.room.evidence(ONE).claim == TOM
    # Whoever was only heard of has not been here: there is no tile of it until the device is back.
    assert [tile.key for tile in cart.room.tiles()] == [LINA, TOM]
