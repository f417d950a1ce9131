"""A pupil's desktop as a guard knows it: obeys, proves, and shows a picture that changes.

`python -m tests.attack.seat SOCKET` sits until it is killed; what it is told is a line each of its
standard output, pictures that went out excepted.
"""

import asyncio
import io
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

from PIL import Image

from device_bridge.agent.local_socket import LocalWire, connect
from device_bridge.protocol.control import (
    ControlAnswered,
    ControlInput,
    ControlOrdered,
    TextTyped,
)
from device_bridge.protocol.hello import Screen
from device_bridge.protocol.messages import decode_to_seat, encode
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.seat import (
    CurtainAnswered,
    FrameTaken,
    FromSeat,
    IndicatorAnswered,
    Look,
    NoticeShown,
    Opened,
    OpenFile,
    OpenPage,
    PupilActed,
    RaiseCurtain,
    ScreenShown,
    SeatUp,
    ShowIndicator,
    ShowNotice,
    ShowScreen,
    ToSeat,
)
from tests.attack.ground import Ground

FRAME_SECONDS: Final = 0.2
TAKES_BACK: Final = "pupil, take back"
"""Typed here it has the pupil do so at once."""
SIZE: Final = (320, 180)


def picture(number: int) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", SIZE, (number * 37 % 256, number * 11 % 256, 90)).save(made, "JPEG")
    return made.getvalue()


class Desktop:
    """One connection to the guard; ends with it."""

    def __init__(self, wire: LocalWire) -> None:
        self._wire = wire
        self._look: Look | None = None
        self._free = asyncio.Event()
        self._free.set()
        self._took_back_at = 0.0
        self._screen = 0

    def _say(self, message: FromSeat) -> None:
        self._wire.send(encode(message))

    async def run(self) -> None:
        self._say(SeatUp("lina", (Screen(1366, 768),)))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._show(), name="desktop-pictures")
            while True:
                self._hear(decode_to_seat(await self._wire.receive()))

    def _hear(self, message: ToSeat) -> None:
        if not isinstance(message, FrameTaken):
            print(type(message).__name__, flush=True)
        match message:
            case RaiseCurtain(version):
                self._say(CurtainAnswered(version))
            case ShowIndicator(version):
                self._say(IndicatorAnswered(version))
            case ShowNotice(id_):
                self._say(NoticeShown(id_))
            case OpenFile(id_) | OpenPage(id_):
                self._say(Opened(id_))
            case Look():
                self._look = message if message.look != "none" else None
                self._free.set()  # what was under way was of another look
            case FrameTaken():
                self._free.set()
            case _:
                self._hear_at_the_desk(message)

    def _hear_at_the_desk(self, message: ToSeat) -> None:
        match message:
            case ControlOrdered(version):
                self._driven(version, on=message.on)
            case ControlInput():
                self._press(message)
            case ShowScreen(version):
                self._screen = version
            case Frame(number):
                self._say(ScreenShown(self._screen, number))
            case _:
                pass

    def _driven(self, version: int, *, on: bool) -> None:
        if self._took_back_at and not on:
            print(f"freed {(monotonic() - self._took_back_at) * 1000:.0f}", flush=True)
            self._took_back_at = 0.0
        self._say(ControlAnswered(version, "on" if on else "off"))

    def _press(self, message: ControlInput) -> None:
        if self._took_back_at:
            return  # what was on its way: a seat asks nobody
        for event in message.events:
            if isinstance(event, TextTyped):
                print(f"pressed {event.text}", flush=True)
                if event.text == TAKES_BACK:
                    self._took_back_at = monotonic()
                    self._say(PupilActed("take-back"))

    async def _show(self) -> None:
        for number in count(1):
            await self._free.wait()
            await asyncio.sleep(FRAME_SECONDS)
            while (look := self._look) is None:  # noqa: ASYNC110 - a desktop's own pace
                await asyncio.sleep(FRAME_SECONDS)
            self._free.clear()
            self._say(
                Frame(number, look.version, *SIZE, 1366, 768, covering(picture(number), *SIZE))
            )


@asynccontextmanager
async def sitting(ground: Ground, folder: Path) -> AsyncGenerator[Process]:
    """Sit at the guard of `folder` while entered; what is told lies in `ground.folder / "seat"`."""
    socket = folder / "seat.sock"
    command = ground.device.command(sys.executable, "-m", "tests.attack.seat", str(socket))
    with (ground.folder / "seat").open("wb") as told:
        process = await asyncio.create_subprocess_exec(*command, stdout=told)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _sit(socket: Path) -> None:
    with suppress(OSError, ExceptionGroup):  # the guard has ended, or has another seat
        await Desktop(await connect(socket)).run()


if __name__ == "__main__":
    asyncio.run(_sit(Path(sys.argv[1])))
