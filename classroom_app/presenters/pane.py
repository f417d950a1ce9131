"""One screen that is looked at closely, alone or beside others: its newest picture, as it came."""

from PySide6.QtCore import QPoint, QSize
from PySide6.QtGui import QImage, QPainter

from classroom_app.domain.lesson import DeviceId


class Pane:
    """`key`: whose seat; `device` empty: none is there."""

    def __init__(self, key: str, device: DeviceId) -> None:
        self.key, self.device = key, device
        self.screen_size = QSize()
        self.size = QSize()  # of the picture as the device sends it
        self.begin(0)

    def begin(self, screen: int) -> None:
        """Look at this screen; nothing of it has come yet."""
        self.screen = screen
        self.image: QImage | None = None
        self.frames = 0
        self.over = False  # the device has ended the close look
        self.lost = 0  # the number of a screen that was looked at here and is gone; 0: none

    def news(self, size: QSize, at: QPoint, image: QImage) -> None:
        """Take what is new in the picture, which is `size` large; `image` is not kept."""
        if image.size() == size:
            self.image = image.convertToFormat(QImage.Format.Format_RGB32)  # a copy
        elif self.image is None or self.image.size() != size:
            return  # it goes on with what was never seen here
        else:
            painter = QPainter(self.image)
            painter.drawImage(at, image)
            painter.end()
        self.frames += 1
