"""How a picture travels: patches that are laid on what the receiver has.

Each patch is encoded once, however many look on: a reader is sent the newest patch of each place
that it lacks. So one that is slow skips what came between, and no other waits for it.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.fields import PICTURE_BYTES_MAX, Pixels, Version

IMAGE_BYTES_MAX: Final = PICTURE_BYTES_MAX - 1024
PATCHES_MAX: Final = 600
"""8K in places of 256 by 256 pixels has 510."""
_PATCH_BYTES: Final = 96  # around the image of each
Codec = Literal["jpeg", "webp"]


class Patch(Struct, frozen=True):
    """A rectangle of the picture, in the picture's own pixels, and the image file that fills it."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    codec: Codec
    image: Annotated[bytes, Meta(max_length=IMAGE_BYTES_MAX)]


class Frame(Struct, frozen=True, tag="frame"):
    """A picture of a screen, or what is new in it. Numbers rise; the newest wins.

    `version` is the declaration or order it answers; `width` x `height` the whole picture's size,
    `screen_width` x `screen_height` the monitor's own. `base` is the number of the frame the
    patches are laid on; 0: on nothing.
    """

    number: Version
    version: Version
    width: Pixels
    height: Pixels
    screen_width: Pixels
    screen_height: Pixels
    patches: Annotated[tuple[Patch, ...], Meta(max_length=PATCHES_MAX)]
    base: Version = 0


def covering(image: bytes, width: int, height: int, codec: Codec = "jpeg") -> tuple[Patch, ...]:
    """Return the one patch that is the whole picture."""
    return (Patch(0, 0, width, height, codec, image),)


def covers(patches: Sequence[Patch], size: tuple[int, int]) -> bool:
    """Whether these, which do not overlap, are all of a picture of `size`."""
    return sum(patch.width * patch.height for patch in patches) >= size[0] * size[1]


def bytes_of(patches: Sequence[Patch]) -> int:
    """Return what these take in a message, at most."""
    return sum(len(patch.image) + _PATCH_BYTES for patch in patches)


class PictureStream:
    """The newest patch of each place of one picture, for any number of readers."""

    def __init__(self) -> None:
        self.newest: Frame | None = None
        self._places: dict[tuple[int, int, int, int], tuple[int, Patch]] = {}
        self._began = 0

    def put(self, frame: Frame) -> None:
        """Take the next frame of the source. Raises `Malformed` for one that fits on nothing.

        A source cuts its pictures always at the same places, so that a new patch covers the old;
        or tells all of it as one.
        """
        newest = self.newest
        if newest is None or not frame.base:
            self._begin(frame)
        elif frame.base != newest.number or frame.number <= newest.number:
            raise Malformed("out of step")
        elif (frame.width, frame.height) != (newest.width, newest.height):
            raise Malformed("another size")
        if covers(frame.patches, (frame.width, frame.height)):
            self._places.clear()  # all are drawn over
        for patch in frame.patches:
            # The corner alone would let the first place's patch replace one of the whole picture.
            place = patch.x, patch.y, patch.width, patch.height
            self._places[place] = (frame.number, patch)
        if len(self._places) > PATCHES_MAX:
            raise Malformed("too many patches")
        self.newest = frame

    def _begin(self, frame: Frame) -> None:
        if frame.base:
            raise Malformed("out of step")
        self._places.clear()
        self._began = frame.number

    def since(self, had: int, bytes_max: int = IMAGE_BYTES_MAX) -> Frame | None:
        """Return what a reader lacks who has all up to the frame `had`, 0: nothing.

        None where it lacks nothing. What is more than `bytes_max` is left for the next call, oldest
        first, but for patches that came in one frame.
        """
        if self.newest is None or had >= self.newest.number:
            return None
        base = had if had >= self._began else 0
        lacking = sorted(
            (row for row in self._places.values() if row[0] > base), key=lambda row: row[0]
        )
        number, patches, room = self.newest.number, list[Patch](), bytes_max
        for at, (since, patch) in enumerate(lacking):
            room -= bytes_of((patch,))
            if room < 0 and at and lacking[at - 1][0] < since:
                number = lacking[at - 1][0]
                break
            patches.append(patch)
        return replace(self.newest, number=number, base=base, patches=tuple(patches))

    def forget(self) -> None:
        self.newest = None
        self._places.clear()
        self._began = 0
