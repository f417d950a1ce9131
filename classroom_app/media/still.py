"""A picture to be kept, made anew from the pixels that were shown: no byte of a device lies on."""

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage


def png(image: QImage) -> bytes:
    """Return it as a PNG. Blocks for some tenths of a second: call it in a worker thread."""
    out = QBuffer()
    out.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(out, "PNG")  # pyright: ignore[reportArgumentType, reportCallIssue] - as PySide6 reads it
    return bytes(out.data().data())
