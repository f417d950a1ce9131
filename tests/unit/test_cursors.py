"""The cursor of a pull: what is read again of it, and what is not."""

from base64 import urlsafe_b64encode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central_mdm.contract import roster
from central_mdm.roster.cursors import Cursor, Why, resumed, text_of

END = Cursor("epoch-1", "class:5B", 900)
IDS = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@settings(deadline=None)
@given(IDS, st.sampled_from(["class", "teacher"]), IDS, st.integers(0, 2**53))
def test_what_was_written_is_read_and_fits_the_contract(
    epoch: str, kind: str, name: str, sequence: int
) -> None:
    cursor = Cursor(epoch, f"{kind}:{name}", sequence)
    text = text_of(cursor)
    assert msgspec.convert(text, roster.Cursor) == text
    assert resumed(text, cursor) == (sequence, "")


@pytest.mark.parametrize(
    ("known", "after"),
    [
        (Cursor("epoch-1", "class:5B", 7), (7, "")),
        (Cursor("epoch-1", "class:5C", 7), (0, "another-scope")),
        (Cursor("epoch-2", "class:5B", 7), (0, "another-epoch")),
        (Cursor("epoch-1", "class:5B", 901), (0, "ahead")),
    ],
)
def test_a_scope_goes_on_where_the_cursor_is_of_it_and_else_begins(
    known: Cursor, after: tuple[int, Why]
) -> None:
    assert resumed(text_of(known), END) == after


def test_without_a_cursor_a_scope_begins_and_nobody_asks_why() -> None:
    assert resumed("", END) == (0, "")


WHOLE = text_of(END)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE[:-1],
        WHOLE[1:],
        f"{WHOLE} ",
        f"{WHOLE}é",
        "+" + WHOLE[1:],
        "A",
        "\x00",
        "kQ" * 128,
        text_of(Cursor("epoch-1", "class:5B", -1)),
        text_of(Cursor("epoch-1", "class:5B", 2**53 + 1)),
        base64url(b"\x93\xa1\xff\xa1s\x01"),
        base64url(msgspec.msgpack.encode(["epoch-1", "class:5B", 1, 1])),
        base64url(msgspec.msgpack.encode({"epoch": "epoch-1", "scope": "class:5B", "sequence": 1})),
        base64url(b"\x91" * 190),
    ],
)
def test_what_no_server_wrote_is_not_read(text: str) -> None:
    assert resumed(text, END) == (0, "unreadable")


@settings(deadline=None)
@given(st.text(max_size=roster.CURSOR_MAX) | st.binary(max_size=190).map(base64url))
def test_no_text_breaks_it(text: str) -> None:
    after, _ = resumed(text, END)
    assert 0 <= after <= END.sequence
