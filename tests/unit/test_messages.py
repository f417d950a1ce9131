import msgspec
import pytest

from device_bridge.protocol.errors import Malformed, Unsupported
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import decode_from_device

encode = msgspec.msgpack.encode
FREE = {"type": "report", "feature": "attention", "version": 3, "state": "free"}


def test_a_field_from_the_future_is_skipped() -> None:
    raw = encode({**FREE, "mood": [1, {"a": 2}]})
    assert decode_from_device(raw) == Report("attention", 3, "free")


def test_a_message_from_the_future_is_unsupported_not_malformed() -> None:
    with pytest.raises(Unsupported):
        decode_from_device(encode({"type": "hologram", "version": 3}))


def test_a_message_for_the_other_direction_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        decode_from_device(encode({"type": "lock-declared", "version": 3}))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        encode([1]),
        encode({**FREE, "version": -1}),
        encode({**FREE, "reason": "x" * 201}),
        encode({**FREE, "reason": "x" * 70_000}),
        b"\x81\xa4type\xa2\xff\xfe",
        b"\x82\xa4type\xa6report\xa5later" + b"\x91" * 60_000,
        b"\x82\xa4type\xa6report\xa5later\xdd\x7f\xff\xff\xff",
    ],
)
def test_hostile_bytes_are_malformed_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode_from_device(raw)
