"""Whether somebody really holds keyboard and pointer, asked as a stranger would.

The curtain's toolkit grabs on its own connection, so that the clicks on it arrive. This one asks
by trying: a server that refuses a second client is the proof that the first one holds.
"""

from typing import Final, Literal

from Xlib import X, display

Held = Literal["held", "free", "frozen"]
_ANSWERS: Final[dict[int, Held]] = {X.AlreadyGrabbed: "held", X.GrabFrozen: "frozen"}


class X11Grabs:
    """A second client of the X server. Raises `error.DisplayError` where there is none."""

    def __init__(self, name: str | None = None) -> None:
        self._display = display.Display(name)
        self._root = self._display.screen().root

    def close(self) -> None:
        self._display.close()

    def keyboard(self) -> Held:
        """Ask who has the keyboard; give it back at once where nobody had it."""
        status = self._root.grab_keyboard(
            False,  # noqa: FBT003 - python-xlib takes places only
            X.GrabModeAsync,
            X.GrabModeAsync,
            X.CurrentTime,
        )
        self._display.ungrab_keyboard(X.CurrentTime)
        self._display.sync()
        return _ANSWERS.get(status, "free")

    def pointer(self) -> Held:
        status = self._root.grab_pointer(
            False,  # noqa: FBT003 - as above
            0,
            X.GrabModeAsync,
            X.GrabModeAsync,
            X.NONE,
            X.NONE,
            X.CurrentTime,
        )
        self._display.ungrab_pointer(X.CurrentTime)
        self._display.sync()
        return _ANSWERS.get(status, "free")
