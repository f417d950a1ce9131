"""Screens of Windows by DXGI Desktop Duplication, called through COM's own tables with ctypes.

Untested on Windows. Sources: Microsoft, "Desktop Duplication API", dxgi1_2.h, d3d11.h; the index of
a method is its place in the interface's table, inherited ones first (IUnknown has three).
"""

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from ctypes import POINTER, Structure, byref, c_int32, c_uint, c_uint16, c_void_p
from typing import Any, Final
from uuid import UUID

from device_bridge.agent.areas import few, packed
from device_bridge.agent.capabilities import Area, Picture, Unseen, unseen
from device_bridge.protocol.hello import Screen

FACTORY1: Final = UUID("770aae78-f26f-4dba-a829-253c83d1b387")
OUTPUT1: Final = UUID("00cddea8-939b-4b83-a340-a685226666cc")
TEXTURE2D: Final = UUID("6f15aaf2-d208-4e89-9ab4-489535d34f9c")
BGRA: Final = 87  # DXGI_FORMAT_B8G8R8A8_UNORM
STAGING, CPU_READS, MAP_READ = 3, 0x20000, 1
SDK: Final = 7
NO_MORE: Final = -0x7785_FFFE  # DXGI_ERROR_NOT_FOUND, 0x887A0002
NOTHING_NEW: Final = -0x7785_FFD9  # DXGI_ERROR_WAIT_TIMEOUT, 0x887A0027
DENIED: Final = -0x7FF8_FFFB  # E_ACCESSDENIED, 0x80070005: the secure desktop
RELEASE: Final = 2


class Guid(Structure):
    _fields_ = (("bytes", ctypes.c_ubyte * 16),)


class Rect(Structure):
    _fields_ = (("left", c_int32), ("top", c_int32), ("right", c_int32), ("bottom", c_int32))


class OutputDesc(Structure):
    """DXGI_OUTPUT_DESC. `coordinates` are of the desktop, turned as the user sees it."""

    _fields_ = (
        ("name", c_uint16 * 32),
        ("coordinates", Rect),
        ("attached", c_int32),
        ("rotation", c_uint),
        ("monitor", c_void_p),
    )


class FrameInfo(Structure):
    """DXGI_OUTDUPL_FRAME_INFO."""

    _fields_ = (
        ("last_present", ctypes.c_int64),
        ("last_mouse", ctypes.c_int64),
        ("accumulated", c_uint),
        ("rects_coalesced", c_int32),
        ("protected_masked", c_int32),
        ("pointer_x", c_int32),
        ("pointer_y", c_int32),
        ("pointer_visible", c_int32),
        ("metadata_bytes", c_uint),
        ("pointer_bytes", c_uint),
    )


class TextureDesc(Structure):
    """D3D11_TEXTURE2D_DESC."""

    _fields_ = (
        ("width", c_uint),
        ("height", c_uint),
        ("mips", c_uint),
        ("array", c_uint),
        ("format", c_uint),
        ("samples", c_uint),
        ("quality", c_uint),
        ("usage", c_uint),
        ("bind", c_uint),
        ("cpu", c_uint),
        ("misc", c_uint),
    )


class Mapped(Structure):
    """D3D11_MAPPED_SUBRESOURCE."""

    _fields_ = (("data", c_void_p), ("row_bytes", c_uint), ("depth_bytes", c_uint))


class Refused(OSError):
    """A COM method's answer that is an error; `result` is its HRESULT."""

    def __init__(self, result: int) -> None:
        super().__init__(f"HRESULT {result & 0xFFFFFFFF:#010x}")
        self.result = result


def guid(id_: UUID) -> Guid:
    return Guid((ctypes.c_ubyte * 16)(*id_.bytes_le))


def call(this: c_void_p, index: int, *arguments: Any, answers: bool = True) -> int:  # noqa: ANN401 - what C takes
    """Call method `index` of a COM object. Raises `Refused` where it `answers` with an error."""
    table = ctypes.cast(this, POINTER(POINTER(c_void_p))).contents
    method = ctypes.CFUNCTYPE(c_int32 if answers else None)(table[index] or 0)
    result = method(this, *arguments)
    if answers and result < 0:
        raise Refused(result)
    return result or 0


class WindowsCapture:
    """The primary screen first. A turned screen comes as the panel has it, on its side."""

    def __init__(self) -> None:
        self._outputs: list[_Output] = []

    def screens(self) -> tuple[Screen, ...]:
        with suppress(OSError):
            self._open()
        return tuple(Screen(one.width, one.height) for one in self._outputs)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        try:
            self._open()
            return self._outputs[screen].take() if screen < len(self._outputs) else None
        except OSError:
            self.close()
            return None

    def descriptor(self) -> None:
        return None

    def grab(self, screen: int) -> Picture | Unseen:
        try:
            self._open()
            if screen >= len(self._outputs):
                return unseen("screen-gone")
            output = self._outputs[screen]
            if output.pixels is None:
                output.take()
        except OSError as error:
            self.close()
            denied = isinstance(error, Refused) and error.result == DENIED
            return unseen("os-locked" if denied else "cannot-see")
        if output.pixels is None:
            return unseen("cannot-see")
        return Picture(output.width, output.height, "BGRX", output.pixels)

    def close(self) -> None:
        for output in self._outputs:
            output.close()
        self._outputs.clear()

    def _open(self) -> None:
        if not self._outputs:
            found = [_Output(*each) for each in _outputs()]
            self._outputs = sorted(found, key=lambda one: not one.primary)


class _Output:
    """One screen's duplication, its device and a texture that the processor may read."""

    def __init__(self, device: c_void_p, context: c_void_p, output: c_void_p) -> None:
        self._context = context
        described = OutputDesc()
        call(output, 7, byref(described))  # GetDesc
        at = described.coordinates
        self.primary = (at.left, at.top) == (0, 0)
        self.width, self.height = at.right - at.left, at.bottom - at.top
        self.pixels: bytes | None = None
        self._duplication, self._staging = c_void_p(), c_void_p()
        call(output, 22, device, byref(self._duplication))  # DuplicateOutput
        wanted = TextureDesc(self.width, self.height, 1, 1, BGRA, 1, 0, STAGING, 0, CPU_READS, 0)
        call(device, 5, byref(wanted), None, byref(self._staging))  # CreateTexture2D

    def take(self) -> tuple[Area, ...] | None:
        """Take the newest frame, where there is one; say where it is new."""
        info, resource, texture = FrameInfo(), c_void_p(), c_void_p()
        try:
            call(self._duplication, 8, c_uint(0), byref(info), byref(resource))  # AcquireNextFrame
        except Refused as refused:
            if refused.result == NOTHING_NEW:
                return ()
            raise
        try:
            areas = self._areas(info)
            call(resource, 0, byref(guid(TEXTURE2D)), byref(texture))  # QueryInterface
            call(self._context, 47, self._staging, texture, answers=False)  # CopyResource
            self._read()
            return areas
        finally:
            for one in (texture, resource):
                released(one)
            call(self._duplication, 14)  # ReleaseFrame

    def _areas(self, info: FrameInfo) -> tuple[Area, ...] | None:
        """Return the dirty rectangles; None where parts moved, which they do not hold."""
        moved, drawn = c_uint(0), c_uint(0)
        room = (Rect * (info.metadata_bytes // ctypes.sizeof(Rect) + 1))()
        size = c_uint(ctypes.sizeof(room))
        call(self._duplication, 10, size, byref(room), byref(moved))  # GetFrameMoveRects
        if moved.value or not info.metadata_bytes:
            return None
        call(self._duplication, 9, size, byref(room), byref(drawn))  # GetFrameDirtyRects
        told = room[: drawn.value // ctypes.sizeof(Rect)]
        found = [Area(r.left, r.top, r.right - r.left, r.bottom - r.top) for r in told]
        return few(found, Area(0, 0, self.width, self.height))

    def _read(self) -> None:
        mapped = Mapped()
        call(
            self._context, 14, self._staging, c_uint(0), c_uint(MAP_READ), c_uint(0), byref(mapped)
        )
        try:
            length = mapped.row_bytes * self.height
            rows = (ctypes.c_ubyte * length).from_address(mapped.data or 0)
            self.pixels = packed(memoryview(rows), mapped.row_bytes, self.width, self.height)
        finally:
            call(self._context, 15, self._staging, c_uint(0), answers=False)  # Unmap

    def close(self) -> None:
        for one in (self._duplication, self._staging):
            released(one)


def released(one: c_void_p) -> None:
    if one:
        call(one, RELEASE, answers=False)


def _outputs() -> Iterator[tuple[c_void_p, c_void_p, c_void_p]]:
    """Yield device, context and IDXGIOutput1 of each screen. Raises `OSError`."""
    dxgi, d3d11 = ctypes.CDLL("dxgi.dll"), ctypes.CDLL("d3d11.dll")
    factory = c_void_p()
    if (result := dxgi.CreateDXGIFactory1(byref(guid(FACTORY1)), byref(factory))) < 0:
        raise Refused(result)
    for adapter in _each(factory, 12):  # EnumAdapters1
        device, context = c_void_p(), c_void_p()
        result = d3d11.D3D11CreateDevice(
            *(adapter, 0, None, 0, None, 0, SDK, byref(device), None, byref(context))
        )
        if result < 0:
            raise Refused(result)
        for output in _each(adapter, 7):  # EnumOutputs
            wanted = c_void_p()
            call(output, 0, byref(guid(OUTPUT1)), byref(wanted))  # QueryInterface
            yield device, context, wanted


def _each(of: c_void_p, index: int) -> Iterator[c_void_p]:
    number = 0
    while True:
        found = c_void_p()
        try:
            call(of, index, c_uint(number), byref(found))
        except Refused as refused:
            if refused.result == NO_MORE:
                return
            raise
        yield found
        number += 1
