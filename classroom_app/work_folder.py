"""Shows where collected work lies, in the file manager of the teacher's own computer."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from classroom_app.domain.errors import NoFileManager
from classroom_app.retaining import COLLECTED


def _by_system(folder: Path) -> bool:
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


async def show_work(home: Path, show: Callable[[Path], bool] = _by_system) -> None:
    """Open the folder of all classes' work. Raises NoFileManager where nothing shows folders."""
    folder = home / COLLECTED
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    if not show(folder):
        raise NoFileManager(str(folder))
