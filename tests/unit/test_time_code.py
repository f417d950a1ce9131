"""The bar code that says how old a picture is, and the likeness of two pictures."""

from PIL import Image, ImageDraw

from classroom_app.demo import time_code
from tests.benchmarks.ssim import ssim

SIZE = (1920, 1080)


def _read(image: Image.Image) -> int | None:
    luma = image.convert("L").tobytes()

    def dark(across: float, down: float) -> bool:
        return luma[int(down * image.height) * image.width + int(across * image.width)] < 128

    return time_code.read(dark)


def _drawn(seconds: float) -> Image.Image:
    image = Image.new("RGB", SIZE, (120, 160, 90))
    pen = ImageDraw.Draw(image)
    for (x, y, width, height), is_dark in time_code.bars(seconds, SIZE):
        pen.rectangle((x, y, x + width - 1, y + height - 1), "black" if is_dark else "white")
    return image


def test_a_code_is_read_from_the_screen_and_from_a_small_picture_of_it():
    image = _drawn(1234.567)
    assert _read(image) == 1234567 % (1 << 20)
    small = image.copy()
    small.thumbnail((320, 180))
    assert _read(small) == _read(image)
    assert time_code.age_ms(_read(image) or 0, 1234.667) == 100.0


def test_a_screen_without_a_code_has_none():
    for colour in ("black", "white"):
        assert _read(Image.new("RGB", SIZE, colour)) is None


def test_a_picture_is_like_itself_and_less_like_a_worse_one():
    image = _drawn(7.0).crop((100, 600, 230, 680))
    worse = image.resize((33, 20)).resize(image.size)  # pyright: ignore[reportUnknownMemberType]
    assert abs(ssim(image, image) - 1) < 1e-9
    assert ssim(image, worse) < 0.98
