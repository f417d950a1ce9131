"""The connection check in a teacher's words: what was looked at, what it means, what to do."""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from msgspec import Struct

from classroom_app.presenters.sentences import reason
from classroom_app.presenters.words import later, say


class Checked(Protocol):
    """One thing looked at, as `device_bridge.discovery.doctor` tells it.

    `state` is "ok", "failed", "unknown" or "not-needed"; `facts` fill in the sentence, and a
    fact "cause" may pick a better one. The keys "class" and "school" are the app's own.
    """

    @property
    def key(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def facts(self) -> Mapping[str, object]: ...


class Check(Struct, frozen=True):
    """A `Checked` of our own."""

    key: str
    state: str
    facts: Mapping[str, object] = {}


class Row(Struct, frozen=True):
    """A row of the check. `to_copy` is for the administrator, `to_read` for the class.

    `around` is the one way round it; `by_address`: it is to type a device's address here.
    """

    state: str
    title: str
    second: str
    to_copy: str = ""
    to_read: str = ""
    around: str = ""
    by_address: bool = False


class Trouble(Struct, frozen=True):
    """Source texts of what is so, what it means and what helps."""

    title: str
    second: str
    to_copy: str = ""
    to_read: str = ""
    around: str = ""
    by_address: bool = False


_GOOD = {
    "addresses": (
        later("This computer is on a network."),
        later("{interfaces}, address {addresses}."),
    ),
    "addresses/wifi": (
        later("This computer is on “{wifi}”."),
        later("{interfaces}, address {addresses}."),
    ),
    "multicast": (later("Pupitre can listen here."), later("Nothing to do.")),
    "own-announcement": (later("Pupitre can listen here."), later("Our own call came back.")),
    "firewall": (later("The firewall lets Pupitre listen."), later("Nothing to do.")),
    "other-machines": (
        later("The network passes announcements on."),
        later("Other devices heard: {machines}."),
    ),
    "device-network": (
        later("The pupils' devices are on this network."),
        later("Nothing to do."),
    ),
    "class": (later("Devices here: {here} of {all}."), later("Nothing to do.")),
    "class/awaited": (
        later("Devices here: {here} of {all}."),
        later("Still awaited: {names}."),
    ),
    "class/unseated": (
        later("Devices here: {here} of {all}, and {unseated} at which nobody sits."),
        later("Say who sits there: “Nobody yet” below the picture."),
    ),
    "class/no-class": (later("No class is open yet."), later("Its devices are looked for then.")),
    "clock": (later("This computer's clock is right."), later("Nothing to do.")),
    "school": (later("The school's server answers."), later("All is passed on.")),
    "school/refused": (
        later("The school's server answers."),
        later("Not accepted there: {count}. “School” says which, and why."),
    ),
    "school/waiting": (
        later("The school's server answers."),
        later("Still to be passed on: {count}."),
    ),
    "school/no-server": (later("No server here, and none is missed."), later("Nothing to do.")),
}
_ASK_MDNS = later("Please let mDNS (UDP 5353, 224.0.0.251) pass in the classroom network.")
_ASK_FIREWALL = later("Please allow incoming UDP 5353 (mDNS) for Pupitre on this computer.")
_ASK_APART = later(
    "Please let the devices on the classroom Wi-Fi reach each other by TCP and mDNS."
)
_ASK_AGENT = later("Please see that the Pupitre agent starts with the pupils' devices.")
_ASK_ENROL = later("Please enrol the devices of {name} (by a code of pupitre-mdm code).")
_READ_WIFI = later("Switch your screen on and choose this room's Wi-Fi.")
_READ_RESTART = later("Please restart your device and log in again.")
_BY_ADDRESS = later("Type a device's address")
_KNOWN_WORK = later("Devices at known addresses work all the same.")
# By a key, or a key and its cause.
_BAD = {
    "addresses": Trouble(
        later("No network."),
        later("Your class and files are here; nothing is lost."),
        around=later("Join the room's Wi-Fi on this computer, or plug in the cable."),
    ),
    "addresses/no-dhcp": Trouble(
        later("This network gives out no address."),
        later("Perhaps the access point has just started. Wait a minute, or choose another."),
        around=later("Leave the Wi-Fi and join it again."),
    ),
    "multicast": Trouble(
        later("This computer does not let Pupitre listen."),
        _KNOWN_WORK,
        _ASK_FIREWALL,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "own-announcement": Trouble(
        later("This computer's firewall keeps Pupitre from listening."),
        _KNOWN_WORK,
        _ASK_FIREWALL,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "firewall": Trouble(
        later("This computer's firewall keeps Pupitre from listening."),
        _KNOWN_WORK,
        _ASK_FIREWALL,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "other-machines": Trouble(
        later("No device announces itself here."),
        later("Perhaps the Wi-Fi holds announcements back, or nobody is on it yet."),
        _ASK_MDNS,
        _READ_WIFI,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "device-network": Trouble(
        later("This computer is on “{own}”, the pupils were last on “{theirs}”."),
        later("Change to the pupils' network."),
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "class": Trouble(
        later("No pupil's device answers yet."),
        later("The class appears by itself as soon as a device answers."),
        _ASK_AGENT,
        _READ_WIFI,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "class/no-devices": Trouble(
        later("No device belongs to {name} yet."),
        later("A device is enrolled for its class once; then it comes by itself."),
        _ASK_ENROL,
    ),
    "class/none-added": Trouble(
        later("No device belongs to {name} yet."),
        later("“Add devices”, on the page of classes, takes them in."),
    ),
    "class/never-met": Trouble(
        later("Devices here: {here} of {all}. The others were never met here."),
        later("{names}: it comes by itself once it is on, if it is enrolled for {name}."),
        _ASK_ENROL,
    ),
    "class/isolation": Trouble(
        later("The Wi-Fi probably keeps devices apart."),
        later("You cannot change this here."),
        _ASK_APART,
        _READ_WIFI,
        around=later("Meanwhile: the cart's own access point, or a cable."),
    ),
    "class/agent-not-running": Trouble(
        later("{names}: there, but Pupitre does not run on it."),
        later("Restarting a device mostly helps."),
        _ASK_AGENT,
        _READ_RESTART,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "class/elsewhere": Trouble(
        later("{names}: on another network."),
        later("Last seen on {network}. It comes back by itself once it is on this one."),
        to_read=_READ_WIFI,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "class/away": Trouble(
        later("{names}: no answer where the device last was."),
        later("Off, asleep or elsewhere, perhaps. It comes back by itself."),
        to_read=_READ_WIFI,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "class/unmet": Trouble(
        later("{names}: the device has not been met here yet."),
        later("It comes by itself once it is on and on this network."),
        to_read=_READ_WIFI,
        around=_BY_ADDRESS,
        by_address=True,
    ),
    "class/refused": Trouble(
        later("{names}: the device answers and does not let Pupitre in."),
        later("Its reason: {why}."),
        _ASK_AGENT,
        _READ_RESTART,
    ),
    "clock": Trouble(
        later("This computer's clock is wrong."),
        later("Set date and time, then all goes on by itself."),
    ),
    "school": Trouble(
        later("The school's server is not reached."),
        later("Not needed for a lesson. All is sent later."),
    ),
}
_FACTS = (
    "addresses",
    "all",
    "here",
    "interfaces",
    "machines",
    "names",
    "network",
    "own",
    "theirs",
    "why",
    "wifi",
)
_QUIET = {"school"}  # never a reason for alarm
_GROUPS = (
    ("addresses",),
    ("multicast", "own-announcement", "firewall"),
    ("other-machines",),
    ("device-network", "class"),
    ("clock",),
    ("school",),
)
_ONLY_WRONG = {"clock"}


def row(check: Checked) -> Row:
    """Say a check in words; what could not be known is said as not needed."""
    facts = {name: _plain(fact) for name, fact in check.facts.items()}
    if check.key == "addresses":
        facts["addresses"] = _bare(facts.get("addresses", ""))
    if "why" in facts:
        facts["why"] = reason(facts["why"]) or "…"
    cause = f"{check.key}/{facts.get('cause', '')}"
    if check.state != "failed":
        title, second = _GOOD.get(cause) or _GOOD.get(check.key, (check.key, ""))
        if check.state == "ok" or cause in _GOOD:
            state = "ok" if check.state == "ok" else "not-needed"
            return Row(state, _filled(title, facts), _filled(second, facts))
        return Row("not-needed", _filled(title, facts), say("Not known yet."))
    bad = _BAD.get(cause) or _BAD.get(check.key) or Trouble(check.key, " ".join(facts.values()))
    return Row(
        "not-needed" if check.key in _QUIET else "failed",
        _filled(bad.title, facts),
        _filled(bad.second, facts),
        _filled(bad.to_copy, facts) if bad.to_copy else "",
        say(bad.to_read) if bad.to_read else "",
        say(bad.around) if bad.around else "",
        bad.by_address,
    )


def rows(checks: Sequence[Checked]) -> list[Row]:
    """Return a row a subject; only the first failing one is opened with what to do about it."""
    found = {check.key: check for check in checks}
    shown = [check for group in _GROUPS if (check := _telling(group, found))]
    made = [row(check) for check in shown]
    opened = next((at for at, one in enumerate(made) if one.state == "failed"), -1)
    return [
        one if at == opened else Row(one.state, one.title, one.second)
        for at, one in enumerate(made)
    ]


def _telling(group: Sequence[str], found: Mapping[str, Checked]) -> Checked | None:
    """Return what to say of a subject: what fails first, else the last that is well."""
    here = [found[key] for key in group if key in found]
    failed = next((check for check in here if check.state == "failed"), None)
    if failed or (here and here[0].key in _ONLY_WRONG):
        return failed
    told = [check for check in here if check.state == "ok" or check.key == "class"]
    return told[-1] if told else None


def _bare(told: str) -> str:
    """Return of "eth0 10.0.0.7/24, eth0 fd00::2/64" what a teacher can read out on the phone."""
    found = [one.split(" ")[-1].partition("/")[0] for one in told.split(", ")]
    return ", ".join([one for one in found if ":" not in one] or found)


def _plain(fact: object) -> str:
    if isinstance(fact, tuple | list):
        return ", ".join(map(str, cast("Sequence[object]", fact)))
    return str(fact)


def _filled(source: str, facts: Mapping[str, str]) -> str:
    return say(source, **{**dict.fromkeys(_FACTS, "…"), **facts})
