"""The simulator's screens of frames drawn ahead."""

from pathlib import Path

from PIL import Image

from device_bridge.agent.capabilities import Picture
from device_bridge.simulator import code
from device_bridge.simulator.drawn_ahead import DrawnAhead, age_seconds

SIZE = (640, 360)
PAGES = ((200, 10, 10), (10, 200, 10))


def _screen(folder: Path, now: float = 1000.0) -> DrawnAhead:
    ring = folder / "ring.raw"
    pages = [Image.new("RGBA", SIZE, colour).tobytes("raw", "BGRA") for colour in PAGES]
    ring.write_bytes(b"".join(pages))
    return DrawnAhead("device-1", ring, SIZE, 0, lambda: now)


def _image(picture: Picture) -> Image.Image:
    return Image.frombytes("RGB", SIZE, picture.pixels, "raw", picture.layout)


def test_each_grab_shows_the_next_page_and_then_the_first_again(tmp_path: Path):
    screen = _screen(tmp_path)
    seen = [_image(screen.grab(0)).getpixel((3, 3)) for _ in range(3)]
    assert seen == [PAGES[0], PAGES[1], PAGES[0]]


def test_a_grab_says_whose_screen_it_is_and_when(tmp_path: Path):
    hash_, number = code.read(_image(_screen(tmp_path, now=1000.0).grab(0))) or (0, 0)
    assert hash_ == code.hash_of("device-1")
    assert age_seconds(number, 1000.75) == 0.75


def test_round_the_code_the_page_is_whole(tmp_path: Path):
    image = _image(_screen(tmp_path).grab(0))
    foot = round((code.TOP + code.HEIGHT) * SIZE[1]) + 4
    spots = ((0, 100), (200, 100), (600, 100), (639, 100), (400, foot), (639, 359))
    assert {image.getpixel(spot) for spot in spots} == {PAGES[0]}
