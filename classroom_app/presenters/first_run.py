"""The first page: sign in, type an address, and a connection check that explains itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from msgspec import Struct
from PySide6.QtCore import QObject, Signal

from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import LANGUAGES, later, say


class Checked(Protocol):
    """One thing looked at, as `device_bridge.discovery.doctor` tells it.

    `state` is "ok", "failed", "unknown" or "not-needed"; `facts` fill in the sentence, and a
    fact "cause" may pick a better one. The key "school" is bootstrap's own.
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
    """A row of the check. `to_copy` is for the administrator, `to_read` for the class."""

    state: str
    title: str
    second: str
    to_copy: str = ""
    to_read: str = ""


_GOOD = {
    "addresses": (later("This computer is on a network."), later("Address {addresses}.")),
    "multicast": (later("Pupitre can listen here."), later("Nothing to do.")),
    "own-announcement": (
        later("The network passes announcements on."),
        later("Our own came back."),
    ),
    "firewall": (later("The firewall lets Pupitre listen."), later("Nothing to do.")),
    "other-machines": (
        later("Other devices announce themselves here."),
        later("Heard: {machines}."),
    ),
    "device-network": (
        later("The pupils' devices are on this network."),
        later("Nothing to do."),
    ),
    "reach": (later("Pupils' devices answer."), later("{reached} of {tried} so far.")),
    "clock": (later("This computer's clock is right."), later("Nothing to do.")),
    "school": (later("The school's server answers."), later("All is passed on.")),
}
_ASK_MDNS = later("Please let mDNS (UDP 5353, 224.0.0.251) pass in the classroom network.")
_ASK_FIREWALL = later("Please allow incoming UDP 5353 (mDNS) for Pupitre on this computer.")
# A key, or a key and its cause; then what is so, what it means, what the administrator is asked.
_BAD = {
    "addresses": (
        later("No network."),
        later("Your class and files are here; nothing is lost."),
        "",
    ),
    "addresses/no-dhcp": (
        later("This network gives out no address."),
        later("Perhaps the access point has just started. Wait a minute, or choose another."),
        "",
    ),
    "multicast": (
        later("This computer does not let Pupitre listen."),
        later("Devices at known addresses work all the same."),
        _ASK_FIREWALL,
    ),
    "own-announcement": (
        later("The network does not pass announcements on."),
        later("Type a device's address; Pupitre then remembers it."),
        _ASK_MDNS,
    ),
    "firewall": (
        later("This computer's firewall keeps Pupitre from listening."),
        later("Devices at known addresses work all the same."),
        _ASK_FIREWALL,
    ),
    "other-machines": (
        later("No device announces itself here."),
        later("Perhaps the Wi-Fi holds announcements back."),
        _ASK_MDNS,
    ),
    "device-network": (
        later("This computer is on {own}, the pupils are at {addresses}."),
        later("Change to the pupils' network."),
        "",
    ),
    "reach": (
        later("No pupil's device answers yet."),
        later("The class appears by itself as soon as a device answers."),
        "",
    ),
    "reach/isolation": (
        later("The Wi-Fi probably keeps devices apart."),
        later("You cannot change this here."),
        later("Please let the devices on the classroom Wi-Fi reach each other by TCP and mDNS."),
    ),
    "reach/agent-not-running": (
        later("The pupils' devices are there, but Pupitre does not run on them."),
        later("Restarting a device mostly helps."),
        later("Please see that the Pupitre agent starts with the pupils' devices."),
    ),
    "clock": (
        later("This computer's clock is wrong."),
        later("Set date and time, then all goes on by itself."),
        "",
    ),
    "school": (
        later("The school's server is not reached."),
        later("Not needed for a lesson. All is sent later."),
        "",
    ),
}
_UNTOLD = {"listening"}  # about a device's own agent; nothing a teacher can use
_READ_ALOUD = later("Switch your screen on and choose this room's Wi-Fi.")
_QUIET = {"school"}  # never a reason for alarm


def row(check: Checked) -> Row:
    """Say a check in words; what could not be known is said as not needed."""
    facts = {name: _plain(fact) for name, fact in check.facts.items()}
    bad = _BAD.get(f"{check.key}/{facts.get('cause', '')}") or _BAD.get(check.key)
    if bad is None:
        return Row(check.state, check.key, " ".join(facts.values()))
    if check.state != "failed":
        title, second = _GOOD[check.key]
        if check.state != "ok":
            return Row("not-needed", _filled(title, facts), say("Not known yet."))
        return Row("ok", _filled(title, facts), _filled(second, facts))
    title, second, copy = bad
    state = "not-needed" if check.key in _QUIET else "failed"
    read = say(_READ_ALOUD) if state == "failed" else ""
    asked = say(copy) if copy else ""
    return Row(state, _filled(title, facts), _filled(second, facts), asked, read)


def _plain(fact: object) -> str:
    if isinstance(fact, tuple | list):
        return ", ".join(map(str, cast("Sequence[object]", fact)))
    return str(fact)


def _filled(source: str, facts: Mapping[str, str]) -> str:
    names = ("addresses", "machines", "own", "reached", "tried")
    return say(source, **{**dict.fromkeys(names, "…"), **facts})


class FirstRunPresenter(QObject):
    changed = Signal()
    language_chosen = Signal(str)

    def __init__(
        self,
        opens: Opens,
        tasks: Starts,
        check_again: Callable[[], None],
        language: str,
        server: str = "",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._opens, self._tasks = opens, tasks
        self.check_again = check_again
        self.language = language
        self.server = server
        self.checks: tuple[Checked, ...] = ()
        self.trouble = ""
        self.busy = False
        self.signed_in = False

    def show(self, checks: Sequence[Checked]) -> None:
        """Take the newest check; bootstrap makes one every 5 s while the page is seen."""
        self.checks = tuple(checks)
        self.changed.emit()

    def rows(self) -> list[Row]:
        """Return all rows; only the first failing one is opened with what to do about it."""
        shown = (
            check
            for check in self.checks
            if check.key not in _UNTOLD
            and (check.state in {"ok", "failed"} or check.key == "reach")
        )
        made = [row(check) for check in shown]
        opened = next((at for at, one in enumerate(made) if one.state == "failed"), -1)
        return [
            one if at == opened else Row(one.state, one.title, one.second)
            for at, one in enumerate(made)
        ]

    def sign_in(self, server: str, school: str, login: str, password: str) -> None:
        if self.busy:
            return
        if not (server.strip() and school.strip() and login.strip() and password):
            self._tell(say("Fill in server, school, name and password."))
            return
        self.busy = True
        self._tell("")
        work = self._sign_in(server.strip(), school.strip(), login.strip(), password)
        self._tasks.start(work, name="sign-in", refused=self.refused)

    def dial(self, address: str) -> None:
        typed = address.strip()
        if not typed:
            return

        def refused(error: Exception) -> None:
            self._tell(refusal(error, typed))

        async def dial() -> None:
            await self._opens.dial(typed)
            self._tell(say("Found at {address}. It is remembered.", address=typed))

        self._tell(say("Trying {address}…", address=typed))
        self._tasks.start(dial(), name="dial", refused=refused)

    def speak(self, language: str) -> None:
        if language in LANGUAGES and language != self.language:
            self.language = language
            self.language_chosen.emit(language)

    def refused(self, error: Exception) -> None:
        self._tell(refusal(error))

    def came_in(self) -> None:
        """Hear that a teacher is signed in."""
        self.signed_in = True
        self._tell("")

    async def _sign_in(self, server: str, school: str, login: str, password: str) -> None:
        try:
            await self._opens.sign_in(server, school, login, password)
        finally:
            self.busy = False
            self.changed.emit()

    def _tell(self, trouble: str) -> None:
        self.trouble = trouble
        self.changed.emit()
