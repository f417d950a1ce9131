"""What is said before a picture of each screen is kept: what it does, of how many, and of whom not.

A click is asked for twice, since one picture tells a pupil as much as a close look does.
"""

from collections.abc import Sequence

from classroom_app.domain.tile import Tile
from classroom_app.presenters.sentences import name_of, without_picture
from classroom_app.presenters.words import say
from classroom_app.services.stills import why_none


class Question:
    """`tiles`: whose screens are meant. `count`: of how many a picture can be kept now."""

    def __init__(self, tiles: Sequence[Tile]) -> None:
        named = [(name_of(tile), why_none(tile)) for tile in tiles]
        self._lacking = [(name, why) for name, why in named if why]
        self.count = len(named) - len(self._lacking)

    def words(self) -> str:
        if not self.count:
            return say("No screen can be seen now.")
        return say(
            "Keeps one picture of {n} screens, at full size, in this lesson's folder. Each of "
            "these screens says that you look closely and that a picture is kept; both journals "
            "have it.",
            self.count,
        )

    def lacking(self) -> tuple[str, ...]:
        """Say of whose screens there will be none, and why."""
        return without_picture(self._lacking)

    def button(self) -> str:
        return say("Keep {n} pictures", self.count)
