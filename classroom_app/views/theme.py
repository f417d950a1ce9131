"""Colours, type and icons of the desk's design, light and dark."""

from functools import cache
from importlib.resources import files

from msgspec import Struct
from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

FAMILY = "Inter"
_FACES = ("Regular", "Medium", "SemiBold", "Bold")
_REMEMBERED = 400  # tinted icons: a few sizes and colours of fifty


class Tokens(Struct, frozen=True):
    """The names of desk.md section 3; ratios are computed there."""

    bg: str
    surface: str
    ink: str
    ink2: str
    line: str
    held: str
    on_held: str
    fail: str
    on_fail: str
    failline: str
    failwash: str
    ask: str
    on_ask: str
    off1: str
    off2: str
    hair: str
    btn: str
    press: str


LIGHT = Tokens(
    bg="#E9EDF1",
    surface="#FFFFFF",
    ink="#14202B",
    ink2="#46535F",
    line="#75818D",
    held="#0B4FB3",
    on_held="#FFFFFF",
    fail="#FF8B1A",
    on_fail="#14202B",
    failline="#8A3B00",
    failwash="#FDF0E0",
    ask="#FFCB2E",
    on_ask="#14202B",
    off1="#DCE2E8",
    off2="#CFD8E0",
    hair="#CBD3DA",
    btn="#F3F6F8",
    press="#E2EBF8",
)
DARK = Tokens(
    bg="#0F151B",
    surface="#1C252F",
    ink="#F3F6F9",
    ink2="#B5C1CC",
    line="#77858F",
    held="#2B66D0",
    on_held="#FFFFFF",
    fail="#FF9E4A",
    on_fail="#1E1000",
    failline="#FFD9B5",
    failwash="#33261A",
    ask="#FFD54A",
    on_ask="#231A00",
    off1="#26303B",
    off2="#1F2832",
    hair="#33404C",
    btn="#26313C",
    press="#1D3357",
)


class Theme:
    """One look: its tokens and the icons already drawn in it. One a window, handed to all views."""

    def __init__(self, name: str = "light") -> None:
        self.name = name
        self.tokens = DARK if name == "dark" else LIGHT
        self._icons: dict[tuple[str, int, str, float], QPixmap] = {}

    def turn(self, name: str) -> None:
        self.name = name
        self.tokens = DARK if name == "dark" else LIGHT
        self._icons.clear()

    def colour(self, token: str) -> QColor:
        return QColor(str(getattr(self.tokens, token)))

    def icon(self, name: str, size: int, colour: str, ratio: float = 1.0) -> QPixmap:
        """Return a Lucide icon `size` px wide in the token `colour`, sharp at `ratio`."""
        key = (name, size, colour, ratio)
        if key not in self._icons:
            if len(self._icons) > _REMEMBERED:
                self._icons.clear()
            self._icons[key] = _drawn(name, size, self.colour(colour), ratio)
        return self._icons[key]

    def sheet(self) -> str:
        return _SHEET.format(
            **{field: getattr(self.tokens, field) for field in Tokens.__struct_fields__}
        )


def _drawn(name: str, size: int, colour: QColor, ratio: float) -> QPixmap:
    raw = files("resources.icons").joinpath(f"{name}.svg").read_bytes()
    tinted = raw.replace(b"currentColor", colour.name().encode())
    side = round(size * ratio)
    image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(tinted)).render(painter, QRectF(0, 0, side, side))
    painter.end()
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def load_fonts(app: QApplication) -> None:
    """Bring Inter along, so that widths are the same on every machine."""
    for face in _FACES:
        raw = files("resources.fonts").joinpath(f"Inter-{face}.otf").read_bytes()
        QFontDatabase.addApplicationFontFromData(raw)
    app.setFont(font(14))


def font(pixels: int, weight: QFont.Weight = QFont.Weight.Medium) -> QFont:
    """Return Inter with tabular figures, so counters change in place."""
    return QFont(_font(pixels, weight))


@cache
def _font(pixels: int, weight: QFont.Weight) -> QFont:
    """Make a font once: a wall asks for three a tile, each time it paints."""
    made = QFont([FAMILY, "Noto Sans", "sans-serif"])
    made.setPixelSize(pixels)
    made.setWeight(weight)
    made.setFeature(QFont.Tag("tnum"), 1)
    return made


_SHEET = """
QWidget {{ color: {ink}; }}
QWidget#desk, QWidget#page {{ background: {bg}; }}
QWidget#bar-a, QWidget#bar-d {{ background: {surface}; }}
QWidget#bar-a {{ border-bottom: 1px solid {hair}; }}
QWidget#bar-d {{ border-top: 1px solid {hair}; }}
QLabel[kind="second"] {{ color: {ink2}; }}
QListView {{ background: {bg}; border: none; outline: none; selection-background-color: {bg}; }}
QListView#journal-list, QListView#class-list {{ background: {surface};
    border: 1px solid {hair}; border-radius: 14px; padding: 8px; }}
QListView#seat-list {{ background: {btn}; border: 1px solid {line}; border-radius: 8px;
    padding: 4px; }}
QListView#seat-list::item {{ padding: 7px 10px; border-radius: 6px; }}
QListView#seat-list::item:hover {{ background: {press}; }}
QListView#seat-list::item:selected {{ background: {ink}; color: {surface}; }}
QWidget#rows, QWidget#claims {{ background: transparent; }}
QWidget#claim {{ border-bottom: 1px solid {hair}; }}
QListView#journal-list::item {{ padding: 9px 10px; color: {ink};
    border-bottom: 1px solid {hair}; }}
QListView#journal-list::item:selected {{ background: {press}; color: {ink}; }}
QLineEdit, QPlainTextEdit {{ background: {btn}; border: 1px solid {line}; border-radius: 8px;
    padding: 6px 10px; color: {ink}; selection-background-color: {held};
    selection-color: {on_held}; }}
QLineEdit:focus, QPlainTextEdit:focus {{ border: 2px solid {ink}; padding: 5px 9px; }}
QComboBox {{ background: {btn}; border: 1px solid {line}; border-radius: 8px;
    padding: 6px 10px; color: {ink}; }}
QComboBox:focus {{ border: 2px solid {ink}; padding: 5px 9px; }}
QComboBox:disabled {{ color: {ink2}; }}
QComboBox::drop-down {{ border: none; width: 28px; }}
QLineEdit[wrong="yes"], QPlainTextEdit[wrong="yes"] {{ border: 2px solid {failline};
    padding: 5px 9px; }}
QLabel[wrong="yes"] {{ color: {failline}; }}
QPushButton {{ background: {surface}; color: {ink}; border: 1px solid {line}; border-radius: 8px;
    padding: 7px 16px; min-height: 20px; }}
QPushButton:hover {{ background: {press}; }}
QPushButton:focus {{ border: 2px solid {ink}; padding: 6px 15px; }}
QPushButton:disabled {{ color: {ink2}; border-color: {hair}; }}
QPushButton[kind="main"], QPushButton:checked {{ background: {ink}; color: {surface};
    border-color: {ink}; }}
QPushButton[kind="main"]:focus {{ border: 3px solid {held}; padding: 5px 14px; }}
QPushButton[kind="main"]:disabled {{ background: {line}; border-color: {line}; }}
QPushButton[kind="main"][busy="yes"] {{ background: {line}; }}
QPushButton[kind="main"][busy="yes"]:!focus {{ border-color: {line}; }}
QPushButton[kind="flat"] {{ background: transparent; border: 1px solid transparent;
    padding: 4px 8px; min-height: 18px; }}
QPushButton[kind="flat"]:hover {{ background: {press}; }}
QPushButton[kind="flat"]:checked {{ background: {ink}; color: {surface}; }}
QPushButton[kind="flat"]:focus {{ border: 2px solid {ink}; padding: 3px 7px; }}
QPushButton#order, QPushButton#lesson-length {{ text-align: left; }}
QPushButton#order::menu-indicator,
QPushButton#lesson-length::menu-indicator {{ image: none; width: 0; }}
QPushButton#time-left {{ color: {ink2}; text-align: left; padding: 0 10px 0 2px; min-height: 20px;
    border: none; border-radius: 4px; }}
QPushButton#time-left:focus {{ border: 2px solid {ink}; padding: 0 8px 0 0; }}
QPushButton[kind="quiet"] {{ background: transparent; border: 1px solid transparent;
    color: {ink2}; padding: 4px 8px; min-height: 18px; }}
QPushButton[kind="quiet"]:hover {{ background: {press}; }}
QPushButton[kind="quiet"]:focus {{ border: 2px solid {ink}; padding: 3px 7px; }}
QFrame#card, QFrame#sheet {{ background: {surface}; border: 1px solid {hair};
    border-radius: 14px; }}
QFrame#sheet {{ border: 1px solid {line}; }}
QFrame#failing {{ background: {failwash}; border: 2px solid {failline}; border-radius: 10px;
    }}
QFrame#strip {{ background: {fail}; border: none; border-top-left-radius: 7px;
    border-bottom-left-radius: 7px; }}
QFrame#to-copy {{ background: {surface}; border: 1px solid {hair}; border-radius: 8px; }}
QFrame#hand-card {{ background: {ask}; border: 2px solid {ink}; border-radius: 10px; }}
QFrame#hand-card QLabel {{ color: {on_ask}; }}
QFrame#hand-card QPushButton {{ background: transparent; color: {on_ask};
    border: 1px solid {on_ask}; }}
QFrame#hand-card QPushButton[kind="main"] {{ background: {on_ask}; color: {ask}; }}
QFrame#hand-card QPushButton:focus {{ border: 3px solid {on_ask}; padding: 5px 14px; }}
QFrame#hand-card QPushButton[kind="main"]:focus {{ border: 3px solid {held}; }}
QFrame#read-aloud {{ border: none; border-left: 4px solid {ink}; }}
QFrame#rule {{ background: {hair}; max-height: 1px; border: none; }}
QRadioButton {{ spacing: 10px; }}
QRadioButton::indicator {{ width: 16px; height: 16px; border: 2px solid {ink2};
    border-radius: 10px; background: {surface}; }}
QRadioButton::indicator:checked {{ border-color: {ink};
    background: qradialgradient(cx: 0.5, cy: 0.5, fx: 0.5, fy: 0.5, radius: 0.5,
    stop: 0 {ink}, stop: 0.52 {ink}, stop: 0.6 {surface}, stop: 1 {surface}); }}
QRadioButton::indicator:focus {{ border-color: {held}; }}
QSlider::groove:horizontal {{ height: 3px; background: {line}; border-radius: 1px; }}
QSlider::handle:horizontal {{ width: 16px; height: 16px; margin: -7px 0; border-radius: 8px;
    background: {ink}; }}
QSlider::handle:horizontal:focus {{ border: 2px solid {held}; }}
QProgressBar {{ background: {press}; border: 1px solid {line}; border-radius: 6px;
    max-height: 10px; min-height: 10px; }}
QProgressBar::chunk {{ background: {held}; border-radius: 5px; }}
QMenu {{ background: {surface}; border: 1px solid {line}; padding: 6px; }}
QMenu::item {{ padding: 7px 22px; border-radius: 6px; }}
QMenu::item:selected {{ background: {press}; }}
QToolTip {{ background: {ink}; color: {surface}; border: none; padding: 4px 8px; }}
QScrollBar:vertical {{ background: transparent; width: 12px; margin: 2px; }}
QScrollBar::handle:vertical {{ background: {line}; border-radius: 4px; min-height: 32px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
QScrollArea {{ border: none; background: transparent; }}
"""
