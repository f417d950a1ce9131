"""QR codes, as pictures of one pixel a module."""

import segno
from PySide6.QtGui import QImage


def qr_of(text: str) -> QImage:
    """Draw a text as a QR code (ISO/IEC 18004) with its quiet zone of four modules."""
    rows = [bytes(row) for row in segno.make_qr(text).matrix_iter(border=4)]
    image = QImage(len(rows[0]), len(rows), QImage.Format.Format_Grayscale8)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            image.setPixel(x, y, 0xFF000000 if dark else 0xFFFFFFFF)
    return image
