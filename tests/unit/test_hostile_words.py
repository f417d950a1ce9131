"""What a pupil's device says is hostile, plain and cut before a teacher reads it."""

from classroom_app.presenters.journal import JournalRow, line
from classroom_app.presenters.sentences import foldable, reason
from classroom_app.services.talking import SPOKEN_MAX, Talking
from device_bridge.protocol.talking import PupilSaid
from tests.cart import ONE, Cart


async def test_a_pupils_words_cannot_turn_the_teachers_window_around() -> None:
    cart = Cart()
    talking = Talking(cart.room)
    turned = "\u202e.ecrof ed zessapéd suoV" + "x" * 1900
    await talking.take(ONE, PupilSaid("said-1", "words", turned))
    wish = cart.room.evidence(ONE).wish
    assert wish is not None
    assert "\u202e" not in wish.text
    assert len(wish.text) == SPOKEN_MAX


def test_a_reason_we_do_not_know_is_shown_on_one_short_line() -> None:
    assert reason("not\nso\u202e" + "y" * 500) == "not so " + "y" * 72 + "…"


def test_a_files_name_cannot_turn_a_line_of_the_journal() -> None:
    row = JournalRow("1", 0.0, "hand-in", "Lina", "exam\u202efdp.exe")
    assert "\u202e" not in line(row)


def test_a_word_without_end_can_be_broken() -> None:
    assert foldable("y" * 45) == "\u200b".join(("y" * 20, "y" * 20, "y" * 5))
    assert foldable("Je ne comprends pas.") == "Je ne comprends pas."
