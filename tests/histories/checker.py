"""What must hold when all is quiet again: what was acknowledged against what is there.

It reads plain facts, so it judges a history of real processes as it judges one of this package.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from msgspec import json

Rows = dict[tuple[str, str], tuple[int, bytes]]
"""Of one scope: sequence and encoded row, by entity and id."""
Report = tuple[int, str]
"""Version and state."""
KEPT: Final = frozenset({"kept", "followed", "applied"})
"""How work stands of which the server has said that it keeps it."""
MOVED: Final = frozenset({"foreign-class"})
"""Why the server may refuse an event that is none's fault: the class was another's meanwhile."""


class Act(NamedTuple):
    """Who did it, and the class that it names, which the teacher has to have; "": none."""

    teacher: str
    class_id: str = ""


class Entry(NamedTuple):
    """An act as a journal has it, there and here; `body` is what was pushed."""

    sequence: int
    kind: str
    lesson: str
    at: int
    hash: str
    body: bytes


class Told(NamedTuple):
    """An entry of a teacher's own journal, and what the server said of it."""

    state: str
    reason: str
    entry: Entry


class Taken(NamedTuple):
    """An entry at the server; `event` is the act's id as the body says it."""

    event: str
    teacher: str
    entry: Entry


class Work(NamedTuple):
    """A pupil's file: whose it is, and the BLAKE3 of its bytes."""

    teacher: str
    class_id: str
    pupil: str
    name: str
    hash: str


@dataclass
class Ledger:
    """What people were told while it went on; `honoured` are grants obeyed against a list seen."""

    begun: set[str] = field(default_factory=set[str])
    events: dict[str, Act] = field(default_factory=dict[str, Act])
    """Acts that a store said are kept, by their ids."""
    works: dict[str, Work] = field(default_factory=dict[str, Work])
    moved: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Who was taken out of which class, a teacher or a pupil, or was about to be."""
    notes: Counter[str] = field(default_factory=Counter[str])
    """Entries that a device's journal took."""
    declared: int = 0
    """The newest version declared over HTTP since the server was last set back; 0: none."""
    policy: int = 0
    """The newest that was declared since the server was last set back; 0: none."""
    names: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """What a class may be called: as it was named last, or was about to be; not here: anything."""
    copied: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """The names as they stand in the newest copy of the server."""
    ahead: bool = False
    """The server's clock has been set ahead: what it numbered then may be above what follows."""
    behind: bool = False
    """It was set behind since it was last set back: so may be what it numbered before that."""
    ended: set[str] = field(default_factory=set[str])
    """Teachers whom the school has ended, as the administrator was told."""
    lost: set[str] = field(default_factory=set[str])
    """Devices whose keys somebody has asked to end."""
    enrolled: set[str] = field(default_factory=set[str])
    """Devices that the server knows, as it told them."""
    copied_devices: set[str] = field(default_factory=set[str])
    """Those that were so when the newest copy of the server was begun: it knows them all."""
    honoured: list[str] = field(default_factory=list[str])
    obeyed: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """How often a device did an order: device and order."""
    dropped: list[str] = field(default_factory=list[str])
    """Scopes whose rows did not add up, before the server was ever set back."""
    restored: int = 0
    """How often the server was set back to an older copy."""

    def back_up(self) -> None:
        """Note that a copy of the server was made, in this moment."""
        self.copy_begins()
        self.copied = {one: set(names) for one, names in self.names.items()}

    def copy_begins(self) -> None:
        self.copied_devices = set(self.enrolled)

    def may_be_away(self, device: str) -> bool:
        """Tell whether the school may know it no more: ended, or enrolled since the copy."""
        return device in self.lost or bool(self.restored and device not in self.copied_devices)

    def set_back(self) -> None:
        """Note that the server is an older copy of itself: what it was told since is gone."""
        self.restored += 1
        self.policy = self.declared = 0
        self.enrolled &= self.copied_devices
        self.behind = False
        self.names = {one: set(names) for one, names in self.copied.items()}

    def clock_set(self, ahead_seconds: float) -> None:
        self.ahead |= ahead_seconds > 0.0
        self.behind |= ahead_seconds < 0.0


@dataclass
class App:
    """A teacher's store. `events`: its journal by id. `ended`: the school knows it no more.

    `due`: its certificate is so near its end that it should have been renewed.
    """

    teacher: str
    events: dict[str, Told]
    works: dict[str, str]
    rows: dict[str, Rows]
    deny_list: int
    fault: str
    ended: bool
    due: bool = False


@dataclass
class Device:
    """What a device holds. `denied`: thumbprints that it refuses; `due`: as an app's.

    `wanted`: the version of what is wanted of it; -1: it goes by `policy` alone. `told`: of each
    feature, what it has to report. `carried`: teachers alone meet it, so it has no policy.
    """

    device: str
    policy: int
    policy_state: str
    deny_list: int
    denied: frozenset[str]
    assignment: int
    classes: tuple[str, ...]
    notes: int
    fault: str
    wanted: int = -1
    told: dict[str, Report] = field(default_factory=dict[str, Report])
    inventory: str = ""
    due: bool = False
    carried: bool = False


@dataclass
class Server:
    """What the central side holds. `files`: by the file's id.

    `looked`: what `admin verify` finds at fault here, of chains, heads, feeds and chunks.
    """

    events: Sequence[Taken]
    files: Mapping[str, Work]
    feed: dict[str, Rows]
    tables: dict[str, dict[tuple[str, str], bytes]]
    """The roster's own tables as rows, by scope: what the feed has to tell."""
    scopes: dict[str, frozenset[str]]
    """What each teacher may pull."""
    policy: int
    deny_list: int
    denied: frozenset[str]
    reports: dict[str, tuple[int, str]]
    assignments: dict[str, tuple[int, tuple[str, ...]]]
    ended: frozenset[str]
    alarms: Sequence[str]
    gaps: Sequence[str]
    wanted: dict[str, int] = field(default_factory=dict[str, int])
    told: dict[str, dict[str, Report]] = field(default_factory=dict[str, dict[str, Report]])
    declared: int = 0
    pending: Sequence[tuple[str, str]] = ()
    """Devices and what they were ordered, have not answered, and is not over."""
    inventories: dict[str, str] = field(default_factory=dict[str, str])
    """By device: the hash of what it told of itself."""
    looked: Sequence[str] = ()


def check(
    ledger: Ledger, server: Server, apps: Sequence[App], devices: Sequence[Device]
) -> list[str]:
    """Return what does not hold, a sentence each."""
    found = [*_events(ledger, server, apps), *_contents(server, apps)]
    found += _works(ledger, server, apps)
    found += [*_revoked(ledger, server, devices), *_roster(ledger, server, apps)]
    found += _named(ledger, server)
    found += [*_renewed(apps, devices), *_wanted(ledger, server, apps, devices)]
    found += [*_converged(ledger, server, devices), *_chains(ledger, server, apps, devices)]
    return found


def _unheard(ledger: Ledger, apps: Sequence[App]) -> set[str]:
    """Name those whom the school has ended, once it was set back.

    Let in no more, they can neither hear that it has lost what they brought, nor bring it again.
    """
    return {app.teacher for app in apps if app.ended and ledger.restored}


def _events(ledger: Ledger, server: Server, apps: Sequence[App]) -> Iterator[str]:
    times = Counter(one.event for one in server.events)
    yield from (f"event {one} is there {n} times" for one, n in times.items() if n > 1)
    yield from (f"event {one} was never written" for one in times if one not in ledger.begun)
    owners = {one.event: one.teacher for one in server.events}
    mine = {app.teacher: app for app in apps}
    unheard = _unheard(ledger, apps)
    for event, act in ledger.events.items():
        teacher, told = act.teacher, mine[act.teacher].events.get(event)
        state = told.state if told else "lost"
        if state == "lost":
            yield f"acknowledged event {event} is not in the store of {teacher}"
        elif state == "waiting":
            if not mine[teacher].ended:
                yield f"event {event} of {teacher} still waits"
        elif told and state == "refused" and not _may_refuse(ledger, act, told.reason):
            yield f"event {event} of {teacher} was refused: {told.reason} {act.class_id}"
        elif (state == "applied") != (event in times) and teacher not in unheard:
            yield f"event {event} is {state} for {teacher}, at the server {times[event]} times"
        elif event in times and owners[event] != teacher:
            yield f"event {event} of {teacher} is {owners[event]}'s at the server"


def _may_refuse(ledger: Ledger, act: Act, why: str) -> bool:
    """Tell whether this teacher may have been without the class that the act names."""
    left = (act.teacher, act.class_id) in ledger.moved or ledger.restored
    return why in MOVED and bool(act.class_id and left)


def _contents(server: Server, apps: Sequence[App]) -> Iterator[str]:
    """Hold each event that the server has to what its teacher's journal has under that id."""
    there = {one.event: one.entry for one in server.events}
    for app in apps:
        for event, told in app.events.items():
            pairs = zip(told.entry, there.get(event, told.entry), strict=True)
            other = [name for name, (a, b) in zip(Entry._fields, pairs, strict=True) if a != b]
            if other:
                yield f"event {event} of {app.teacher} has another {' and '.join(other)} there"


def _works(ledger: Ledger, server: Server, apps: Sequence[App]) -> Iterator[str]:
    times = Counter(server.files.values())
    yield from (f"{work} is there {n} times" for work, n in times.items() if n > 1)
    written = set(ledger.works.values())
    mine = {app.teacher: app for app in apps}
    unheard = _unheard(ledger, apps)
    for file, work in server.files.items():
        if work not in written and file not in ledger.begun:
            yield f"nobody handed in {work}"
    for file, work in ledger.works.items():
        state = mine[work.teacher].works.get(file, "lost")
        left = {(who, work.class_id) for who in (work.teacher, work.pupil)}
        if state == "lost":
            yield f"acknowledged work {file} is not in the store of {work.teacher}"
        elif state in {"waiting", "suspected"} and not mine[work.teacher].ended:
            yield f"work {file} of {work.teacher} still waits"
        elif state == "refused" and not (left & ledger.moved or ledger.restored):
            yield f"work {file} was refused, and nobody had moved"
        elif state in KEPT and not times[work] and work.teacher not in unheard:
            yield f"work {file} is kept for {work.teacher}, and the server has no such: {work}"


def _revoked(ledger: Ledger, server: Server, devices: Sequence[Device]) -> Iterator[str]:
    yield from ledger.honoured
    if not ledger.restored:
        yield from (f"{one} is not ended" for one in ledger.ended - server.ended)
    for device in devices:
        if server.denied - device.denied:
            yield f"device {device.device} does not refuse whom the school has ended"


def _roster(ledger: Ledger, server: Server, apps: Sequence[App]) -> Iterator[str]:
    yield from (f"a cursor missed something: {one}" for one in ledger.dropped)
    for scope, rows in server.tables.items():
        told = {key: row for key, (_, row) in server.feed.get(scope, {}).items()}
        yield from _differ(f"the feed of {scope}", told, rows)
    for app in apps:
        if app.ended:
            continue
        if app.rows.keys() - server.scopes[app.teacher]:
            yield f"{app.teacher} holds scopes of others"
        for scope in sorted(server.scopes[app.teacher]):
            wanted = server.feed.get(scope, {})
            yield from _differ(f"{app.teacher}: {scope}", app.rows.get(scope, {}), wanted)


def _named(ledger: Ledger, server: Server) -> Iterator[str]:
    for class_id, names in ledger.names.items():
        row = server.tables.get(f"class:{class_id}", {}).get(("class", class_id), b"{}")
        name = json.decode(row).get("name")
        if name not in names:
            yield f"class {class_id} was named one of {sorted(names)}, and is called {name}"


def _differ(where: str, has: Mapping[tuple[str, str], object], wanted: object) -> Iterator[str]:
    if has != wanted:
        yield f"{where} has {sorted(has.items())}, not {wanted}"[:400]


def _converged(ledger: Ledger, server: Server, devices: Sequence[Device]) -> Iterator[str]:
    if server.policy < ledger.policy:
        yield f"policy {ledger.policy} was declared and is lost"
    for one in devices:
        ahead = one.deny_list > server.deny_list and ledger.restored
        if one.deny_list != server.deny_list and not ahead:
            yield f"device {one.device} has deny list {one.deny_list}, not {server.deny_list}"
        if not one.carried:
            yield from _placed(server, one)
        if one.wanted < 0:
            yield from _policy(ledger, server, one)


def _policy(ledger: Ledger, server: Server, one: Device) -> Iterator[str]:
    # Set back, the server may know less than a device has from before: that it keeps, until
    # something new is said.
    kept = ledger.restored and (ledger.ahead or ledger.behind or not ledger.policy)
    if one.policy > server.policy and kept:
        return
    if one.policy != server.policy:
        yield f"device {one.device} has policy {one.policy}, not {server.policy}"
    elif server.reports.get(one.device) != (one.policy, one.policy_state):
        yield f"the report of {one.device} is not what it has applied"


def _placed(server: Server, one: Device) -> Iterator[str]:
    here = server.assignments.get(one.device, (-1, ()))
    if (one.assignment, one.classes) != here:
        yield f"device {one.device} serves {one.assignment} {one.classes}, not {here}"


def _renewed(apps: Sequence[App], devices: Sequence[Device]) -> Iterator[str]:
    yield from (
        f"{one.teacher} renewed no certificate" for one in apps if one.due and not one.ended
    )
    yield from (f"device {one.device} renewed no certificate" for one in devices if one.due)


def _wanted(
    ledger: Ledger, server: Server, apps: Sequence[App], devices: Sequence[Device]
) -> Iterator[str]:
    if server.declared < ledger.declared:
        yield f"declaration {ledger.declared} was made and is lost"
    for (device, order), times in ledger.obeyed.items():
        if times > 1:
            yield f"device {device} did order {order} {times} times"
    served = {
        scope for app in apps if not app.ended for scope in server.scopes.get(app.teacher, ())
    }
    for one in devices:
        _, classes = server.assignments.get(one.device, (-1, ()))
        reached = not one.carried or any(f"class:{each}" in served for each in classes)
        if one.wanted >= 0 and reached:
            yield from _as_wanted(ledger, server, one)


def _as_wanted(ledger: Ledger, server: Server, one: Device) -> Iterator[str]:
    wanted, known = server.wanted[one.device], server.told.get(one.device, {})
    if one.wanted != wanted:
        yield f"device {one.device} has version {one.wanted} of what is wanted, not {wanted}"
    if one.told != known:
        yield f"device {one.device} reports {one.told}, known is {known}"
    if one.inventory != server.inventories.get(one.device, ""):
        yield f"the inventory of {one.device} is not known"
    if ledger.restored:
        return  # what is done already is not answered again
    for device, order in server.pending:
        if device == one.device:
            yield f"device {device} never answered order {order}"


def _chains(
    ledger: Ledger, server: Server, apps: Sequence[App], devices: Sequence[Device]
) -> Iterator[str]:
    yield from (f"the journal of {app.teacher} is broken: {app.fault}" for app in apps if app.fault)
    for one in devices:
        if one.fault:
            yield f"the journal of {one.device} is broken: {one.fault}"
        if one.notes < ledger.notes[one.device]:
            yield f"device {one.device} has lost entries of its journal"
    yield from (f"an alarm nobody gave cause for: {alarm}" for alarm in server.alarms)
    yield from (f"a journal lacks events: {gap}" for gap in server.gaps)
    yield from (f"looked through, the server has a fault: {what}" for what in server.looked)
