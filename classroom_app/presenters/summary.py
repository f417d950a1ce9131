"""How a lesson ended, by receipts: only devices that are here can say that they are free."""

from collections.abc import Sequence

from classroom_app.domain.room import free as count_free
from classroom_app.domain.tile import Tile
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.receipts import ABSENT
from classroom_app.presenters.words import say
from classroom_app.services.presence import Ended


class Summary:
    """Sums up the last lesson. `open`: somebody has not answered yet, so look again."""

    def __init__(self, desk: DeskPresenter) -> None:
        self._desk = desk
        self._over: Ended | None = None

    @property
    def open(self) -> bool:
        return self._over is not None

    def ended(self, over: Ended, tiles: Sequence[Tile]) -> None:
        """Leave the wall with the sum so far; nobody can have answered the end yet."""
        self._over = over
        self._desk.ended(_words(over, tiles)[0])

    def close(self) -> None:
        """Count no more: another lesson begins, or this one goes on, and the tiles are of that."""
        self._over = None

    def look(self, tiles: Sequence[Tile]) -> None:
        """Count again, until the last device of the lesson has said that it is free."""
        if self._over is None:
            return
        words, free = _words(self._over, tiles)
        self._desk.summed_up(words)
        if free == len(self._over.devices):
            self.close()


def _words(over: Ended, tiles: Sequence[Tile]) -> tuple[str, int]:
    """Return the sentence, and how many devices are free by their own word."""
    here = [tile for tile in tiles if tile.device and tile.state not in ABSENT]
    free, all_here = count_free(here)
    words = say(
        "Lesson over. {free} of {all} free, {n} works collected.",
        over.handed_in,
        free=free,
        all=all_here,
    )
    away = len(over.devices) - all_here
    told = f"{words} " + say("{n} devices were not here.", away) if away else words
    return told, free
