"""Raw pixels of a screen as Pillow sees them, with as little copying as it allows.

Pillow maps a buffer of four bytes a pixel without a copy; a screen's are blue first, so such an
image has red and blue exchanged until `upright` sets a small part of it right.
"""

from typing import Final

from PIL import Image

from device_bridge.agent.capabilities import Picture, Pixels

_DEPTH: Final = {"RGB": 3, "BGRX": 4}
GAP: Final = 2.0
"""How much larger whole blocks are averaged to before the last step: Pillow's `reducing_gap`."""
TILE: Final = 4
"""Shrunk by so much a picture is a tile, whose words are read by their shapes: Lanczos keeps them,
at half as much time again. Else Hamming, which is sharper than bilinear and costs no more."""


def whole(picture: Picture) -> bool:
    """Whether there are as many bytes as a picture of its size has."""
    depth = _DEPTH.get(picture.layout, 0)
    pixels = picture.width * picture.height
    return depth > 0 and pixels > 0 and len(picture.pixels) == pixels * depth


def mapped(picture: Picture) -> Image.Image:
    """Return the picture for `fitted`, crops and `upright`; it may share the buffer."""
    size = (picture.width, picture.height)
    mode = "RGBX" if picture.layout == "BGRX" else "RGB"
    return _of(mode, size, picture.pixels, mode)


def _of(mode: str, size: tuple[int, int], raw: Pixels, layout: str) -> Image.Image:
    pixels = memoryview(raw)  # pyright: ignore[reportArgumentType] - what is read, is
    return Image.frombuffer(mode, size, pixels, "raw", layout, 0, 1)  # type: ignore[arg-type]


def upright(raw: Pixels, mode: str, size: tuple[int, int]) -> Image.Image:
    """Return the bytes of a `mapped` image of this mode, or of a part of one, in RGB."""
    layout = "BGRX" if mode == "RGBX" else "RGB"
    return _of("RGB", size, raw, layout)


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scale to fit into `width` x `height`, never enlarge."""
    size = fitting(image.size, width, height)
    if size == image.size:
        return image
    return resized(image, size)


def resized(
    image: Image.Image,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Scale the picture, or what lies in `box` of it, to `size`."""
    across = (box[2] - box[0] if box else image.width) / size[0]
    sharp = Image.Resampling.LANCZOS if across >= TILE else Image.Resampling.HAMMING
    return image.resize(  # pyright: ignore[reportUnknownMemberType] - numpy's arrays, which we lack
        size, sharp, box=box, reducing_gap=GAP
    )


def fitting(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """Return the size of a picture of `size` that is fitted into `width` x `height`.

    A last line of pixels is filled, though it widens the picture by half a line: none stays empty.
    """
    ratio = min(1.0, width / size[0], height / size[1])
    across, down = max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))
    if ratio < 1:
        across, down = _filled(across, width), _filled(down, height)
    return across, down


def _filled(length: int, room: int) -> int:
    return room if room - length == 1 else length


def uniform(image: Image.Image) -> bool:
    """Whether every pixel is alike. One row decides it for nearly every screen."""
    row = image.crop((0, image.height // 2, image.width, image.height // 2 + 1))
    return _flat(row) and _flat(image)


def _flat(image: Image.Image) -> bool:
    # The fourth byte of a screen's pixel is nobody's.
    return all(low == high for low, high in list[tuple[int, int]](image.getextrema())[:3])  # type: ignore[arg-type]
