"""Opening the store of a computer whose key only a passphrase opens, before anything else is."""

import asyncio
from pathlib import Path

from PySide6.QtCore import QSize

from classroom_app.domain.errors import NotKept
from classroom_app.presenters.passphrase import UnlockingPresenter
from classroom_app.presenters.words import speak
from classroom_app.storage.keeping import Keeping, open_keeping
from classroom_app.storage.keys import WAITS, system_ring
from classroom_app.tasks import Tasks
from classroom_app.views.fitting import show_fitted
from classroom_app.views.theme import Theme
from classroom_app.views.unlocking import UnlockingWindow
from device_bridge.trust.sealed import WrongPassphrase

WINDOW = QSize(1024, 600)


async def unlocked(home: Path, language: str, theme: str) -> Keeping | None:
    """Ask until a passphrase opens the store; None where the teacher closes the window instead.

    Raises `NotKept` for what no passphrase helps.
    """
    # The chosen language is in the store.
    translator = speak(language, None)
    found: asyncio.Future[Keeping | None] = asyncio.get_running_loop().create_future()
    tasks = Tasks((WrongPassphrase,))

    async def open_(passphrase: str) -> None:
        try:
            keeping = await open_keeping(home, system_ring, WAITS, passphrase)
        except NotKept as error:
            if not found.done():
                found.set_exception(error)
            return
        if found.done():
            await keeping.close()
        else:
            found.set_result(keeping)

    def closed() -> None:
        if not found.done():
            found.set_result(None)

    window = UnlockingWindow(UnlockingPresenter(open_, tasks), Theme(theme))
    window.closing.connect(closed)
    show_fitted(window, WINDOW)
    try:
        return await found
    finally:
        await tasks.close()
        window.hide()
        window.deleteLater()
        translator.deleteLater()
