"""Shows a folder of collected work or kept pictures in this computer's own file manager."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from classroom_app.domain.errors import NoFileManager


def _by_system(folder: Path) -> bool:
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


async def show_folder(folder: Path, show: Callable[[Path], bool] = _by_system) -> None:
    """Open a folder of all classes. Raises NoFileManager where nothing shows folders."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    if not show(folder):
        raise NoFileManager(str(folder))
