"""Who needs the teacher, oldest first: people, failures, and whoever just went."""

from collections.abc import Sequence

from msgspec import Struct

from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.seats import claims
from classroom_app.presenters.sentences import name_of, tile_words, wish_icon, wish_words
from classroom_app.presenters.wall import key_of
from classroom_app.presenters.words import lasted, say

GONE_SHOWN_SECONDS = 300.0
_FAILURES = frozenset({State.NOT_COVERED, State.CLOCK, State.TWIN})


class Chip(Struct, frozen=True):
    """`kind` is "ask" (a person), "fail" (a device) or "gone"; `sheet`: what a click opens."""

    key: str
    kind: str
    icon: str
    name: str
    words: str
    since: float = 0.0
    sheet: str = ""

    @property
    def id(self) -> str:
        """What stays the same while its words count on."""
        return f"{self.kind} {self.sheet or self.key}"


class News:
    """Tells which chips were not there at the last look."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()

    def of(self, found: Sequence[Chip]) -> list[Chip]:
        known, self._known = self._known, frozenset(chip.id for chip in found)
        return [chip for chip in found if chip.id not in known]


def _chip(tile: Tile, now: float) -> Chip | None:
    name = name_of(tile)
    if tile.wish:
        words = wish_words(tile.wish, now)
        return Chip(key_of(tile), "ask", wish_icon(tile), name, words, tile.wish.since)
    shown = tile_words(tile, now)
    if tile.state in _FAILURES:
        words = say("not covered") if tile.state is State.NOT_COVERED else shown.title
        return Chip(key_of(tile), "fail", shown.icon, name, words, tile.since)
    if tile.state is State.GONE and now - tile.since <= GONE_SHOWN_SECONDS:
        words = say("gone {time}", time=lasted(now - tile.since))
        return Chip(key_of(tile), "gone", shown.icon, name, words, tile.since)
    return None


def _seats(tiles: Sequence[Tile]) -> list[Chip]:
    asked = claims(tiles)
    if not asked:
        return []
    first = asked[0]
    if len(asked) == 1:
        words = say("at {device}?", device=first.device)
        return [Chip(first.key, "ask", "user-plus", first.name, words, sheet="seats")]
    words = say("{n} names to confirm", len(asked))
    return [Chip(first.key, "ask", "user-plus", words, "", sheet="seats")]


def chips(tiles: Sequence[Tile], now: float) -> list[Chip]:
    """Return a chip a tile that wants something: people first, then failures, then the gone.

    All who said their name are one chip: at a cart's lesson there are thirty within a minute.
    """
    found = [*_seats(tiles), *(chip for tile in tiles if (chip := _chip(tile, now)))]
    return sorted(found, key=lambda chip: (("ask", "fail", "gone").index(chip.kind), chip.since))


def spoken_chip(chip: Chip) -> str:
    if chip.sheet:
        return say("{name}, answer", name=f"{chip.name} {chip.words}".strip())
    return say("{name}, {words}, go to", name=chip.name, words=chip.words)
