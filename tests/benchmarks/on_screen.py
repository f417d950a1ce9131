"""On a device's real X screen: pages that turn, or a page that moves under a time code.

`python -m tests.benchmarks.on_screen KIND [--every 1] [--seed 7]` turns a page each so many
seconds, in step with the wall clock, so that who looks knows which page is on; `moving` scrolls at
30 frames a second under a bar code of the monotonic clock (`classroom_app.demo.time_code`). All
pages lie in the X server before it says "ready": to show one costs this program next to nothing.
"""

import argparse
import asyncio
import time
from typing import Any, Final

from PIL import Image
from Xlib import X, display

from classroom_app.demo import time_code
from classroom_app.demo.stage import Stage, program
from tests.benchmarks.pages import SIZE, Kind, page

PAGES: Final = 8
FRAMES_A_SECOND: Final = 30
READY_SECONDS: Final = 90.0
_STRIP_BYTES: Final = 200_000  # below the 262,140 bytes of a core request


def page_on(now: float, every: float) -> int:
    """Return which page is on at `now`, in seconds since 1970."""
    return int(now / every) % PAGES


class Screen:
    """The root window of an X display, with `pages` laid into the server."""

    def __init__(self, pages: list[Image.Image]) -> None:
        self._display = display.Display()
        screen: Any = self._display.screen()
        self._root, depth = screen.root, screen.root_depth
        self._pen = self._root.create_gc(graphics_exposures=False)
        self._pixmaps = [self._laid(drawn, depth) for drawn in pages]
        self.sync()

    def _laid(self, drawn: Image.Image, depth: int) -> Any:  # noqa: ANN401 - Xlib has no types
        pixels, row = drawn.convert("RGBA").tobytes("raw", "BGRA"), drawn.width * 4
        pixmap = self._root.create_pixmap(drawn.width, drawn.height, depth)
        rows = _STRIP_BYTES // row
        for top in range(0, drawn.height, rows):
            high = min(rows, drawn.height - top)
            strip = pixels[top * row : (top + high) * row]
            pixmap.put_image(self._pen, 0, top, drawn.width, high, X.ZPixmap, depth, 0, strip)
            self.sync()  # what waits is copied again at each sending
        return pixmap

    def show(self, number: int, down: int = 0) -> None:
        """Copy page `number` onto the screen, scrolled by `down`."""
        self._root.copy_area(self._pen, self._pixmaps[number], 0, down, *SIZE, 0, 0)

    def stamp(self) -> None:
        """Draw the time code of this moment."""
        bars = time_code.bars(time.monotonic(), SIZE)
        for dark in (False, True):
            self._pen.change(foreground=0 if dark else 0xFFFFFF)
            self._root.poly_fill_rectangle(
                self._pen, [box for box, is_dark in bars if is_dark is dark]
            )

    def sync(self) -> None:
        self._display.sync()


async def _turn(kind: Kind, every: float, seed: int) -> None:
    screen = Screen([page(kind, number, seed) for number in range(PAGES)])
    print('{"ready": true}', flush=True)
    while True:
        screen.show(page_on(time.time(), every))
        screen.sync()
        await asyncio.sleep(every - time.time() % every + 0.001)


async def _move(seed: int) -> None:
    tall = Image.new("RGB", (SIZE[0], SIZE[1] * 3))
    for number in range(3):
        tall.paste(page("half", number, seed), (0, number * SIZE[1]))
    screen, frame = Screen([tall]), 0
    print('{"ready": true}', flush=True)
    while True:
        began = time.monotonic()
        at = frame * 8 % (4 * SIZE[1])
        screen.show(0, min(at, 4 * SIZE[1] - at))
        screen.stamp()
        screen.sync()
        frame += 1
        await asyncio.sleep(max(0.0, began + 1 / FRAMES_A_SECOND - time.monotonic()))


async def black_screen(stage: Stage, name: str) -> str:
    """Open a 1920x1080 X screen with a window manager; return its display."""
    size = f"{SIZE[0]}x{SIZE[1]}x24"
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp", "-noreset"]
    server = await stage.start(f"{name}-x", command)
    told = await server.process.stdout.readline() if server.process.stdout else b""
    shown = f":{int(told)}"
    await stage.start(f"{name}-wm", ["openbox", "--sm-disable"], {"DISPLAY": shown})
    return shown


async def show(stage: Stage, name: str, display: str, *shows: str) -> None:
    """Show so on a screen; return once it does."""
    what = [*program("", "tests.benchmarks.on_screen"), *shows]
    child = await stage.start(f"{name}-shows", what, {"DISPLAY": display})
    await child.line(READY_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["half", "text", "moving"])
    parser.add_argument("--every", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    work = _move(args.seed) if args.kind == "moving" else _turn(args.kind, args.every, args.seed)
    asyncio.run(work)


if __name__ == "__main__":
    main()
