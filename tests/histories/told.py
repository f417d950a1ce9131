"""What people and devices were told while it went on, one fact each: a ledger is written of them.

In a history of real processes each fact is a JSON line that the process writes the moment it holds,
so that it stands though the process is killed at the next.
"""

from typing import Protocol

from msgspec import Struct

from tests.histories.checker import Act, Ledger, Work


class Fact(Protocol):
    def enter(self, ledger: Ledger) -> None:
        """Write it into the ledger."""
        ...


class Begun(Struct, frozen=True, tag=True):
    """A store is asked to keep this act: whether it did, a crash may leave open."""

    event: str

    def enter(self, ledger: Ledger) -> None:
        ledger.begun.add(self.event)


class Kept(Struct, frozen=True, tag=True):
    """The store has said that it kept this act. `class_id`: the class that it names; "": none."""

    event: str
    teacher: str
    class_id: str = ""

    def enter(self, ledger: Ledger) -> None:
        ledger.events[self.event] = Act(self.teacher, self.class_id)


class Collected(Struct, frozen=True, tag=True):
    """A pupil's file is in the store, by the id of its act."""

    file: str
    work: Work

    def enter(self, ledger: Ledger) -> None:
        ledger.works[self.file] = self.work


class Dropped(Struct, frozen=True, tag=True):
    """A scope's rows did not add up: whose store, and which scope."""

    what: str

    def enter(self, ledger: Ledger) -> None:
        if not ledger.restored:  # else it may be by a number that was given twice
            ledger.dropped.append(self.what)


class Written(Struct, frozen=True, tag=True):
    """A device's journal took so many entries."""

    device: str
    entries: int

    def enter(self, ledger: Ledger) -> None:
        ledger.notes[self.device] += self.entries


class Honoured(Struct, frozen=True, tag=True):
    """A device has obeyed against a list that it had seen: a sentence."""

    what: str

    def enter(self, ledger: Ledger) -> None:
        ledger.honoured.append(self.what)


class Moving(Struct, frozen=True, tag=True):
    """A teacher or a pupil is about to be taken out of a class."""

    who: str
    class_id: str

    def enter(self, ledger: Ledger) -> None:
        ledger.moved.add((self.who, self.class_id))


class Declared(Struct, frozen=True, tag=True):
    """A policy of this version was declared."""

    version: int

    def enter(self, ledger: Ledger) -> None:
        ledger.policy = max(ledger.policy, self.version)


class Wished(Struct, frozen=True, tag=True):
    """A setting of this version was declared over HTTP."""

    version: int

    def enter(self, ledger: Ledger) -> None:
        ledger.declared = max(ledger.declared, self.version)


class Naming(Struct, frozen=True, tag=True):
    """A class is about to be called so."""

    class_id: str
    name: str

    def enter(self, ledger: Ledger) -> None:
        # It fails, maybe, and the class keeps the name that it had: where that is not known,
        # neither is what it may be called now.
        if names := ledger.names.get(self.class_id):
            names.add(self.name)


class Named(Struct, frozen=True, tag=True):
    """The administrator was told that a class is called so."""

    class_id: str
    name: str

    def enter(self, ledger: Ledger) -> None:
        ledger.names[self.class_id] = {self.name}


class Losing(Struct, frozen=True, tag=True):
    """A device's keys are about to be ended."""

    device: str

    def enter(self, ledger: Ledger) -> None:
        ledger.lost.add(self.device)


class Enrolled(Struct, frozen=True, tag=True):
    """A device has just been given its papers: the server knows it."""

    device: str

    def enter(self, ledger: Ledger) -> None:
        ledger.enrolled.add(self.device)


class Ended(Struct, frozen=True, tag=True):
    """The administrator was told that the school has ended this teacher."""

    teacher: str

    def enter(self, ledger: Ledger) -> None:
        ledger.ended.add(self.teacher)


class Obeyed(Struct, frozen=True, tag=True):
    """A device has done this order before its pupil's eyes."""

    device: str
    order: str

    def enter(self, ledger: Ledger) -> None:
        ledger.obeyed[self.device, self.order] += 1


AnyFact = (
    Begun
    | Kept
    | Collected
    | Dropped
    | Written
    | Honoured
    | Moving
    | Declared
    | Naming
    | Named
    | Losing
    | Enrolled
    | Ended
    | Obeyed
    | Wished
)
