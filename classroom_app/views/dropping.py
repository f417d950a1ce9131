"""Files that a person drops on the window."""

from pathlib import Path
from typing import Final

from PySide6.QtGui import QDragEnterEvent, QDropEvent

FILES_MAX: Final = 50


def brings_files(event: QDragEnterEvent) -> bool:
    return any(url.isLocalFile() for url in event.mimeData().urls())


def dropped_files(event: QDropEvent) -> tuple[Path, ...]:
    """Return which of what was dropped is a file of this computer; folders are left out."""
    urls = event.mimeData().urls()[:FILES_MAX]
    paths = (Path(url.toLocalFile()) for url in urls if url.isLocalFile())
    return tuple(path for path in paths if path.is_file())
