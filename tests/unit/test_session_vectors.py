"""The vectors in `resources/protocol` are what this program says and understands."""

import json
from collections.abc import Callable
from typing import Any, Final, get_args

import pytest

from device_bridge.protocol.errors import Malformed, Unsupported
from device_bridge.protocol.messages import (
    decode_bulk,
    decode_control,
    decode_from_app,
    decode_from_device,
    decode_from_pairing,
    decode_picture_from_app,
    decode_picture_from_device,
    decode_showing_from_app,
    decode_showing_from_device,
    decode_to_pairing,
    encode,
)
from tests.protocol_vectors import EXAMPLES, FILE, LANES, as_json, written

DECODERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "control, from the app": decode_control,
    "control, in an order": decode_from_app,
    "control, from the device": decode_from_device,
    "pictures, from the app": decode_picture_from_app,
    "pictures, from the device": decode_picture_from_device,
    "bulk, both ways": decode_bulk,
    "showing, from the app": decode_showing_from_app,
    "showing, from the device": decode_showing_from_device,
    "pair, from the app": decode_to_pairing,
    "pair, from the device": decode_from_pairing,
}
ROWS: Final[list[dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))


def test_every_message_of_every_lane_has_a_vector() -> None:
    kinds = {kind for union in LANES.values() for kind in get_args(union)}
    assert kinds == {type(message) for message in EXAMPLES}
    assert FILE.read_text(encoding="utf-8") == written()  # python -m tests.protocol_vectors


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["type"]))
def test_a_vector_is_read_on_its_lanes_and_said_again_byte_for_byte(row: dict[str, Any]) -> None:
    raw = bytes.fromhex(row["msgpack"])
    for lane in row["lanes"]:
        message = DECODERS[lane](raw)
        assert encode(message) == raw
        assert as_json(message) == row["json"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["type"]))
def test_a_truncated_vector_is_malformed_at_every_byte(row: dict[str, Any]) -> None:
    raw = bytes.fromhex(row["msgpack"])
    for lane in row["lanes"]:
        for cut in range(len(raw)):
            with pytest.raises((Malformed, Unsupported)):
                DECODERS[lane](raw[:cut])
