"""DXGI's structures and numbers, as far as they can be held to Microsoft's headers from here."""

import ctypes
from ctypes import c_int32, c_uint, c_void_p

import pytest

from device_bridge.agent.capabilities import unseen
from device_bridge.agent.platform import windows_capture as windows


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (windows.OutputDesc, 96),
        (windows.FrameInfo, 48),
        (windows.TextureDesc, 44),
        (windows.Mapped, 16),
        (windows.Rect, 16),
        (windows.Guid, 16),
    ],
)
def test_structures_are_as_large_as_on_64_bit_windows(
    kind: type[ctypes.Structure], size: int
) -> None:
    assert ctypes.sizeof(kind) == size


def test_numbers_are_those_of_the_headers() -> None:
    found = [code & 0xFFFFFFFF for code in (windows.NO_MORE, windows.NOTHING_NEW, windows.DENIED)]
    assert found == [0x887A0002, 0x887A0027, 0x80070005]
    raw = bytes(windows.guid(windows.TEXTURE2D).bytes)
    assert raw[:8] == bytes.fromhex("f2aa156f 08d2 894e")


def test_a_method_is_called_by_its_place_and_its_refusal_is_raised() -> None:
    kind = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint)

    def obeys(_: object, number: int) -> int:
        return number

    def refuses(_: object, number: int) -> int:
        return windows.NOTHING_NEW + number

    answers = [kind(obeys), kind(refuses)]
    table = (c_void_p * 2)(*(ctypes.cast(each, c_void_p) for each in answers))
    thing = ctypes.pointer(ctypes.pointer(table))
    this = ctypes.cast(thing, c_void_p)
    assert windows.call(this, 0, c_uint(7)) == 7
    with pytest.raises(windows.Refused) as refused:
        windows.call(this, 1, c_uint(0))
    assert refused.value.result == windows.NOTHING_NEW


def test_without_dxgi_nothing_is_seen_and_it_is_said() -> None:
    capture = windows.WindowsCapture()
    assert (capture.screens(), capture.changed(0)) == ((), None)
    assert capture.grab(0) == unseen("cannot-see")
