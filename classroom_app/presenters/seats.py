"""Who sits where, as the teacher is asked it: names chosen on devices, and whom one may choose."""

from collections.abc import Iterable, Sequence

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
