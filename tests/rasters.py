"""Pictures for tests, as bytes of a file."""

import io

from PIL import Image

RED = (200, 30, 40)


def jpeg(width: int, height: int, colour: tuple[int, int, int] = RED) -> bytes:
    return encoded(Image.new("RGB", (width, height), colour))


def encoded(image: Image.Image, codec: str = "JPEG", quality: int = 90) -> bytes:
    out = io.BytesIO()
    image.save(out, codec, quality=quality)
    return out.getvalue()
