"""How the exchange with the school stands, in a teacher's words."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from classroom_app.domain.errors import NotKept, RoomError
from classroom_app.presenters.journal import JournalRow, line
from classroom_app.presenters.receipts import School, Sending, moment, to_the_second
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import amount, later, say

LINES_MAX: Final = 3
"""More would not find room in a small window, with all else that may be said there."""
_WHY: Final = {
    "unreachable": later("The school's server is out of reach. All waits here, and goes later."),
    "try-again": later("The school's server asked for some patience. All waits here."),
    "not-kept": later(
        "This computer's disk is full, fails, or may not be written to. All waits here."
    ),
    "not-signed-in": later(
        "The school no longer knows this sign-in. Sign in anew; all waits here."
    ),
    "refused": later("The school's server did not accept the exchange. All waits here."),
    "no-room": later(
        "The school's server has no room for all works. They wait here; tell your administrator."
    ),
    "storage": later(
        "From here the place where the school keeps works is out of reach."
        " Some works wait; tell your administrator."
    ),
    "portal": later(
        "This network wants you to sign in first: open any page in your browser. All waits here."
    ),
    "certificate": later(
        "Something else answers in place of the school's server."
        " If this network wants a sign-in, open any page in your browser. All waits here."
    ),
    "clock": later(
        "By this computer's date the school server's certificate does not hold."
        " Look at date and time."
    ),
    "not-a-server": later(
        "Something else answers in place of the school's server. All waits here."
    ),
    "server-fault": later(
        "The school's server answers wrongly. All waits here; tell your administrator."
    ),
    "https": later("The school's server wants an address that begins with https://."),
    "own-fault": later(
        "A fault of Pupitre's own stops the exchange. All waits here, and it is tried again;"
        " tell your administrator."
    ),
}
# What an answer that is not the school's tells of itself (`cloud.errors.NotAServer`).
_OF_AN_ANSWER: Final = frozenset({"portal", "certificate", "clock", "https"})
_HELD: Final = {
    "metered": later("This network is paid for by its amount: large works wait for another one."),
    "slow": later("The line is slow: large works go one at a time, after all else."),
    "stopped": later("You stopped it. It goes on within an hour, where it was."),
}
_DECIDED: Final = {
    "foreign-class": later("The class is no longer yours at the school."),
    "foreign-pupil": later("The pupil is no longer in this class."),
    "foreign-lesson": later("The lesson is another teacher's at the school."),
    "foreign-origin": later(
        "At the school this computer's lessons are another teacher's. Tell your administrator."
    ),
    "sequence-taken": later(
        "The school has something else in its place: a copy of the past was in use here."
        " It stays here; tell your administrator."
    ),
    "id-taken": later(
        "The school has something else by its number. It stays here; tell your administrator."
    ),
    "too-large": later("It is too large for the school's server."),
    "wrong-size": later("The file did not come whole."),
    "bad-manifest": later("The file did not come whole."),
    "lost-here": later("The file is no longer on this computer."),
}


class DecidedRow(Struct, frozen=True):
    """What the school decided otherwise than `row` tells it; `why` is its code, `work` a file.

    It was in a lesson of `class_name` that began at `lesson_at`, UTC seconds. `now_in`: the class
    that its pupil has gone to. `saves`: a file of it lies here and can be copied elsewhere.
    """

    row: JournalRow
    why: str
    work: bool = False
    class_name: str = ""
    lesson_at: float = 0.0
    now_in: str = ""
    saves: bool = False


class Standing(Struct, frozen=True):
    """`events` and `files` wait, files with `file_bytes` in all; `decided` newest first.

    `further`: the acts of what was decided before these; `further_works`: those with a file here.
    """

    events: int = 0
    files: int = 0
    file_bytes: int = 0
    decided: tuple[DecidedRow, ...] = ()
    further: tuple[str, ...] = ()
    further_works: tuple[str, ...] = ()


def exchanging(school: School) -> bool:
    """Return whether a turn is at what is small: beside works that go, another one may be asked."""
    return school.busy and not school.sending.of_files


def in_step_words(school: School, today: float) -> str:
    """Say when all was last in step; `today` is UTC seconds."""
    if school.none:
        return say("No server: all stays here")
    if exchanging(school):
        return say("Exchanging…")
    if not school.synced_at:
        return say("Not yet in step with the school")
    return say("Last in step: {when}", when=moment(school.synced_at, today))


def trouble_words(school: School) -> str:
    """Say what is in the way, and whether the server told of something unusual."""
    told = [say(_WHY[school.why])] if school.why in _WHY else []
    if school.restored:
        told.append(say("The school's server had gone back, and has all again."))
    if school.doubts:
        told.append(say("Two journals of a lesson differ. Please tell your administrator."))
    return "\n".join(told)


def failed_words(school: School, error: Exception) -> str:
    """Say why an exchange that was asked for failed, as `trouble_words` do once it has ended.

    Beside works that go, `school` tells how those are, and the error of itself.
    """
    of_this_disk = school.why == "not-kept"
    if isinstance(error, RoomError):
        same = of_this_disk and type(error) is NotKept  # each other kind says it more closely
    else:
        same = not of_this_disk
    if same and not school.busy and school.why in _WHY:
        return say(_WHY[school.why])
    return answer_words(error) or refusal(error)


def answer_words(error: Exception) -> str:
    """Say who answered in the school's place, where that is known; else ""."""
    why = str(getattr(error, "why", ""))
    return say(_WHY[why]) if why in _OF_AN_ANSWER else ""


def tried_words(school: School, today: float) -> str:
    """Say when the exchange was last tried in vain, and when it is tried again; else ""."""
    if not school.tried_at or exchanging(school):
        return ""
    tried = to_the_second(school.tried_at)
    if school.again_at <= today or school.asks_anew:  # it is about to, or not before a person does
        return say("Tried at {time}.", time=tried)
    again = to_the_second(school.again_at)
    return say("Tried at {time}; the next try is at {again}.", time=tried, again=again)


def waiting_words(school: School, standing: Standing) -> str:
    """Say what waits: as much as the exchange counts, and of what kinds where that is of now.

    The kinds are read later than the exchange has counted: what it has sent since waits no more.
    """
    if school.none:
        return ""
    if not school.waiting:
        return say("Nothing waits.")
    if standing.events + standing.files != school.waiting:
        return say("Waiting: {what}", what=school.waiting)
    parts: list[str] = []
    if standing.events:
        parts.append(say("{n} entries of the journal", standing.events))
    if standing.files:
        size = amount(standing.file_bytes)
        parts.append(say("{n} collected works ({size})", standing.files, size=size))
    return say("Waiting: {what}", what=" · ".join(parts))


def sending_words(sending: Sending) -> str:
    """Say how far collected work is on its way; "": none goes."""
    if not sending.of_files:
        return ""
    return say(
        "Sending works: {count} of {all} · {sent} of {size}",
        count=sending.files,
        all=sending.of_files,
        sent=amount(sending.sent_bytes),
        size=amount(sending.of_bytes),
    )


def held_words(held: str) -> str:
    """Say why collected work waits though the school is there; "": none does."""
    return say(_HELD[held]) if held in _HELD else ""


def sends_now(held: str) -> bool:
    """Return whether a word of the teacher's lets it go."""
    return held in {"metered", "stopped"}


def refused_words(standing: Standing) -> str:
    """Say above the list what it is of."""
    return say("The school did not accept {n} entries.", len(refused_acts(standing)))


def works_to_save(standing: Standing) -> tuple[str, ...]:
    """Return the acts whose work is not at the school and may be saved elsewhere."""
    listed_here = tuple(one.row.id for one in standing.decided if one.saves)
    return (*listed_here, *standing.further_works)


def refused_acts(standing: Standing) -> tuple[str, ...]:
    """Return the acts of all that is counted here: what is seen when that is said."""
    return (*(one.row.id for one in standing.decided), *standing.further)


def listed(standing: Standing) -> tuple[DecidedRow, ...]:
    """Return what is told of by a line of its own."""
    return standing.decided[:LINES_MAX]


def decided_lines(standing: Standing, today: float) -> Sequence[tuple[str, str]]:
    """Return what was written and what the school decided, newest first, the first few."""
    told = [
        (line(one.row), f"{_of_lesson(one, today)}\n{decided_words(one)}")
        for one in listed(standing)
    ]
    more = len(refused_acts(standing)) - len(told)
    return [*told, (say("and {count} more", count=more), "")] if more else told


def decided_words(one: DecidedRow) -> str:
    """Say why, by names where they are known; what was decided of a pupil is said of that pupil."""
    facts = {"name": one.row.who, "was": one.class_name, "now": one.now_in}
    match one.why:
        case "foreign-pupil" if all(facts.values()):
            return say("{name} is now in {now}, no longer in {was}. The work stays here.", **facts)
        case "foreign-pupil" if one.row.who and one.class_name:
            return say("{name} is no longer in {was}. The work stays here.", **facts)
        case "foreign-class" if one.class_name:
            return say("{was} is no longer your class at the school. This stays here.", **facts)
        case why if why in _DECIDED:
            return say(_DECIDED[why])
        case why:
            return say("Please tell your administrator: {why}", why=why or "?")


def _of_lesson(one: DecidedRow, today: float) -> str:
    """Say of which lesson it was; where that is written here no more, when it was."""
    if not one.class_name:
        return moment(one.row.at, today)
    when = moment(one.lesson_at, today)
    return say("Lesson of {name}, {when}", name=one.class_name, when=when)
