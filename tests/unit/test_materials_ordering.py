"""Who asks for what on `/bulk`, as dialogues."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.materials.ordering import (
    WINDOW_BYTES,
    WINDOW_CHUNKS,
    Begun,
    Done,
    Due,
    Effect,
    Event,
    Judged,
    Order,
    Refused,
    Spoiled,
    Verified,
    advance,
    arrived,
)
from device_bridge.materials.part import Lack
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.materials import ChunkPiece, ChunkWanted, ManifestSent, NotHeld
from tests.dialogue import Dialogue

PAPER, A, B = b"p" * 32, b"a" * 32, b"b" * 32
MEGABYTE = 1024 * 1024


def timeless(order: Order, event: Event, _: float) -> tuple[Order, list[Effect]]:
    return advance(order, event)


def test_chunks_are_asked_ahead_and_the_end_is_said_once_nothing_lacks() -> None:
    say = Dialogue(timeless, Order(PAPER))
    lacks = (Lack(A, 4 * MEGABYTE, have=5), Lack(B, 10))
    assert say(Begun(lacks), at=0) == [ChunkWanted(PAPER, A, 5), ChunkWanted(PAPER, B, 0)]
    assert say(Judged(A, whole=True), at=0) == [Verified()]
    assert say(Judged(B, whole=True), at=0) == [Verified(), Done()]


def test_a_document_that_lacks_nothing_is_done_at_once() -> None:
    assert advance(Order(PAPER), Begun(()))[1] == [Done()]


def test_a_wrong_chunk_is_asked_for_once_more_from_its_first_byte() -> None:
    say = Dialogue(timeless, Order(PAPER))
    say(Begun((Lack(A, 9, have=4),)), at=0)
    assert say(Judged(A, whole=False), at=0) == [ChunkWanted(PAPER, A, 0)]
    assert say(Judged(A, whole=False), at=0) == [Spoiled(A)]


def test_what_the_other_end_has_not_got_is_no_reason_to_wait() -> None:
    order, _ = advance(Order(PAPER), Begun((Lack(A, 9),)))
    assert advance(order, NotHeld(A))[1] == [Refused(A)]
    assert advance(order, Judged(B, whole=True))[1] == []


@given(st.lists(st.integers(1, 4 * MEGABYTE), max_size=60), st.data())
@settings(max_examples=50, deadline=None)
def test_every_chunk_is_asked_for_and_never_too_many_at_once(
    sizes: list[int], data: st.DataObject
) -> None:
    lacks = tuple(Lack(index.to_bytes(32, "big"), size) for index, size in enumerate(sizes))
    order, effects = advance(Order(PAPER), Begun(lacks))
    asked = [effect.chunk for effect in effects if isinstance(effect, ChunkWanted)]
    while Done() not in effects:
        assert len(order.asked) <= WINDOW_CHUNKS
        # One more chunk is asked while the window has room, so the whole is one chunk above it.
        assert sum(lack.size for lack in order.asked) < WINDOW_BYTES + 4 * MEGABYTE
        chunk = order.asked[0].chunk
        whole = chunk in order.again or data.draw(st.booleans())
        order, effects = advance(order, Judged(chunk, whole))
        asked += [effect.chunk for effect in effects if isinstance(effect, ChunkWanted)]
    assert set(asked) == {lack.chunk for lack in lacks}
    assert len(asked) == len(lacks) + len(order.again)


def test_answers_come_in_the_order_of_asking_and_byte_by_byte() -> None:
    due = Due(1, A, 3, 9)
    assert (after := arrived(due, ChunkPiece(A, 3, b"456"))) == Due(1, A, 6, 9)
    assert after is not None
    assert arrived(after, ChunkPiece(A, 6, b"789")) is None
    assert arrived(due, NotHeld(A)) is None
    assert arrived(Due(1, PAPER), ManifestSent(PAPER, b"")) is None


@pytest.mark.parametrize(
    ("due", "answer"),
    [
        (Due(1, A, 0, 9), ChunkPiece(B, 0, b"1")),  # another chunk
        (Due(1, A, 3, 9), ChunkPiece(A, 0, b"1")),  # from another byte
        (Due(1, A, 0, 9), ChunkPiece(A, 0, b"1234567890")),  # past its end
        (Due(1, A, 0, 9), ChunkPiece(A, 0, b"")),  # for ever nothing
        (Due(1, A, 0, 9), ManifestSent(A, b"")),
        (Due(1, PAPER), ChunkPiece(PAPER, 0, b"1")),
        (Due(1, PAPER), ManifestSent(A, b"")),
        (Due(1, A, 0, 9), NotHeld(B)),
    ],
)
def test_an_answer_to_nothing_ends_the_lane(
    due: Due, answer: ManifestSent | ChunkPiece | NotHeld
) -> None:
    with pytest.raises(Malformed):
        arrived(due, answer)
