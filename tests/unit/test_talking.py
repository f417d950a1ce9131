"""The queue of raised hands, and the words beside them."""

from classroom_app.domain.tile import Wish
from classroom_app.services.talking import Talking
from device_bridge.protocol.talking import PupilSaid
from tests.cart import ONE, TWO, Cart


async def test_words_beside_a_raised_hand_leave_it_its_place_and_its_age() -> None:
    cart = Cart()
    talking = Talking(cart.room)
    await talking.take(ONE, PupilSaid("said-1", "hand-up", ""))
    raised = cart.room.evidence(ONE).wish
    assert raised is not None
    cart.clock.at += 5
    await talking.take(TWO, PupilSaid("said-2", "hand-up", ""))
    await talking.take(ONE, PupilSaid("said-3", "reply", "J'ai fini !"))
    assert cart.room.evidence(ONE).wish == Wish("hand", raised.since, 1, "J'ai fini !")


async def test_a_hand_raised_after_a_question_keeps_the_question() -> None:
    cart = Cart()
    talking = Talking(cart.room)
    await talking.take(ONE, PupilSaid("said-1", "words", "Which page?"))
    await talking.take(ONE, PupilSaid("said-2", "hand-up", ""))
    wish = cart.room.evidence(ONE).wish
    assert wish is not None
    assert (wish.kind, wish.place, wish.text) == ("hand", 1, "Which page?")
