"""A window instead of a desk: why the store does not open, and the way on where its key is lost."""

import asyncio
import os
import time
from pathlib import Path

from classroom_app.domain.errors import NotKept, StoreSealed
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import say, speak
from classroom_app.storage.aside import lay_aside, opens
from classroom_app.storage.keeping import lock_home
from classroom_app.storage.keys import system_ring
from classroom_app.storage.refusals import as_not_kept
from classroom_app.views.stopped import show_stopped
from classroom_app.views.theme import Theme


async def begun_anew(error: NotKept, home: Path, language: str, theme: str) -> bool:
    """Say why there is no desk, until somebody has read it; True: the store can be opened now.

    Where its key is lost, that is one that is new: the old one is laid aside, after a question.
    """
    # What was chosen is in the store.
    translator = speak(language, None)
    try:
        while await _chosen(error, Theme(theme)):
            try:
                await _make_way(home)
            except NotKept as refused:
                error = refused
            else:
                return True
        return False
    finally:
        translator.deleteLater()


async def _chosen(error: NotKept, theme: Theme) -> bool:
    """Tell whether a person begins anew, and has read what that costs."""
    if type(error) is not StoreSealed:  # a passphrase, or a keyring that answers, opens the others
        await _read(refusal(error), theme)
        return False
    way = say("Begin anew…")
    return await _read(refusal(error), theme, way) and await _read(
        _costs(), theme, say("Begin anew")
    )


def _costs() -> str:
    return say(
        "Begin anew, without the old file? This computer then no longer has what it had not yet "
        "sent to your school of lessons and collected work, nor the lists of documents kept ready, "
        "seats and settings. Collected work itself stays in its folder.\n\nThe old file is laid "
        "aside, as its key may come back, until a pupil has to be erased or its time is over. "
        "You sign in as on a new computer; a school without a server opens from its backup."
    )


async def _read(words: str, theme: Theme, way: str = "") -> bool:
    """Show it until it is closed; tell whether that was by the button of this name."""
    read: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    box = show_stopped(words, theme, read.set_result, way)
    try:
        return await read
    finally:
        box.deleteLater()


async def _make_way(home: Path) -> None:
    """Lay the store aside, but not one that opens by now. Raises NotKept."""
    path, held = home / "store.db", await lock_home(home)
    try:
        if not await asyncio.to_thread(opens, path, system_ring):
            await asyncio.to_thread(lay_aside, path, time.time())
    except OSError as error:
        raise as_not_kept(error) or NotKept(error.strerror) from error
    finally:
        os.close(held)
