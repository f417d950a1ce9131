"""The question before a picture of each screen is kept, and the way to stop it."""

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.receipts import received
from classroom_app.presenters.stills import Question
from classroom_app.presenters.words import say
from classroom_app.views.sheets import Sheet, label

MEDIUM = QFont.Weight.Medium


class PicturesSheet(Sheet):
    WIDTH = 460

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        asked = Question(desk.scope())
        title = say("Keep pictures of {scope}", scope=desk.scope_words())
        super().__init__(desk, title, parent)
        if desk.taking is not None:
            self.column.addWidget(label(received(desk.taking).text, 15, MEDIUM))
            self.main("pictures-stop", say("Stop"), desk.stop_pictures)
            self.other("pictures-on", say("Go on"), desk.touch)
            return
        self.column.addWidget(label(asked.words(), 15, MEDIUM))
        if lacking := asked.lacking():
            self.column.addWidget(label("\n".join(lacking), 14, MEDIUM, "second"))
        if asked.count:
            self.main("pictures-now", asked.button(), desk.keep_pictures)
        self.other("pictures-not", say("Keep none"), desk.touch)
        self.other("pictures-folder", say("Open the folder of kept pictures"), desk.show_pictures)
