"""One look at a screen, in a worker thread: nothing new, nothing to see, or what changed.

A screen that nobody drew on costs nothing where the system tells; else one small hash.
"""

from typing import Literal

from msgspec import Struct
from PIL import Image

from device_bridge.agent.capabilities import Area, Capture, Picture, Unseen
from device_bridge.pictures.encode import PLACE, WHOLE, Encoder
from device_bridge.pictures.raster import fitted, mapped, uniform, whole
from device_bridge.protocol.pictures import IMAGE_BYTES_MAX, PATCHES_MAX, Patch, bytes_of, covers
from device_bridge.protocol.seat import Look


class Unchanged(Struct, frozen=True):
    """The screen shows what it showed at the last glance; `told`: the system has said so."""

    told: bool = False


class Nothing(Struct, frozen=True):
    """No picture, with the state to tell."""

    state: Literal["dark", "failed"]
    reason: str


class Encoded(Struct, frozen=True):
    """What is new of the screen at the size asked for; `begins`: that is all of it."""

    width: int
    height: int
    screen_width: int
    screen_height: int
    patches: tuple[Patch, ...]
    begins: bool


Glance = Unchanged | Nothing | Encoded


class Sight:
    """What one look has seen so far. Glances come one at a time."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._encoder = Encoder(PLACE if look.look == "close" else WHOLE)
        self._last: Glance | None = None
        self._size = (0, 0)

    def glance(self, capture: Capture, quality: int) -> Glance:
        """See what is new since the last glance; the first one sees all."""
        changed = capture.changed(self._look.screen)
        if changed == () and self._last is not None:
            return self._last if isinstance(self._last, Nothing) else Unchanged(told=True)
        seen = self._seen(capture.grab(self._look.screen), quality, changed)
        if isinstance(seen, Nothing):
            self._encoder.forget()
        self._last = seen
        return seen

    def forget(self) -> None:
        """See all again at the next glance."""
        self._encoder.forget()
        self._last = None

    def _seen(
        self, picture: Picture | Unseen, quality: int, changed: tuple[Area, ...] | None
    ) -> Glance:
        if isinstance(picture, Unseen):
            return Nothing(picture.state, picture.reason)
        if not whole(picture):
            return Nothing("failed", "the picture is not whole")
        image = mapped(picture)
        small = fitted(image, max(1, self._look.width), max(1, self._look.height))
        if uniform(small) and (small is image or uniform(image)):
            return Nothing("dark", "")
        native = small is image and (picture.width, picture.height) == self._size
        self._size = (picture.width, picture.height)
        changed = changed if native else None
        own = picture.pixels if small is image else None
        return self._told(small, self._encoder.patches(small, quality, changed, own))

    def _told(self, small: Image.Image, patches: tuple[Patch, ...]) -> Glance:
        if not patches:
            return Unchanged()
        if len(patches) > PATCHES_MAX or bytes_of(patches) > IMAGE_BYTES_MAX:
            return Nothing("failed", "the picture is too large")
        return Encoded(small.width, small.height, *self._size, patches, covers(patches, small.size))
