"""Who sits where, as the teacher is asked it: names chosen on devices, and whom one may choose."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from msgspec import Struct

from classroom_app.domain.tile import Tile
from classroom_app.presenters.sentences import name_of
from classroom_app.presenters.wall import folded, key_of
from classroom_app.presenters.words import say


class Claim(Struct, frozen=True):
    """The pupil called `name` says to sit at `device`; `key` is the seat where that was said."""

    key: str
    name: str
    device: str
    tile: Tile


class Choice(Struct, frozen=True):
    """Whom one may seat; `pupil` empty: nobody. `second` says where that pupil sits now."""

    pupil: str
    name: str
    second: str = ""


def claims(tiles: Sequence[Tile]) -> list[Claim]:
    """Return every name that waits for a yes, in the order of names."""
    names = {tile.pupil: tile.name for tile in tiles if tile.pupil}
    asked = [
        Claim(key_of(tile), names[tile.claim], name_of(tile), tile)
        for tile in tiles
        if tile.claim in names
    ]
    return sorted(asked, key=lambda claim: folded(claim.name))


def choices(tiles: Iterable[Tile], at: Tile) -> list[Choice]:
    """Return whom one may seat at a tile: first who has no device, then the others, then nobody."""
    others = [tile for tile in tiles if tile.pupil and tile.pupil != at.pupil]
    others.sort(key=lambda tile: (bool(tile.device), folded(tile.name)))
    found = [
        Choice(tile.pupil, tile.name, say("has a device") if tile.device else "") for tile in others
    ]
    return [*found, Choice("", say("Nobody yet"))] if at.pupil else found


LETTERS, LETTERS_MOST, LOOKED_AT = 2, 3, 24


def short_names(tiles: Sequence[Tile]) -> dict[str, str]:
    """Return two or three letters for each seat's key, no two alike, the first two if they can be.

    Who shares three letters with others has the initial of the last word behind two, or the first
    and one in which they differ; else it is the seat. A device with nobody: the end of its name.
    """
    found = {key_of(tile): _end(tile) for tile in tiles if not tile.pupil}
    for letters in (*_BEGINNINGS, _initials, *_BEGINNINGS, *_DIFFERING):
        shorts = {
            key_of(tile): short
            for tile in tiles
            if key_of(tile) not in found and (short := letters(tile.name))
        }
        often = Counter(map(folded, [*shorts.values(), *found.values()]))
        found |= {key: short for key, short in shorts.items() if often[folded(short)] == 1}
    return {key_of(tile): str(tile.seat) for tile in tiles} | found


def _beginning(count: int, name: str) -> str:
    return name[:count].strip()


def _initials(name: str) -> str:
    """Return of "Lina M." "LiM"."""
    words = name.split()
    return words[0][:LETTERS] + words[-1][0] if len(words) > 1 else ""


def _differing(at: int, name: str) -> str:
    return name[0] + name[at] if name[at : at + 1].isalpha() else ""


_BEGINNINGS = tuple(partial(_beginning, count) for count in (LETTERS, LETTERS_MOST))
_DIFFERING = tuple(partial(_differing, at) for at in range(LETTERS_MOST, LOOKED_AT))


def _end(tile: Tile) -> str:
    return name_of(tile).split()[-1][-LETTERS_MOST:]


def seated_words(seats: Sequence[tuple[Tile, str]], tiles: Sequence[Tile]) -> str:
    """Return bar B's sentence for what the teacher has just said."""
    if len(seats) != 1:
        return say("{n} names confirmed", len(seats))
    tile, pupil = seats[0]
    if not pupil:
        if tile.pupil:
            return say("{name}'s place is free", name=tile.name)
        return say("Nobody yet at {device}", device=name_of(tile))
    name = next((other.name for other in tiles if other.pupil == pupil), "")
    if tile.pupil:
        return say("{name} sits where {before} sat", name=name, before=tile.name)
    return say("{name} sits at {device}", name=name, device=name_of(tile))
