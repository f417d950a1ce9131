"""A small client of the remote framebuffer protocol (RFC 6143): raw pixels into one buffer.

Raw is a peer's best on a loopback: it packs nothing and the client unpacks nothing.
"""

import socket
import struct
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from classroom_app.demo import time_code

_PIXELS: Final = struct.pack("!BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
_WAIT_SECONDS: Final = 10.0


class RfbClient:
    """Connected to a server that asks for no password; `pixels` is BGRX, row by row."""

    def __init__(self, host: str, port: int) -> None:
        self._line = socket.create_connection((host, port), _WAIT_SECONDS)
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received_bytes = 0
        self._read(12)
        self._line.sendall(b"RFB 003.008\n")
        if 1 not in self._read(self._read(1)[0]):
            raise ConnectionError("the server wants a password")
        self._line.sendall(b"\x01")
        if any(self._read(4)):
            raise ConnectionError("the server refuses")
        self._line.sendall(b"\x01")
        self.width, self.height = struct.unpack("!HH", self._read(4))
        self._read(16)
        self._read(struct.unpack("!I", self._read(4))[0])
        self._line.sendall(b"\x00\x00\x00\x00" + _PIXELS)
        self._line.sendall(struct.pack("!BxHi", 2, 1, 0))
        self.pixels = bytearray(self.width * self.height * 4)

    def close(self) -> None:
        self._line.close()

    def update(self, *, whole: bool = False) -> None:
        """Ask for what changed (`whole`: for all), and wait until it is in `pixels`."""
        self._line.sendall(struct.pack("!BBHHHH", 3, not whole, 0, 0, self.width, self.height))
        while (kind := self._read(1)[0]) != 0:
            self._skip(kind)
        for _ in range(struct.unpack("!xH", self._read(3))[0]):
            self._rectangle(*struct.unpack("!HHHHi", self._read(12)))

    def _skip(self, kind: int) -> None:
        match kind:
            case 2:  # bell
                pass
            case 3:  # cut text
                self._read(struct.unpack("!3xI", self._read(7))[0])
            case _:
                raise ConnectionError(f"message {kind}")

    def _rectangle(self, x: int, y: int, width: int, height: int, encoding: int) -> None:
        if encoding:
            raise ConnectionError(f"encoding {encoding}")
        into, row = memoryview(self.pixels), self.width * 4
        if width == self.width:
            self._fill(into[y * row : (y + height) * row])
            return
        got = memoryview(self._read(width * height * 4))
        for line in range(height):
            start = (y + line) * row + x * 4
            into[start : start + width * 4] = got[line * width * 4 : (line + 1) * width * 4]

    def _read(self, count: int) -> bytearray:
        got = bytearray(count)
        self._fill(memoryview(got))
        return got

    def _fill(self, rest: memoryview) -> None:
        self.received_bytes += len(rest)
        while rest:
            if not (count := self._line.recv_into(rest)):
                raise ConnectionError("ended")
            rest = rest[count:]


def watch(port: int, seconds: float) -> tuple[list[tuple[float, float]], int]:
    """Look at a moving screen with a time code: (moment, age in ms) of each new picture, bytes."""
    seen: list[tuple[float, float]] = []
    with closing(RfbClient("127.0.0.1", port)) as client:
        client.update(whole=True)
        dark, last, until = _darkness(client), None, time.monotonic() + seconds
        client.received_bytes = 0
        while (now := time.monotonic()) < until:
            client.update()
            now = time.monotonic()
            drawn = time_code.read(dark)
            if drawn is not None and drawn != last:
                last = drawn
                seen.append((now, time_code.age_ms(drawn, now)))
        return seen, client.received_bytes


def _darkness(client: RfbClient) -> Callable[[float, float], bool]:
    def dark(across: float, down: float) -> bool:
        at = (int(down * client.height) * client.width + int(across * client.width)) * 4
        return sum(client.pixels[at : at + 3]) < 384

    return dark
