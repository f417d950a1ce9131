"""What the teacher shows, seen and encoded in a thread of its own; the loop waits for neither."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from PIL import Image

from classroom_app.services.showing import Seen
from device_bridge.agent.capabilities import Picture, Unseen
from device_bridge.pictures.encode import Encoder
from device_bridge.pictures.raster import fitted, mapped, whole
from device_bridge.protocol.pictures import Codec

FIT: Final = (1920, 1080)
"""What a class can read; a larger screen is scaled to it."""
QUALITY: Final = 45
CODEC: Final[Codec] = "webp"


class ScreenSource:
    """`grab` is called in the thread; `encodes` counts the patches that were really encoded."""

    def __init__(
        self,
        grab: Callable[[], Picture | Unseen],
        draw: Callable[[Image.Image], Image.Image] = lambda image: image,
        codec: Codec = CODEC,
        quality: int = QUALITY,
    ) -> None:
        self._grab, self._draw, self._quality = grab, draw, quality
        self._encoder = Encoder(codec=codec)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="showing")
        self._size, self._closed = (0, 0), False
        self._last: Picture | None = None
        self._still: Picture | None = None
        self.encodes = 0

    async def next(self, *, whole: bool) -> Seen | None:
        """Look now, off the loop; None: nothing new, or nothing to be seen."""
        if self._closed:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look, whole)

    def freeze(self) -> bool:
        """Show what was seen last from now on; False where nothing was."""
        self._still = self._last
        return self._still is not None

    def thaw(self) -> None:
        self._still = None

    def still(self) -> Image.Image | None:
        """Return the frozen picture as it is shown, drawn on."""
        if self._still is None:
            return None
        return self._draw(fitted(mapped(self._still), *FIT))

    def close(self) -> None:
        """See nothing any more; a look under way ends by itself."""
        self._closed = True
        self._thread.shutdown(wait=False)

    def _look(self, begin: bool) -> Seen | None:  # noqa: FBT001 - an executor's positional
        picture = self._still or self._grab()
        if isinstance(picture, Unseen) or not whole(picture):
            return None
        self._last = picture
        image = self._draw(fitted(mapped(picture), *FIT))
        begins = begin or image.size != self._size
        self._size = image.size
        if begins:
            self._encoder.forget()
        patches = self._encoder.patches(image, self._quality)
        if not patches:
            return None
        self.encodes += len(patches)
        return Seen(image.width, image.height, patches, begins)
