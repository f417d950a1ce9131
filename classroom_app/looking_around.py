"""Looks around while the connection check is seen, and goes back to the wall when all is found."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NoReturn, Protocol

from msgspec import Struct

from classroom_app.cloud.sync import SyncState
from classroom_app.domain.lesson import DeviceId, PupilId, Roster
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.check import Check, Checked
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.first_run import FirstRunPresenter, Missed
from classroom_app.presenters.receipts import ABSENT, named, unseated_here
from classroom_app.presenters.wall import key_of
from device_bridge.discovery.examine import Situation
from device_bridge.discovery.sightings import Address

LOOK_SECONDS: Final = 5.0
PAGES: Final = frozenset({"sign-in", "anew", "check"})
OWN_EARS: Final = frozenset({"multicast", "own-announcement", "firewall", "other-machines"})

EXPLAIN_SILENCE: Final = frozenset(
    {"addresses", "multicast", "own-announcement", "firewall", "device-network"}
)

EXPLAINED: Final = frozenset(
    {("class", "isolation"), ("class", "no-devices"), ("class", "none-added")}
)

Examine = Callable[[Situation], Awaitable[Sequence[Checked]]]


class Known(Protocol):
    """What is known of the open class (`classroom_app.school.School`)."""

    def roster(self) -> Roster | None: ...
    def places_of(self, device: DeviceId) -> tuple[Address, ...]: ...
    def heard_at(self, device: DeviceId) -> tuple[Address, ...]: ...
    def told_here(self, device: DeviceId) -> bool: ...
    def network_names(self) -> Mapping[str, str]: ...
    def clock_off_seconds(self) -> float | None: ...
    def sync_state(self) -> SyncState: ...


class Had(Struct, frozen=True):
    """How many devices the open class has, and how many are here at which nobody sits.

    `met`: a device of somebody who is missed was met before, somewhere. `alone`: there is no
    server at which devices are enrolled; this computer takes them in.
    """

    devices: int
    unseated: int
    met: bool
    alone: bool


class LookingAround:
    """`examine` is `device_bridge.discovery.examine.examine`; `known` is None while signed out."""

    def __init__(
        self,
        desk: DeskPresenter,
        first: FirstRunPresenter,
        known: Callable[[], Known | None],
        examine: Examine,
        interfaces: Sequence[str] = (),
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._desk, self._first, self._known = desk, first, known
        self._examine = examine
        self._interfaces, self._look_seconds = tuple(interfaces) or None, look_seconds
        self._woken = asyncio.Event()
        self._awaited: frozenset[str] = frozenset()
        desk.page_changed.connect(self._on_page)
        desk.wall.tiles_changed.connect(self._on_tiles)

    def wake(self) -> None:
        """Look again now, and show that it is done."""
        self._first.look(looking=True)
        self._woken.set()

    async def run(self) -> NoReturn:
        """Look every `look_seconds` while the page is seen, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            if self._desk.page in PAGES:
                begun = loop.time()
                await self._look()
                self._first.look(looking=self._woken.is_set())
                await self._pause(begun + self._look_seconds - loop.time())
            else:
                await self._woken.wait()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _look(self) -> None:
        self._first.show(self._first.checks, self._missed())  # who is missed is known at once
        checks = await self._examine(self._situation())
        if self._desk.page in PAGES:
            self._first.show(self._with_own(checks), self._missed())

    # what is looked for

    def _situation(self) -> Situation:
        known = self._known()
        roster = known.roster() if known else None
        clock = known.clock_off_seconds() if known else None
        if known is None or roster is None:
            return Situation(interfaces=self._interfaces, clock_off_seconds=clock)
        missing = self._devices_missed(roster)
        # Where it was last: a place of last week in another room tells nothing about today.
        places = [place for device in missing for place in known.places_of(device)[:1]]
        heard = [place for device in roster.devices for place in known.heard_at(device.id)]
        return Situation(
            tuple(places),
            tuple(heard),
            interfaces=self._interfaces,
            networks=known.network_names(),
            told_here=0 if self._missed().here else sum(map(known.told_here, missing)),
            clock_off_seconds=clock,
        )

    def _devices_missed(self, roster: Roster) -> list[DeviceId]:
        """Return the devices of whom is missed: where they sit now, else as the roster has it."""
        missing = self._missing()
        at = {tile.device for tile in missing if tile.device}
        owned = {tile.pupil for tile in missing if not tile.device}
        here = {tile.device for tile in self._desk.wall.tiles() if tile.state not in ABSENT}
        return [
            device.id
            for device in roster.devices
            if device.id in at or _fits(device.pupil, owned, here, device.id)
        ]

    def _missing(self) -> list[Tile]:
        asked = self._desk.one() if self._desk.about else None
        tiles = [asked] if asked else [tile for tile in self._desk.wall.tiles() if tile.pupil]
        return [tile for tile in tiles if tile.state in ABSENT]

    def _missed(self) -> Missed:
        known = self._known()
        roster = known.roster() if known else None
        if roster is None:
            return Missed()
        pupils = [tile for tile in self._desk.wall.tiles() if tile.pupil]
        here = sum(tile.state not in ABSENT for tile in pupils)
        asked = self._desk.one() if self._desk.about else None
        name = asked.name if asked and asked.state in ABSENT else ""
        stays = self._desk.check_stays
        return Missed(roster.name, len(roster.pupils), here, name, stays=stays)

    # what is said

    def _with_own(self, checks: Sequence[Checked]) -> list[Checked]:
        known, missing = self._known(), self._missing()
        if known is None:  # who has not signed in awaits no device: silence is no news
            return [one for one in checks if (one.key, one.state) != ("other-machines", "failed")]
        # Where all are here, what this computer cannot hear is in nobody's way.
        whole = self._desk.lesson is not None and not missing
        missed = self._missed()
        own = [
            one
            for one in checks
            if one.state == "ok" or not (disproved(one, missed) or (whole and one.key in OWN_EARS))
        ]
        own.append(class_check(checks, missing, missed, self._had(known)))
        return [*without_echoes(own), school_check(known.sync_state())]

    def _had(self, known: Known) -> Had | None:
        roster = known.roster()
        if roster is None:
            return None
        met = any(known.places_of(device) for device in self._devices_missed(roster))
        return Had(
            len(roster.devices),
            unseated_here(self._desk.wall.tiles()),
            met=met,
            alone=known.sync_state().why == "no-server",
        )

    # coming and going

    def _on_page(self, page: str) -> None:
        if page in PAGES:
            self._awaited = frozenset(key_of(tile) for tile in self._missing())
            self.wake()

    def _on_tiles(self) -> None:
        """Turn into the wall by itself when whoever was missed is here."""
        desk = self._desk
        if desk.page != "check" or desk.check_stays or not self._awaited or desk.lesson is None:
            return
        tiles = [tile for tile in self._desk.wall.tiles() if tile.pupil]
        come = {key_of(tile) for tile in tiles if tile.state not in ABSENT}
        all_were_missed = self._awaited >= {key_of(tile) for tile in tiles}
        if self._awaited <= come or (all_were_missed and come):
            self._awaited = frozenset()
            self._desk.go_home()


def disproved(check: Checked, missed: Missed) -> bool:
    """Say whether somebody who is here, or a network that is not, makes a failure no news."""
    if check.key == "addresses":
        return missed.here > 0
    return check.key == "device-network" and not check.facts.get("own")


def without_echoes(checks: Sequence[Checked]) -> list[Checked]:
    """Leave out the silence that follows from what is told already."""
    told = {(one.key, one.facts.get("cause", "")) for one in checks if one.state == "failed"}
    keys = {key for key, _ in told}
    told_why = keys & EXPLAIN_SILENCE or told & EXPLAINED
    return [one for one in checks if not (told_why and one.key == "other-machines")]


def class_check(
    checks: Sequence[Checked], missing: Sequence[Tile], missed: Missed, had: Had | None
) -> Check:
    """Say how many of the class are here, and why not those who are missed."""
    facts: dict[str, object] = {"here": missed.here, "all": missed.pupils}
    if had is None:
        return Check("class", "not-needed", {**facts, "cause": "no-class"})
    if not missing:
        return Check("class", "ok", facts)
    facts |= {"names": named([tile.name for tile in missing]), "name": missed.class_name}
    if not had.devices:
        cause = "none-added" if had.alone else "no-devices"
        return Check("class", "failed", {**facts, "cause": cause})
    reach = next((check for check in checks if check.key == "reach"), None)
    cause = str(reach.facts.get("cause", "")) if reach and reach.state == "failed" else ""
    if reach and reach.state == "ok" and missed.name:
        return Check("class", "failed", {**facts, "cause": "refused", "why": missing[0].reason})
    away = [tile.reason for tile in missing if tile.state is State.OTHER_NETWORK]
    if len(away) == len(missing) and cause != "agent-not-running":
        facts["network"] = ", ".join(dict.fromkeys(away))
        return Check("class", "failed", {**facts, "cause": "elsewhere"})
    if cause in {"isolation", "agent-not-running"}:
        return Check("class", "failed", {**facts, "cause": cause})
    if missed.name:
        return Check("class", "failed", {**facts, "cause": cause or "unmet"})
    return _of_some(missed, had, facts)


def _of_some(missed: Missed, had: Had, facts: dict[str, object]) -> Check:
    """Say of the class as a whole what its devices that are here, or were, tell."""
    if had.unseated:
        facts["unseated"] = had.unseated
        return Check("class", "ok", {**facts, "cause": "unseated"})
    if not missed.here:
        return Check("class", "failed", {**facts, "cause": "none"})
    if not (had.met or had.alone):
        return Check("class", "failed", {**facts, "cause": "never-met"})
    return Check("class", "ok", {**facts, "cause": "awaited"})


def school_check(state: SyncState) -> Check:
    if state.why == "no-server":
        return Check("school", "not-needed", {"cause": "no-server"})
    if state.why == "not-tried":
        return Check("school", "unknown")
    if state.why:
        return Check("school", "failed")
    if state.refused:
        return Check("school", "ok", {"cause": "refused", "count": state.refused})
    if state.waiting:
        return Check("school", "ok", {"cause": "waiting", "count": state.waiting})
    return Check("school", "ok" if state.in_step_at else "unknown")


def _fits(pupil: PupilId, owned: set[PupilId], here: set[DeviceId], device: DeviceId) -> bool:
    """Say whether a device may be a missing pupil's: its own, or a shared one nobody has met."""
    return pupil in owned if pupil else bool(owned) and device not in here
