"""The one sentence of bar B: what happened by receipts, who is chosen, who is here."""

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct

from classroom_app.domain import room
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.sentences import name_of, tile_words
from classroom_app.presenters.wall import key_of
from classroom_app.presenters.words import day, later, say

ABSENT = frozenset({State.NOT_HERE, State.GONE, State.OTHER_NETWORK, State.OTHER_LESSON})
HELD = frozenset({State.LOCKED, State.ASKED})
NAMES_TOLD = 3
# What a teacher can do something about, or tell; a server that is away comes back by itself.
_IN_THE_WAY = {
    "portal": later("This network wants you to sign in first"),
    "not-kept": later("This computer's disk is full or fails"),
    "refused": later("The school does not accept the exchange"),
    "no-room": later("The school has no room for all works"),
    "storage": later("Where the school keeps works is out of reach"),
    "certificate": later("Something else answers as the school"),
    "clock": later("Look at this computer's date and time"),
    "not-a-server": later("Something else answers as the school"),
    "server-fault": later("The school's server answers wrongly"),
    "https": later("The school wants an address with https://"),
    "own-fault": later("A fault of Pupitre's own stops the exchange"),
}


class Said(Struct, frozen=True):
    """`text` large, `second` beside it; `undo`: the last act can be taken back now.

    `absent`: the keys of who is said to be missing, so that one can ask why. `stop`: it goes on,
    and can be stopped.
    """

    text: str
    second: str = ""
    undo: bool = False
    absent: tuple[str, ...] = ()
    stop: bool = False


class Receipt(Struct, frozen=True):
    """What the devices answered to a hand-out, its withdrawal, a collection or a message.

    `kind` is "hand-out", "withdrawn", "collect", "message", "still" or "stills"; `failed` are
    sentences a device's trouble makes, `empty` who had nothing to hand in, `opened` counts who had
    opened it before it was withdrawn, `ended` of how many it is known what became of it.
    """

    kind: str
    subject: str
    done: int
    asked: int
    missing: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    opened: int = 0
    ended: int = 0


class Sending(Struct, frozen=True):
    """How far collected work is on its way, in files and bytes; none goes: all 0."""

    files: int = 0
    of_files: int = 0
    sent_bytes: int = 0
    of_bytes: int = 0


class School(Struct, frozen=True):
    """The way to the MDM: `synced_at` is when all was last exchanged, UTC seconds; 0 for never.

    `doubts`, `restored`, `busy`, `why`, `held`, `tried_at` and `again_at` as in `SyncState`.
    `none`: the school has no server, and misses none.
    """

    reached: bool = False
    synced_at: float = 0.0
    waiting: int = 0
    refused: int = 0
    doubts: int = 0
    restored: bool = False
    none: bool = False
    busy: bool = False
    why: str = ""
    sending: Sending = Sending()
    held: str = ""
    tried_at: float = 0.0
    again_at: float = 0.0

    @property
    def asks_anew(self) -> bool:
        """Whether nothing goes on before the teacher signs in again."""
        return self.why == "not-signed-in"


def named(names: Collection[str]) -> str:
    """Return up to three names, then how many more."""
    told = ", ".join(list(names)[:NAMES_TOLD])
    more = len(names) - NAMES_TOLD
    return say("{names} and {count} more", names=told, count=more) if more > 0 else told


def held(tiles: Sequence[Tile], keys: Collection[str]) -> Said:
    """Count receipts of a lock: who is gone or not covered is not counted."""
    count, everyone = room.held(tiles, frozenset(keys))
    return Said(say("{n} of {all} locked", count, all=everyone))


def with_sentence(sentence: str, until: str) -> str:
    """Return what stands beside a lock's receipt: until when, and what the pupils read."""
    return " · ".join([until, say("“{text}”", text=sentence)] if sentence else [until])


def freed(tiles: Sequence[Tile], keys: Collection[str]) -> Said:
    count, everyone = room.free(tiles, frozenset(keys))
    return Said(say("{n} of {all} free", count, all=everyone))


def received(told: Receipt) -> Said:
    """Return the sentence of a hand-out, a collection or a message."""
    if told.kind == "withdrawn":
        return Said(_withdrawn(told), _later(told.missing))
    if told.kind == "still":
        text = say("A picture of {name}'s screen is kept", name=told.subject)
        return Said(text, say("The screen there says so."))
    facts = {"subject": told.subject, "count": told.done, "all": told.asked}
    if told.kind == "stills":
        return _stills(told)
    match told.kind:
        case "hand-out":
            text = say("{subject}: arrived at {count} of {all}", **facts)
        case "collect":
            text = say("Collected from {count} of {all}", **facts)
        case _:
            text = say("Message shown to {count} of {all}", **facts)
    return Said(text, " · ".join([*told.failed[:1], *_lacking(told)]))


def _stills(told: Receipt) -> Said:
    """Say how far the pictures of many screens are, and whose are not kept."""
    facts, second = {"count": told.done, "all": told.asked}, " · ".join(told.failed)
    if told.ended < told.asked:
        return Said(say("Keeping pictures: {count} of {all}…", **facts), second, stop=True)
    text = say("Pictures of {n} of {all} screens are kept", told.done, all=told.asked)
    return Said(text, second or say("The screens there say so."))


def _lacking(told: Receipt) -> list[str]:
    """Say who is not counted, and why."""
    missing = named(told.missing)
    if told.kind == "hand-out":
        return [_later(told.missing)] if missing else []
    if told.kind != "collect":
        return [say("Not shown: {names}", names=missing)] if missing else []
    second: list[str] = []
    if told.open:
        second.append(say("Open: {names}", names=named(told.open)))
    if missing:
        second.append(say("Missing: {names}", names=missing))
    if told.empty:
        second.append(say("Nothing handed in: {names}", names=named(told.empty)))
    return second


def _later(names: Collection[str]) -> str:
    return say("Later, on return: {names}", names=named(names)) if names else ""


def subject_of(names: Sequence[str]) -> str:
    """Return the one file's name, or how many they are."""
    return names[0] if len(names) == 1 else say("{n} files", len(names))


def _withdrawn(told: Receipt) -> str:
    subject = told.subject
    if not told.asked:
        return say("{subject}: withdrawn, nobody had it", subject=subject)
    if told.opened == told.asked:
        return say("{subject}: all {n} had opened it", told.opened, subject=subject)
    if not told.opened:
        facts = {"subject": subject, "count": told.done, "all": told.asked}
        return say("{subject}: withdrawn from {count} of {all}", **facts)
    return say(
        "{subject}: withdrawn from {count}, {n} had opened it",
        told.opened,
        subject=subject,
        count=told.done,
    )


def chosen(tiles: Sequence[Tile], everyone: int) -> Said:
    names = named([name_of(tile) for tile in tiles])
    text = say("{n} selected: {names}", len(tiles), names=names)
    return Said(text, say("Esc: all {count} again", count=everyone))


def present(tiles: Sequence[Tile], now: float) -> Said:
    """Say who is here; while anyone is locked, that instead."""
    pupils = [tile for tile in tiles if tile.pupil]
    if any(tile.held for tile in pupils):
        return held(pupils, {key_of(tile) for tile in pupils})
    absent = [tile for tile in pupils if tile.state in ABSENT]
    if not pupils:
        return Said(say("No pupils yet. The class appears by itself."))
    keys = tuple(key_of(tile) for tile in absent)
    if all(tile.state is State.NOT_HERE for tile in pupils):
        if unseated := unseated_here(tiles):
            here = say("Devices here: {count}.", count=unseated)
            return Said(say("No pupil sits at a device yet."), here, absent=keys)
        return Said(say("No pupils yet. The class appears by itself."), absent=keys)
    text = here_words(len(pupils) - len(absent), len(pupils))
    told = [_missing(tile, now) for tile in absent[:2]]
    if len(absent) > len(told):
        told.append(say("and {count} more", count=len(absent) - len(told)))
    return Said(text, " · ".join(told), absent=keys)


def unseated_here(tiles: Sequence[Tile]) -> int:
    """Return how many devices are here at which nobody is known to sit."""
    return sum(not tile.pupil and tile.state not in ABSENT for tile in tiles)


def here_words(count: int, everyone: int) -> str:
    """Say how many pupils are here; of one alone nobody says "1 of 1"."""
    if everyone == 1:
        return say("The pupil is here") if count else say("The pupil is not here")
    return say("{n} of {all} pupils here", count, all=everyone)


def taken(tiles: Sequence[Tile], now: float, today: float) -> Said | None:
    """Say that another teacher has this class, where most of it is in that lesson.

    `now` is in seconds of the room's clock, `today` the same moment as UTC.
    """
    away = [tile for tile in tiles if tile.state is State.OTHER_LESSON]
    if 2 * len(away) <= len(tiles):
        return None
    keys = tuple(key_of(tile) for tile in away)
    newest = max(away, key=lambda tile: tile.until)
    if newest.until <= now:
        text = say("{name} has this class and has not shared it.", name=newest.reason)
    else:
        text = say(
            "{name} has this class until {time} and has not shared it.",
            name=newest.reason,
            time=clock_time(today + newest.until - now),
        )
    return Said(text, say("Ask, or wait."), absent=keys)


def _missing(tile: Tile, now: float) -> str:
    match tile.state:
        case State.GONE:
            return say("{name} gone", name=name_of(tile))
        case State.NOT_HERE:
            return say("{name} not here yet", name=name_of(tile))
        case _:
            return say("{name}: {state}", name=name_of(tile), state=tile_words(tile, now).title)


def clock_time(utc_seconds: float) -> str:
    """Return a moment as the wall clock of this computer shows it."""
    return datetime.fromtimestamp(utc_seconds).astimezone().strftime("%H:%M")


def moment(utc_seconds: float, today: float) -> str:
    """Return a moment as a clock's time, with its day where that is not today's (UTC seconds)."""
    date, time = day(int(utc_seconds)), clock_time(utc_seconds)
    return time if date == day(int(today)) else f"{date}, {time}"


def to_the_second(utc_seconds: float) -> str:
    """Return a moment so that two of one minute can be told apart."""
    return datetime.fromtimestamp(utc_seconds).astimezone().strftime("%H:%M:%S")


def school_words(school: School, today: float) -> str:
    """Say how it stands with the school; `today` is UTC seconds."""
    if school.none:
        return say("No server: all stays here")
    if school.asks_anew:
        return say("Sign in anew: nothing goes to the school")
    if school.doubts:
        return say("Two journals of a lesson differ. Please tell your administrator.")
    if school.refused:
        return _refused(school)
    if not school.reached or not (school.synced_at or school.waiting):
        return _away(school)
    if school.waiting:
        return say("School: {count} to send", count=school.waiting)
    time = moment(school.synced_at, today)
    if school.restored:
        return say("School: its server had gone back and has all again, {time}", time=time)
    return say("School: up to date {time}", time=time)


def _refused(school: School) -> str:
    if school.why or school.waiting:
        return say("The school did not accept {n} entries.", school.refused)
    return say("The school did not accept {n} entries. The rest is through.", school.refused)


def _away(school: School) -> str:
    if school.why in _IN_THE_WAY:
        return say(_IN_THE_WAY[school.why])
    if not school.waiting:
        return say("School: later, nothing waits")
    return say("School: later, {n} waiting", school.waiting)
