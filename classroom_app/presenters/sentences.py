"""Every state, reason and refusal as words a teacher reads: what is so, why, what happens next."""

import re
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from classroom_app.domain.errors import (
    AnotherTeacher,
    GrantEnded,
    JournalDoubted,
    NoFileManager,
    NotReady,
    NotSaved,
    NotYourClass,
    ShowEnded,
    StillRefused,
    Unfit,
)
from classroom_app.domain.tile import State, Tile, Wish
from classroom_app.presenters.words import amount, day, lasted, later, say
from device_bridge.protocol.plain import plain

BATTERY_LOW_PERCENT = 15


class TileWords(Struct, frozen=True):
    """What stands on a tile. Empty where it stays quiet; `icon`s are file names of Lucide."""

    icon: str = ""
    title: str = ""
    second: str = ""
    fact_icon: str = ""
    fact: str = ""


_ICONS = {
    State.NOT_HERE: "user",
    State.GONE: "wifi-off",
    State.OTHER_NETWORK: "router",
    State.OTHER_LESSON: "door-open",
    State.NOT_COVERED: "triangle-alert",
    State.TWIN: "copy",
    State.CLOCK: "clock-alert",
    State.LOCKED: "lock",
    State.ASKED: "hourglass",
    State.DARK: "monitor",
    State.PRIVATE: "eye-off",
    State.WAITING: "hourglass",
    State.STALE: "clock",
}
_TITLES = {
    State.NOT_HERE: later("Not here yet"),
    State.GONE: later("Gone {time}"),
    State.OTHER_NETWORK: later("Other network"),
    State.OTHER_LESSON: later("In another lesson"),
    State.TWIN: later("Two devices, one name"),
    State.CLOCK: later("Clock is wrong"),
    State.LOCKED: later("Locked"),
    State.ASKED: later("asked…"),
    State.DARK: later("Blank screen"),
    State.PRIVATE: later("Private"),
    State.WAITING: later("Waiting for the first picture"),
    State.STALE: later("Picture {time} old"),
}
# Icon and title where a device says why nobody could see its desktop.
_HIDDEN = {
    "screen-off": ("moon", later("Screen off")),
    "screen-saver": ("moon", later("Screen saver")),
    "os-locked": ("lock", later("Session locked")),
    "user-switched": ("users", later("Another user")),
    "login-screen": ("log-in", later("Login screen")),
    "no-seat": ("log-in", later("Nobody signed in")),
    "seat-away": ("log-in", later("Nobody signed in")),
}
# The seat's own reasons: short words for a tile; what is not listed is shown as it came.
_REASONS = {
    "not every screen is covered": later("not every screen covered"),
    "another window lies over the curtain": later("a window lies over it"),
    "another window holds the keyboard": later("keyboard held elsewhere"),
    "another program holds the keyboard": later("keyboard held elsewhere"),
    "another window holds the pointer": later("mouse held elsewhere"),
    "the keyboard is not held": later("keyboard not held"),
    "the pointer is not held": later("mouse not held"),
    "no desktop": later("no desktop to cover"),
    "no-indicator": later("the pupil's bar is not shown"),
    "the bar is not shown": later("the pupil's bar is not shown"),
    "the bar is not on any screen": later("the pupil's bar is not shown"),
    "another window covers the bar": later("the pupil's bar is not shown"),
    "the screen cannot be seen": later("the screen cannot be seen"),
    "cannot-see": later("the screen cannot be seen"),
    "not-permitted": later("that device does not permit it yet"),
    "screen-gone": later("the screen is unplugged"),
    "the picture is not whole": later("the picture is not readable"),
    "the picture is too large": later("the picture is too large"),
    "second-screen": later("2nd screen open"),
    "second screen open": later("2nd screen open"),
    "no-screen": later("no desktop to cover"),
    "no-seat": later("nobody is logged in"),
    "seat-away": later("nobody is logged in"),
    "keyboard": later("keyboard not held"),
    "pointer": later("mouse not held"),
    "grab-failed": later("keyboard not held"),
    "password": later("password"),
    "asleep": later("asleep"),
    # Why there is no link, or why a device does not obey.
    "the device is reported missing": later("reported missing"),
    "not-paired": later("not of this school"),
    "other-device": later("another device answers"),
    "not-allowed": later("your right does not reach it"),
    "verb": later("your right does not reach it"),
    "class": later("your right does not reach it"),
    "lesson": later("your right does not reach it"),
    "device": later("your right does not reach it"),
    "another-mandate": later("the lesson is over there"),
    "grant-ended": later("your right has ended"),
    "revoked": later("the school has ended it"),
    "deny-list": later("the school's list is older there"),
    "no-lesson": later("no lesson there yet"),
    "lesson-ended": later("the lesson is over there"),
    "lease-ended": later("the lock has run out"),
    "unsupported": later("another version of Pupitre"),
    "busy": later("busy with others"),
    "broken": later("its answers make no sense"),
    # Why no picture was kept.
    "private": later("kept private by the pupil"),
    "not-close": later("the close look is over"),
    "too-soon": later("one picture in ten seconds"),
    "too-many": later("enough pictures in this lesson"),
    "not-noted": later("the device could not write it down"),
    "no-picture": later("no picture came in time"),
    "locked": later("locked now"),
    "twin": later("two devices say they are this one"),
    "stopped": later("you stopped it"),
    "late": later("no answer in time"),
    "not-there": later("out of reach"),
    "too-old": later("another version of Pupitre"),
}
# A link that is not there needs no words: the device comes back, or has never come.
_QUIET = frozenset({"lost", "unreachable", "silent"})
REASON_MAX = 80
WORD_MAX = 20
_ROOM_BYTES_LEAST = 1_000_000  # "free 12 bytes" would help nobody for long
_ERRORS = {
    "NotPaired": later("{name} does not know this computer. Add the device with its code."),
    "WrongPassphrase": later("The passphrase does not open it. Try again."),
    "SchoolSucceeded": later("The school has a new key. Please sign in again."),
    "AuthorityLocked": later("Type the school's passphrase."),
    "NotAllowed": later("{name} obeys only in your lesson. Start the lesson."),
    "TryAgain": later("{name} is busy or out of reach. It goes on by itself."),
    "Unsupported": later("{name} is too old for this. The rest works."),
    "Broken": later("{name} answers in a way Pupitre does not understand. The rest goes on."),
    "Refused": later("The server does not do that for you. Ask your administrator."),
    "WrongPassword": later("Name, password or school is not right. Try again."),
    "CodeAsked": later("Your role needs a code as well. Sign in again and type it."),
    "WrongCode": later("The code is not right, or was used already. Wait for the next one."),
    "NoFactor": later("Your role needs a second factor. Sign in again and choose it."),
    "NotSignedIn": later("Sign in, then all goes on by itself."),
    "Unreachable": later("The school's server does not answer. Your classes are here; go on."),
    "NotAServer": later(
        "At this address is no school server. Addresses begin with https:// or http://."
    ),
    "OutOfDate": later(
        "By this computer's date the school server's certificate does not hold."
        " Look at date and time."
    ),
    "NoBrowser": later("Nothing on this computer shows web pages. Sign in with a password."),
    "AnotherTeacher": later(
        "Here are the lessons of {name}. Who else teaches needs an own account of this computer."
    ),
    "NoClass": later("Open a class first."),
    "NoLesson": later("Start the lesson first."),
    "NotShown": later("That cannot be shown any more. Choose again."),
    "ShowEnded": later("{name}'s screen is not shown any more: {why}"),
    "NotLookedAt": later("Look closely at the pupil first, then show the screen."),
    "LessonWaits": later(
        "The lesson with {name} waits: the school could not be asked for the class. It goes "
        "on once the school is reached."
    ),
    "LessonLeft": later(
        "The lesson with {name} is over: you have no right to it now. Its devices end it by "
        "themselves. Sign in once online and begin it anew, or ask your administrator."
    ),
    "OwnLessonLeft": later(
        "The lesson with {name} is over: your right to it has ended. Its devices end it by "
        "themselves. Type the passphrase at “Add devices” and begin it anew."
    ),
    "LessonTooLong": later("A lesson lasts four hours at most. End it and start the next."),
    "NotAnAddress": later("{name} is not an address. It looks like 10.12.0.41."),
    "NobodyThere": later("No device of your school answers at {name}."),
    "OfAnotherClass": later("The device at {name} is not one of this class."),
    "GrantEnded": later("Your right for {name} ended on {day}. Sign in once online."),
    "NotYourClass": later("{name} is not among your classes. Sign in once online, or ask."),
    "JournalDoubted": later(
        "The journal of {name} is not what it signed before. Please tell your administrator."
    ),
    "NoFileManager": later("Nothing on this computer shows folders. This one is {name}."),
    "NotSaved": later("{name} cannot be written to. Saved so far: {count}. Choose another folder."),
    "SavingFull": later("{name} is full. Saved so far: {count}. Make room, or choose another."),
    "StillRefused": later("No picture was kept: {why}."),
    "ServerBusy": later("The school's server is busy. It goes on by itself."),
    "DiskFull": later("{name}: no room for this. Make room; it goes on by itself."),
    "NotWhole": later("{name}: the file did not arrive whole. It is asked for again."),
    "Withheld": later("{name} does not give this file. The rest goes on."),
    "Unreadable": later("A file here cannot be read or written. Nothing is lost."),
    "NotKept": later("This could not be written down, so it was not done. Try again."),
    "StoreFull": later("This computer is full. Make room; nothing is lost."),
    "StoreReadOnly": later(
        "Pupitre may not write to its folder. Ask who looks after this computer."
    ),
    "StoreInUse": later("Pupitre is open already on this computer. Go on in that window."),
    "StoreClosing": later(
        "Pupitre is still being closed on this computer. Start it again in a minute."
    ),
    "StoreNewer": later(
        "A newer Pupitre wrote the file here. Update this one; nothing was changed."
    ),
    "StoreSealed": later(
        "The key to Pupitre's file is missing or another, so it stays shut. Nothing was changed. "
        "Bring the key back, or begin anew (pupitre store aside)."
    ),
    "StoreLocked": later("Pupitre's file here is locked. Type its passphrase."),
    "KeyringAway": later("This computer's keyring is locked. Unlock it, then start Pupitre again."),
    "StoreBroken": later(
        "Pupitre's file is damaged: nothing more is written. Close it, then: pupitre store check, "
        "pupitre store repair"
    ),
    "StoreToMend": later(
        "Pupitre's file is damaged. Nothing was changed. Ask who looks after this computer to mend "
        "it first: pupitre store repair"
    ),
    "NoLongerHere": later("{name} is not on this computer any more. Choose the file again."),
    "ReadyFull": later("{name} is not kept: the list of this class is full. Remove one first."),
    "NotAPdf": later("{name} is not the kind of file its name says. Open it here once, then try."),
    "EmptyFile": later("{name} is empty. Choose another file."),
    "TooLarge": later("{name} is too large to hand out. Choose a smaller file."),
    "FileExistsError": later("{name} is there already and was left alone. Choose another name."),
    "FileNotFoundError": later("{name} is not there any more. Choose it again."),
    "PermissionError": later("{name} may not be read. Choose another file."),
    "OSError": later("This computer could not read or write a file. Nothing is lost; try again."),
    "TimeoutError": later("No answer in time. Try again in a moment."),
    "Exception": later("That did not work. The rest of the lesson goes on."),
}


# What takes a pupil's screen from the class.
_SHOW_ENDS = {
    "gone": later("the device is gone"),
    "private": later("kept private by the pupil"),
    "locked": later("it is locked"),
    "failed": later("nothing can be seen there"),
    "off": later("the device has ended it"),
    "close-ended": later("the close look is over"),
}


# What became of a hand-out on one device, by the word of its report.
_PAPERS = {
    "disk-full": later("{name}: no room for {file} (needs {needs}, has {has})"),
    "not-whole": later("{name}: {file} did not arrive whole. Hand it out again."),
    "unreadable": later("{name}: {file} is not the kind of file its name says"),
    "cannot-open": later("{name}: {file} is there and does not open. Open it by hand."),
    "no-seat": later("{name}: {file} waits until somebody logs in"),
}


def reason(word: str) -> str:
    """Return a device's reason in the teacher's language where it is one we know."""
    if word in _QUIET:
        return ""
    known = _REASONS.get(word)
    return say(known) if known else plain(word, REASON_MAX)


def refusal(error: Exception, name: str = "") -> str:
    """Return one sentence for an expected error; a new subclass speaks from its first day."""
    facts = _facts(error) or {"name": name or say("A device")}
    for kind in type(error).__mro__:
        if kind.__name__ in _ERRORS:
            return say(_ERRORS[kind.__name__], **facts)
    return say(_ERRORS["Exception"])


def _facts(error: Exception) -> dict[str, str]:
    match error:
        case GrantEnded():
            return {"name": error.class_name, "day": day(error.ended_at)}
        case NoFileManager():
            return {"name": error.folder}
        case NotSaved():
            return {"name": error.folder, "count": str(error.saved)}
        case ShowEnded():
            return {"name": error.name, "why": say(_SHOW_ENDS[error.why])}
        case StillRefused():
            return {"why": reason(error.why) or error.why}
        case NotYourClass() | Unfit() | JournalDoubted() | AnotherTeacher() | NotReady():
            return {"name": error.name}
        case OSError(filename=str() as path):
            return {"name": Path(path).name}
        case _:
            return {}


def paper_trouble(name: str, file: str, why: str, needs_bytes: int, has_bytes: int) -> str:
    """Return what keeps a hand-out from one pupil; `why` is the word of the device's report."""
    known = _PAPERS.get(why)
    if known is None:
        return say("{name}: {file} is not taken there", name=name, file=file)
    needs, has = amount(needs_bytes), amount(has_bytes)
    return say(known, name=name, file=file, needs=needs, has=has)


def without_picture(words: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Say of whose screens no picture is kept, and why; those with one reason together.

    `words` are names and the word of what was in the way.
    """
    by_reason: dict[str, list[str]] = {}
    for name, word in words:
        why = say(_HIDDEN[word][1]) if word in _HIDDEN else reason(word)
        by_reason.setdefault(why or plain(word, REASON_MAX), []).append(name)
    return tuple(
        say("{names}: {why}", names=", ".join(names), why=why) for why, names in by_reason.items()
    )


def left_behind(name: str, files: int) -> str:
    """Say that work of a pupil was not taken: too large, too much, or no plain file."""
    return say("{name}: {n} files were left out", files, name=name)


def full_here(collected: int) -> str:
    """Return what stops a collection on the teacher's own disk; `collected` works are in."""
    return say(
        "This computer is full. Collecting stopped at {count}; nothing is lost.", count=collected
    )


def short_of_room(lacks_bytes: int, *, full: bool) -> str:
    """Say what must be freed on the teacher's own disk; nothing while all is well."""
    room = amount(max(lacks_bytes, _ROOM_BYTES_LEAST))
    if full:
        return say("This computer is full: free {room}.", room=room)
    return say("Computer almost full: free {room}.", room=room) if lacks_bytes else ""


def no_picture(tile: Tile) -> bool:
    """Whether a device says why no picture comes, so that nobody waits for one."""
    return tile.state is State.WAITING and bool(tile.reason)


def _hidden(tile: Tile) -> tuple[str, str]:
    """Return icon and title of a desktop that nobody could see; empty where that is not so."""
    if tile.state in {State.DARK, State.WAITING} and tile.reason in _HIDDEN:
        icon, title = _HIDDEN[tile.reason]
        return icon, say(title)
    return ("monitor", say("No picture")) if no_picture(tile) else ("", "")


def _title(tile: Tile, now: float) -> str:
    if tile.state is State.NOT_COVERED:
        return reason(tile.reason) or say("Not covered")
    if tile.state not in _TITLES:
        return ""
    return say(_TITLES[tile.state], time=lasted(max(0.0, now - tile.since)))


def _second(tile: Tile, now: float) -> str:
    match tile.state:
        case State.DARK:
            return say("for {time}", time=lasted(now - tile.since))
        case State.GONE:
            return reason(tile.reason) or say("comes back by itself")
        case State.CLOCK:
            return say("works; times may differ")
        case State.TWIN:
            return say("note which laptop")
        case State.OTHER_NETWORK if tile.since:
            return tile.reason  # where it says that it is now
        case State.OTHER_NETWORK:
            return say("last: {network}", network=tile.reason)
        case State.NOT_HERE | State.OTHER_LESSON | State.PRIVATE | State.WAITING:
            return "" if tile.reason in _HIDDEN else reason(tile.reason)
        case _:
            return ""


def _fact(tile: Tile) -> tuple[str, str]:
    if 0 <= tile.battery_percent <= BATTERY_LOW_PERCENT:
        return "battery-warning", say("{percent} %", percent=tile.battery_percent)
    if tile.freed:
        return "lock-open", say("free")
    match tile.fact:
        case "handed-in":
            return "check", say("handed in")
        case "opened":
            return "file-text", say("opened")
        case "arrived":
            return "file-text", say("arrived")
        case _:
            return ("", "") if tile.pupil or not tile.name else ("user-plus", say("Nobody yet"))


def tile_words(tile: Tile, now: float) -> TileWords:
    fact_icon, fact = _fact(tile)
    icon, title = _hidden(tile)
    icon = icon or _ICONS.get(tile.state, "")
    title = title or _title(tile, now)
    return TileWords(icon, title, _second(tile, now), fact_icon, fact)


def hint(tile: Tile) -> str:
    """Return what a tile's marks mean; "" where it has none that need a word."""
    if tile.screens < 2:  # noqa: PLR2004 - more than the one that is shown
        return ""
    return say("{count} screens: open the seat to choose one", count=tile.screens)


def advice(tile: Tile, now: float) -> str:
    """Return what can be done about a tile's state, or why it is so; "" where nothing is known.

    A tile has room for a few words; here is a whole sentence where one helps.
    """
    if tile.state is State.TWIN:
        return say(
            "Two devices say they are {name}. Note which one is right, and ask your administrator "
            "to enrol the other anew.",
            name=name_of(tile),
        )
    return _second(tile, now)


def name_of(tile: Tile) -> str:
    return tile.name or say("Nobody yet")


def wish_icon(tile: Tile) -> str:
    """Return what a pupil wants as an icon; "" where nothing is wanted."""
    if tile.wish is None:
        return "user-plus" if tile.claim else ""
    return "hand" if tile.wish.kind == "hand" else "message-square"


def foldable(text: str) -> str:
    """Let a word without end be broken: no line is wider than where it is shown."""
    return re.sub(rf"(\S{{{WORD_MAX}}})(?=\S)", "\\1\u200b", text)


def wish_words(wish: Wish, now: float) -> str:
    """Return the words of a chip: what was written, else how long the hand is up."""
    if not wish.text:
        return lasted(now - wish.since)
    text = wish.text if len(wish.text) <= 24 else wish.text[:23].rstrip() + "…"  # noqa: PLR2004 - a chip
    return say("“{text}”", text=text)


def _spoken_wishes(tile: Tile, now: float) -> list[str]:
    said = [_spoken_wish(tile.wish, now)] if tile.wish else []
    return [*said, say("A name was chosen there and waits for your yes.")] if tile.claim else said


def _spoken_wish(wish: Wish, now: float) -> str:
    since = lasted(now - wish.since)
    match wish.kind:
        case "hand":
            up = say("Hand up, number {place}, {time}.", place=wish.place, time=since)
            return f"{up} {say('Wrote: {text}.', text=wish.text)}" if wish.text else up
        case _:
            return say("Wrote: {text}.", text=wish.text)


def spoken(tile: Tile, now: float) -> str:
    """Return a tile as a screen reader says it: name, seat, wish, failure or hold, fact."""
    words = tile_words(tile, now)
    said = [say("{name}, seat {seat}.", name=name_of(tile), seat=tile.seat)]
    if not tile.seat:
        said = [f"{name_of(tile)}."]
    said += _spoken_wishes(tile, now)
    if tile.state is State.NOT_COVERED:
        said.append(say("Not covered: {why}.", why=words.title))
    elif words.title:
        said.append(f"{words.title}.")
    if words.second:
        said.append(f"{words.second}.")
    if words.fact_icon == "battery-warning":
        said.append(say("Battery {percent} percent.", percent=tile.battery_percent))
    elif words.fact:
        said.append(f"{words.fact}.")
    if marks := hint(tile):
        said.append(f"{marks}.")
    return " ".join(said)
