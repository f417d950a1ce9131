"""A picture into patches: only what changed since the last one, each place encoded once."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Final

from blake3 import blake3
from PIL import Image

from device_bridge.agent.capabilities import Area
from device_bridge.pictures.raster import upright
from device_bridge.protocol.pictures import IMAGE_BYTES_MAX, Codec, Patch, bytes_of

PLACE: Final = 256
"""Pixels of a place's side: a whole number of JPEG's blocks, and few headers."""
WHOLE: Final = 32768
"""As `place`: the picture is one place."""
WORST: Final = 20
_WEBP_METHOD: Final = 0  # the fastest: six times as fast as the default


class Encoder:
    """One picture that goes on. It knows what it has told; used by one thread at a time."""

    def __init__(self, place: int = PLACE, codec: Codec = "jpeg") -> None:
        self._place = place
        self._codec: Codec = codec
        self._told: dict[tuple[int, int], bytes] = {}
        self._size = (0, 0)

    def patches(
        self, image: Image.Image, quality: int, changed: Sequence[Area] | None = None
    ) -> tuple[Patch, ...]:
        """Return what is new in a `raster.mapped` image; nothing where nothing is.

        Only what lies in `changed` is looked at, None: all. `quality` is the codec's own, 1 to 95;
        it falls where the patches would not fit one message. A picture of another size than the
        last one is a new one: all its places are told.
        """
        if image.size != self._size:
            self._told.clear()
            self._size = image.size
        new = list(self._new(image, changed if self._told else None))
        while True:
            made = tuple(_patch(box, cut, quality, self._codec) for box, cut, _ in new)
            if bytes_of(made) <= IMAGE_BYTES_MAX or quality <= WORST:
                break
            quality = max(WORST, quality * 2 // 3)
        self._told |= {box[:2]: digest for box, _, digest in new}
        return made

    def forget(self) -> None:
        """Begin with a whole picture next time."""
        self._told.clear()

    def _new(
        self, image: Image.Image, changed: Sequence[Area] | None
    ) -> Iterator[tuple[tuple[int, int, int, int], Image.Image, bytes]]:
        for box in _places(image.size, self._place):
            if changed is not None and not any(_meets(box, area) for area in changed):
                continue
            cut = image.crop(box)
            digest = blake3(cut.tobytes()).digest()
            if self._told.get(box[:2]) != digest:
                yield box, cut, digest


def _places(size: tuple[int, int], place: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield left, top, right and bottom of each place, row by row."""
    width, height = size
    for top in range(0, height, place):
        for left in range(0, width, place):
            yield left, top, min(width, left + place), min(height, top + place)


def _meets(box: tuple[int, int, int, int], area: Area) -> bool:
    left, top, right, bottom = box
    across = area.x < right and left < area.x + area.width
    return across and area.y < bottom and top < area.y + area.height


def _patch(box: tuple[int, int, int, int], cut: Image.Image, quality: int, codec: Codec) -> Patch:
    written, image = BytesIO(), upright(cut)
    if codec == "webp":
        image.save(written, "WEBP", quality=quality, method=_WEBP_METHOD)
    else:
        image.save(written, "JPEG", quality=quality)
    left, top, right, bottom = box
    return Patch(left, top, right - left, bottom - top, codec, written.getvalue())
