"""Shows a page of the web in this computer's own browser."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def show_page(address: str) -> bool:
    """Return whether something here shows pages."""
    return QDesktopServices.openUrl(QUrl(address))
