"""Faces, icons and colours of the seat's windows."""

import importlib.resources
from typing import Final

from PySide6.QtCore import QByteArray, QDateTime, QPoint, QSize, Qt
from PySide6.QtGui import QFont, QFontDatabase, QIcon, QPainter, QPixmap, QTransform
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QLabel, QWidget

BLUE: Final = "#0B4FB3"
DARK: Final = "#17202A"
YELLOW: Final = "#FFCC33"
INK: Final = "#17202A"
FACES: Final = ("Regular", "Medium", "SemiBold", "Bold")

BARE: Final = (
    Qt.WindowType.Tool
    | Qt.WindowType.FramelessWindowHint
    | Qt.WindowType.WindowStaysOnTopHint
    | Qt.WindowType.X11BypassWindowManagerHint
)
"""No window manager between us and the screen: it can neither close, cover nor move us."""


def load_faces() -> None:
    """Make Inter known to Qt where the resources have it; else the system's face serves."""
    fonts = importlib.resources.files("resources") / "fonts"
    for face in FACES:
        found = fonts / f"Inter-{face}.otf"
        if found.is_file():
            QFontDatabase.addApplicationFontFromData(QByteArray(found.read_bytes()))


def face(pixels: int, weight: QFont.Weight = QFont.Weight.Medium) -> QFont:
    font = QFont()
    font.setFamilies(["Inter", "Noto Sans", "DejaVu Sans", "sans-serif"])
    font.setPixelSize(pixels)
    font.setWeight(weight)
    return font


def icon_pixmap(name: str, pixels: int, colour: str, *, flipped: bool = False) -> QPixmap:
    """Draw a Lucide icon in `colour`, sharp on any screen up to twice the usual density."""
    picture = QPixmap(2 * pixels, 2 * pixels)
    picture.fill(Qt.GlobalColor.transparent)
    found = importlib.resources.files("resources") / "icons" / f"{name}.svg"
    if found.is_file():
        drawn = found.read_text(encoding="utf-8").replace("currentColor", colour)
        painter = QPainter(picture)
        QSvgRenderer(QByteArray(drawn.encode())).render(painter)
        painter.end()
    if flipped:
        picture = picture.transformed(QTransform().scale(1, -1))
    picture.setDevicePixelRatio(2)
    return picture


def icon(name: str, pixels: int, colour: str, *, flipped: bool = False) -> QIcon:
    return QIcon(icon_pixmap(name, pixels, colour, flipped=flipped))


def disc(name: str, across: int, inside: int, colour: str, fill: str) -> QPixmap:
    """Draw an icon in a filled circle."""
    picture = QPixmap(2 * across, 2 * across)
    picture.fill(Qt.GlobalColor.transparent)
    picture.setDevicePixelRatio(2)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawEllipse(0, 0, across, across)
    edge = (across - inside) // 2
    painter.drawPixmap(QPoint(edge, edge), icon_pixmap(name, inside, colour))
    painter.end()
    return picture


def label(parent: QWidget, font: QFont, colour: str = "white") -> QLabel:
    """Make a label that shows text as it is, never as markup."""
    made = QLabel(parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setFont(font)
    made.setStyleSheet(f"color: {colour}; background: transparent;")
    return made


def size(pixels: int) -> QSize:
    return QSize(pixels, pixels)


def clock(at_seconds: float) -> str:
    """Say a moment of the wall clock as the pupil's own clock shows it."""
    return QDateTime.fromSecsSinceEpoch(int(at_seconds)).toString("HH:mm")
