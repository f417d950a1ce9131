"""What a real screen reader says of a lesson: `dbus-run-session -- python -m tests.reader`.

Needs Debian's orca and at-spi2-core beside the desktop of the tests; a speech synthesizer is not
needed, for Orca writes down what it says. Half a minute; exit code 1 where it missed a sentence.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from device_bridge.protocol.seat import (
    CurtainAnswered,
    DropCurtain,
    IndicatorAnswered,
    NoticeShown,
    PupilActed,
    RaiseCurtain,
    SeatUp,
    ShowIndicator,
    ShowNotice,
)
from tests.desktop import Desktop, desktop
from tests.guard_stand_in import GuardStandIn, guard, start_seat

LOOKS: Final = 40
SAID: Final = re.compile(r"^[\d:.]+ - SPEECH OUTPUT: '(.*?)'? ?(?:\{.*)?$", re.MULTILINE)
BAR: Final = ShowIndicator(1, on=True, teacher_name="Claire", until_seconds=1900)
LOCK: Final = RaiseCurtain(5, "Eyes up", "Claire", 600, lesson_ends_in_seconds=1900)
EDITOR: Final = """
from PySide6.QtWidgets import QApplication, QPlainTextEdit
app = QApplication(["editor"])
essay = QPlainTextEdit("once")
essay.setWindowTitle("My essay")
essay.show()
essay.activateWindow()
app.exec()
"""


class Reader:
    """Orca, heard by its log. `missed` counts the sentences that it did not say."""

    def __init__(self, desk: Desktop, log: Path) -> None:
        self.missed = 0
        self._desk = desk
        self._log = log
        self._read = 0

    async def says(self, words: str, when: str) -> None:
        """Print what was said since the last call, once `words` (a pattern) are among it."""
        heard: list[str] = []
        for _ in range(LOOKS):
            text = self._log.read_text(errors="replace") if self._log.exists() else ""
            heard = SAID.findall(text, self._read)
            if any(re.search(words, sentence) for sentence in heard):
                self._read = len(text)
                break
            # It writes by the block: a key that does nothing gives it more to write.
            await self._desk.press("shift")
            await asyncio.sleep(0.25)
        else:
            self.missed += 1
            print(f"MISSED {words!r}", end=" ")
        print(f"{when}: {' | '.join(heard)}", flush=True)


async def lesson(desk: Desktop, held: GuardStandIn, orca: Reader) -> None:
    await desk.start(sys.executable, "-c", EDITOR)
    await orca.says("once", "it starts, and an essay is opened")

    held.tell(BAR)
    await held.hears(IndicatorAnswered, lambda said: not said.reason)
    await orca.says("Claire leads this lesson", "a lesson begins")
    held.tell(replace(BAR, version=2, look="close", close_seconds=600))
    await orca.says("Claire looks closely", "the teacher looks closely")
    held.tell(ShowNotice("n1", "Page 12.", "Claire"))
    await held.hears(NoticeShown, lambda said: not said.reason)
    await orca.says("Claire says: Page 12", "a message comes")

    held.tell(LOCK)
    await held.hears(CurtainAnswered, lambda said: not said.reason)
    await orca.says("In an emergency: press the power key", "the lock")
    await desk.press("Insert+t")
    await orca.says(r"^\d\d:\d\d", "locked, its own key asks for the time")
    held.tell(ShowNotice("n2", "Page 13.", "Claire"))
    await held.hears(NoticeShown, lambda said: not said.reason)
    await orca.says("Claire says: Page 13", "locked, a message comes")
    await desk.press("space")
    await held.hears(PupilActed, lambda said: said.kind == "hand-up")
    await orca.says("Hand up", "locked, the hand is raised")
    held.tell(replace(LOCK, in_reach=False))
    await orca.says("This opens by itself", "locked, the teacher is out of reach")
    held.tell(DropCurtain(5))
    await orca.says("My essay", "the lock ends")


async def main() -> int:
    with tempfile.TemporaryDirectory(prefix="pupitre-reader-") as name:
        folder = Path(name)
        log = folder / "orca.log"
        async with desktop(folder) as desk, guard(folder) as held:
            await desk.start("orca", "--replace", "--debug-file", str(log), HOME=name)
            await start_seat(desk, folder)
            await held.hears(SeatUp, lambda _: True)
            orca = Reader(desk, log)
            await lesson(desk, held, orca)
    print(f"{orca.missed} missed")
    return int(orca.missed > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
