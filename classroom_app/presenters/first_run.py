"""The first page: sign in, type an address, and a connection check that explains itself."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from PySide6.QtCore import QObject, Signal

from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import LANGUAGES, later, say


class Check(Struct, frozen=True):
    """One thing looked at. `state` is "ok", "failed", "unknown" or "not-needed".

    `key` names what was looked at, as `device_bridge.discovery.doctor` does; `facts` fill in its
    sentence ("address", "network", "school_network", "heard", "count").
    """

    key: str
    state: str
    facts: Mapping[str, str] = {}


class Row(Struct, frozen=True):
    """A row of the check. `to_copy` is for the administrator, `to_read` for the class."""

    state: str
    title: str
    second: str
    to_copy: str = ""
    to_read: str = ""


_GOOD = {
    "interfaces": (later("This computer is on a network."), later("Address {address}.")),
    "multicast": (later("The firewall lets Pupitre listen."), later("Nothing to do.")),
    "echo": (later("The network passes announcements on."), later("Our own came back.")),
    "neighbours": (later("Other devices announce themselves here."), later("Heard: {heard}.")),
    "firewall": (later("The firewall lets Pupitre listen."), later("Nothing to do.")),
    "network": (later("The pupils' devices are on this network."), later("Nothing to do.")),
    "isolation": (later("Devices may talk to each other here."), later("Nothing to do.")),
    "clock": (later("This computer's clock is right."), later("Nothing to do.")),
    "pupils": (later("Pupils' devices answer."), later("{count} so far.")),
    "school": (later("The school's server answers."), later("All is passed on.")),
}
_BAD = {
    "interfaces": (
        later("No network."),
        later("Your class and files are here; nothing is lost."),
        "",
    ),
    "multicast": (
        later("This computer's firewall keeps Pupitre from listening."),
        later("Devices at known addresses work all the same."),
        later("Please allow incoming UDP 5353 (mDNS) for Pupitre on this computer."),
    ),
    "echo": (
        later("The network does not pass announcements on."),
        later("Type a device's address; Pupitre then remembers it."),
        later("Please let mDNS (UDP 5353, 224.0.0.251) pass in the classroom network."),
    ),
    "neighbours": (
        later("No device announces itself here."),
        later("Perhaps the Wi-Fi holds announcements back."),
        later("Please let mDNS (UDP 5353, 224.0.0.251) pass in the classroom network."),
    ),
    "network": (
        later("This computer is on “{network}”, the pupils on “{school_network}”."),
        later("Change to the pupils' network."),
        "",
    ),
    "isolation": (
        later("The Wi-Fi probably keeps devices apart."),
        later("You cannot change this here."),
        later("Please let the devices on the classroom Wi-Fi reach each other by TCP and mDNS."),
    ),
    "clock": (
        later("This computer's clock is wrong."),
        later("Set date and time, then all goes on by itself."),
        "",
    ),
    "pupils": (
        later("No pupil's device answers yet."),
        later("The class appears by itself as soon as a device answers."),
        "",
    ),
    "school": (
        later("The school's server is not reached."),
        later("Not needed for a lesson. All is sent later."),
        "",
    ),
}
_BAD["firewall"] = _BAD["multicast"]
_READ_ALOUD = later("Switch your screen on and choose this room's Wi-Fi.")
_QUIET = {"school"}  # never a reason for alarm


def row(check: Check) -> Row:
    """Say a check in words; a key we do not know is shown as it came."""
    facts = check.facts
    if check.key not in _BAD:
        return Row(check.state, check.key, " ".join(facts.values()))
    if check.state == "ok":
        title, second = _GOOD[check.key]
        return Row(check.state, _filled(title, facts), _filled(second, facts))
    title, second, copy = _BAD[check.key]
    state = "not-needed" if check.key in _QUIET or check.state == "not-needed" else check.state
    read = say(_READ_ALOUD) if state == "failed" else ""
    return Row(
        state, _filled(title, facts), _filled(second, facts), say(copy) if copy else "", read
    )


def _filled(source: str, facts: Mapping[str, str]) -> str:
    known = dict.fromkeys(("address", "heard", "network", "school_network", "count"), "…")
    return say(source, **{**known, **facts}) if source else ""


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
        self.checks: tuple[Check, ...] = ()
        self.trouble = ""
        self.busy = False
        self.signed_in = False

    def show(self, checks: Sequence[Check]) -> None:
        """Take the newest check; bootstrap makes one every 5 s while the page is seen."""
        self.checks = tuple(checks)
        self.changed.emit()

    def rows(self) -> list[Row]:
        """Return all rows; only the first failing one is opened with what to do about it."""
        made = [row(check) for check in self.checks]
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
        if address.strip():
            self._tell(say("Trying {address}…", address=address.strip()))
            self._tasks.start(self._opens.dial(address.strip()), name="dial", refused=self.refused)

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
