"""The button beside a field for a file's path: it opens the system's own dialog for files."""

from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget

from classroom_app.presenters.words import say
from classroom_app.views.theme import font


class ChooseButton(QPushButton):
    """Fills `field`. `saving`: for a new file; the dialog asks nothing, since none is replaced."""

    def __init__(self, field: QLineEdit, parent: QWidget, *, saving: bool) -> None:
        super().__init__(parent)
        self.setObjectName(f"choose-{field.objectName()}")
        self.setProperty("kind", "plain")
        self.setFont(font(14, QFont.Weight.DemiBold))
        self._field, self._saving = field, saving
        self.dialog: QFileDialog | None = None
        self.clicked.connect(self._open)

    def refresh(self, about: str) -> None:
        """Say what is chosen; `about` is the field's label."""
        self.setText(say("Choose…"))
        self.setAccessibleName(f"{about}: {say('Choose…')}")

    @Slot()
    def _open(self) -> None:
        self.dialog = dialog = QFileDialog(self.window(), self.accessibleName())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilter("JSON (*.json)")
        if self._saving:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setDefaultSuffix("json")
            dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        typed = Path(self._field.text().strip() or "~").expanduser()
        folder = typed if typed.is_dir() else typed.parent
        dialog.setDirectory(str(folder if folder.is_dir() else Path.home()))
        if typed != folder:
            dialog.selectFile(typed.name)
        dialog.fileSelected.connect(self._chosen)
        dialog.open()

    @Slot(str)
    def _chosen(self, path: str) -> None:
        self._field.setText(path)
        self._field.setModified(True)
        self._field.setFocus()
