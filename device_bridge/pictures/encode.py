"""A picture into patches: only what changed since the last one, each place encoded once."""

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Final

from blake3 import blake3
from PIL import Image

from device_bridge.agent.capabilities import Area, Pixels
from device_bridge.pictures.raster import upright
from device_bridge.protocol.pictures import IMAGE_BYTES_MAX, Codec, Patch, bytes_of

PLACE: Final = 256
"""Pixels of a place's side: a whole number of JPEG's blocks, and few headers."""
MOST: Final = 0.5
"""Where more of all places changed than this the picture is told as one."""
SOME: Final = 5
"""Of so many places one is looked at first: where all of those are new the screen scrolls, and to
look at the rest is a quarter of what a frame costs."""
WHOLE: Final = 32768
"""As `place`: the picture is one place."""
WORST: Final = 20
_WEBP_METHOD: Final = 0  # the fastest: six times as fast as the default


Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""


class Encoder:
    """One picture that goes on. It knows what it has told; used by one thread at a time."""

    def __init__(self, place: int = PLACE, codec: Codec = "jpeg") -> None:
        self._place = place
        self._codec: Codec = codec
        self._told: dict[tuple[int, int], bytes] = {}
        self._size = (0, 0)

    def patches(
        self,
        image: Image.Image,
        quality: int,
        changed: Sequence[Area] | None = None,
        pixels: Pixels | None = None,
    ) -> tuple[Patch, ...]:
        """Return what is new in a `raster.mapped` image; nothing where nothing is.

        Only what lies in `changed` is looked at, None: all. `pixels`: the image's own, where they
        are at hand, which saves a copy of it as a whole. `quality` is the codec's own, 1 to 95;
        it falls where the patches would not fit one message. A picture of another size than the
        last one is a new one: all its places are told.
        """
        if image.size != self._size:
            self._told.clear()
            self._size = image.size
        places = list(_places(image.size, self._place))
        changed = changed if self._told else None
        some = places[::SOME] if changed is not None and len(places) > SOME else []
        new = list(self._new(image, some, changed))
        whole = bool(some) and len(new) == len(some)
        if whole:
            self._told.clear()  # what the rest showed before is no help
        else:
            new += self._new(image, [one for one in places if one not in some], changed)
            whole = len(new) > max(1, len(places) * MOST)
        cuts: list[tuple[Box, Pixels]] = [(box, raw) for box, raw, _ in new]
        if whole:
            # One file is decoded in two thirds of the time of forty.
            cuts = [((0, 0, *image.size), image.tobytes() if pixels is None else pixels)]
        while True:
            made = tuple(_patch(box, raw, image.mode, quality, self._codec) for box, raw in cuts)
            if bytes_of(made) <= IMAGE_BYTES_MAX or quality <= WORST:
                break
            quality = max(WORST, quality * 2 // 3)
        self._told |= {box[:2]: digest for box, _, digest in new}
        return made

    def forget(self) -> None:
        """Begin with a whole picture next time."""
        self._told.clear()

    def _new(
        self, image: Image.Image, places: Iterable[Box], changed: Sequence[Area] | None
    ) -> Iterator[tuple[Box, bytes, bytes]]:
        """Yield each place whose pixels are new: where it is, they and their digest."""
        for box in places:
            if changed is not None and not any(_meets(box, area) for area in changed):
                continue
            raw = image.crop(box).tobytes()
            digest = blake3(raw).digest()
            if self._told.get(box[:2]) != digest:
                yield box, raw, digest


def _places(size: tuple[int, int], place: int) -> Iterator[Box]:
    """Yield the places, row by row."""
    width, height = size
    for top in range(0, height, place):
        for left in range(0, width, place):
            yield left, top, min(width, left + place), min(height, top + place)


def _meets(box: Box, area: Area) -> bool:
    left, top, right, bottom = box
    across = area.x < right and left < area.x + area.width
    return across and area.y < bottom and top < area.y + area.height


def _patch(box: Box, raw: Pixels, mode: str, quality: int, codec: Codec) -> Patch:
    left, top, right, bottom = box
    written, image = BytesIO(), upright(raw, mode, (right - left, bottom - top))
    if codec == "webp":
        image.save(written, "WEBP", quality=quality, method=_WEBP_METHOD)
    else:
        image.save(written, "JPEG", quality=quality)
    return Patch(left, top, right - left, bottom - top, codec, written.getvalue())
