"""The doctor's findings in plain English, for the command line."""

from collections.abc import Iterable
from typing import Final

from device_bridge.discovery.doctor import Check, Key, State

_MARKS: Final[dict[State, str]] = {"ok": "ok", "failed": "!!", "unknown": "??", "not-needed": "--"}

_UNITS: Final = (("year", 31_557_600), ("day", 86_400), ("hour", 3_600), ("minute", 60))
_WORDS: Final[dict[tuple[Key, State, str], str]] = {
    ("addresses", "ok", ""): "This computer is on the network: {addresses}.",
    ("addresses", "ok", "wifi"): "This computer is on the Wi-Fi “{wifi}”: {addresses}.",
    ("addresses", "failed", "offline"): (
        "This computer is on no network. Join the school's Wi-Fi or plug in the cable."
    ),
    ("addresses", "failed", "no-dhcp"): (
        "The network has given this computer no address. Leave the Wi-Fi and join it again; if "
        "that does not help, the router gives out no addresses (DHCP)."
    ),
    ("multicast", "ok", ""): "Announcements (mDNS, UDP port 5353) can be sent and received.",
    ("multicast", "failed", ""): (
        "UDP port 5353 cannot be used: {why}. Another program may hold it for itself alone."
    ),
    ("own-announcement", "ok", ""): "This computer hears its own announcement.",
    ("own-announcement", "failed", ""): (
        "This computer does not hear its own announcement. A firewall on it blocks UDP port 5353: "
        "allow it for Pupitre."
    ),
    ("own-announcement", "unknown", ""): "Whether announcements are heard could not be tried.",
    ("firewall", "ok", ""): "No firewall on this computer is in the way.",
    ("firewall", "failed", ""): (
        "The firewall {program} is on and nothing is heard. Allow UDP port 5353 for Pupitre."
    ),
    ("firewall", "unknown", ""): "Whether a firewall is on cannot be seen from here.",
    ("other-machines", "ok", ""): "Other machines answer on this network: {machines}.",
    ("other-machines", "ok", "linked"): "A teacher's app is connected: {teachers}.",
    ("other-machines", "failed", "silence"): (
        "No other machine answers. Either nobody else is on this network, or the access point "
        "keeps its clients apart (client isolation) or drops multicast. Type a device's address, "
        "or ask for a network without client isolation."
    ),
    ("other-machines", "unknown", ""): "Without a network there is nobody to hear.",
    ("device-network", "ok", ""): "The devices are on this network.",
    ("device-network", "failed", ""): (
        "{devices} devices were last on another network ({theirs}) than this computer ({own}). "
        "Join theirs."
    ),
    ("device-network", "unknown", ""): (
        "{devices} devices are on another network, and it can be reached. Announcements do not "
        "cross over: the last known or typed address is used."
    ),
    ("device-network", "not-needed", ""): "No device's address is known yet.",
    ("reach", "ok", ""): "{reached} of {tried} devices take a connection.",
    ("reach", "failed", "agent-not-running"): (
        "The devices are there, but Pupitre's agent does not run on them. Start it there."
    ),
    ("reach", "failed", "isolation"): (
        "Devices are on this network but cannot be connected to. The access point keeps its "
        "clients apart (client isolation), or the devices' firewall blocks Pupitre."
    ),
    ("reach", "failed", "away"): "The devices do not answer at the addresses that are known.",
    ("reach", "not-needed", ""): "No connection was tried.",
    ("listening", "ok", ""): "The agent on this device takes connections.",
    ("listening", "failed", ""): "The agent on this device does not run: pupitre-agent run.",
    ("listening", "not-needed", ""): "No agent is looked for here.",
    ("clock", "ok", ""): "The clock is right.",
    ("clock", "failed", "ahead"): (
        "This clock is {seconds} ahead of the school server's. Set date and time."
    ),
    ("clock", "failed", "behind"): (
        "This clock is {seconds} behind the school server's. Set date and time."
    ),
    ("clock", "failed", "past"): (
        "This clock stands in the past, at least {seconds} behind. Set date and time."
    ),
    ("clock", "failed", "early"): (
        "By this clock the school server's certificate is not valid yet, so the clock is probably "
        "behind. Set date and time."
    ),
    ("clock", "failed", "late"): (
        "By this clock the school server's certificate has ended, so the clock is probably ahead. "
        "Set date and time; if they are right, the server needs a new certificate."
    ),
    ("clock", "unknown", ""): (
        "The clock has nothing to be compared with: the school's server does not answer."
    ),
    ("clock", "unknown", "signed"): (
        "The school's server does not answer. By what the school last signed the clock is not "
        "behind; whether it is ahead cannot be told."
    ),
}


def sentence(check: Check) -> str:
    """Say one finding; a cause without words of its own falls back to its state's."""
    cause = str(check.facts.get("cause", ""))
    words = _WORDS.get((check.key, check.state, cause)) or _WORDS[check.key, check.state, ""]
    return words.format_map({name: _shown(name, fact) for name, fact in check.facts.items()})


def _shown(name: str, fact: str | int | tuple[str, ...]) -> str:
    if name == "seconds" and isinstance(fact, int):
        return _lasted(abs(fact))
    return ", ".join(fact) if isinstance(fact, tuple) else str(fact)


def _lasted(seconds: int) -> str:
    """Say a length of time as people do: "7 minutes", "3 hours", "56 years"."""
    for unit, length in _UNITS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"


def plain(checks: Iterable[Check]) -> str:
    """Return one line a finding that says something; the first `!!` is where to begin."""
    return "\n".join(
        f"{_MARKS[check.state]}  {sentence(check)}"
        for check in checks
        if check.state != "not-needed"
    )
