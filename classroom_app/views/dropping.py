"""Files that a person drops on the window."""

from collections.abc import Sequence
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


class TakesFiles:
    """What a widget that files are dropped on has before its own class; it sets `acceptDrops`."""

    def taken(self, paths: Sequence[Path]) -> None:
        """Do what dropping them means here; one at least."""
        raise NotImplementedError

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if brings_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if files := dropped_files(event):
            event.acceptProposedAction()
            self.taken(files)
