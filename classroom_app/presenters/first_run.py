"""The first page: sign in, type an address, and a connection check that explains itself."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from classroom_app.domain.founding import SAFE_MIN, Founding
from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.check import Checked, Row, rows
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import LANGUAGES, say


class Missed(Struct, frozen=True):
    """Of whom the check speaks: the open class, or the one pupil who was asked about.

    `stays`: the page was opened to look at the network, and does not turn into the wall.
    """

    class_name: str = ""
    pupils: int = 0
    here: int = 0
    name: str = ""
    stays: bool = False


def lacks(asked: Founding) -> str:
    """Return what a school still lacks, as a sentence; "" where it can be founded."""
    if not (asked.school and asked.teacher and asked.class_name and asked.pupils and asked.safe):
        return say("Fill in the school, your name, the class and its pupils.")
    if len(asked.passphrase) < SAFE_MIN:
        return say("The passphrase needs {count} characters or more.", count=SAFE_MIN)
    return ""


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
        self.missed = Missed()
        self.trouble = ""
        self.busy = False
        self.signed_in = False
        self.looking = False
        self.founding = False
        """The teacher starts a school of their own instead of signing in."""

    def look(self, *, looking: bool) -> None:
        """Say that somebody asked for another look, until it is done."""
        if looking != self.looking:
            self.looking = looking
            self.changed.emit()

    def show(self, checks: Sequence[Checked], missed: Missed | None = None) -> None:
        """Take the newest check; one is made every 5 s while the page is seen."""
        self.checks, self.missed = tuple(checks), missed or Missed()
        self.changed.emit()

    def rows(self) -> list[Row]:
        """Return what to show; an address is typed by somebody who is signed in."""
        found = rows(self.checks)
        if self.signed_in:
            return found
        return [
            replace(one, around="", by_address=False) if one.by_address else one for one in found
        ]

    def aloud_title(self) -> str:
        name = self.missed.name
        return say("To say to {name}", name=name) if name else say("To read to the class")

    def found(self, *, founding: bool) -> None:
        """Turn from signing in to starting a school, or back."""
        self.founding = founding
        self._tell("")

    def found_school(self, asked: Founding) -> None:
        """Start the school where all of it is filled in; else say what is missing."""
        if self.busy:
            return
        trouble = lacks(asked)
        self._tell(trouble)
        if not trouble:
            self.busy = True
            self._tasks.start(self._found(asked), name="found-school", refused=self.refused)

    async def _found(self, asked: Founding) -> None:
        try:
            await self._opens.found_school(asked)
        finally:
            self.busy = False
            self.changed.emit()

    def title(self) -> str:
        missed = self.missed
        if self.founding and not self.signed_in:
            return say("Start a school")
        if not self.signed_in:
            return say("Sign in")
        if missed.name:
            return say("{name} is not here", name=missed.name)
        if missed.here:
            return say("{count} of {all} pupils here", count=missed.here, all=missed.pupils)
        return say("No pupils yet")

    def under(self) -> str:
        if self.founding and not self.signed_in:
            return say("It lives on this computer. No server, no internet.")
        if not self.signed_in:
            return say("Once, with the internet. After that Pupitre works without it.")
        if self.missed.name:
            return say("Comes back by itself as soon as the device answers.")
        if self.missed.stays:
            return say("F5 looks again, Esc goes back.")
        if self.missed.here and self.missed.here == self.missed.pupils:
            return say("Nobody is missing.")
        return say("The class appears by itself as soon as a device answers.")

    def class_words(self) -> str:
        missed = self.missed
        if not missed.class_name:
            return ""
        count = say("{n} pupils", missed.pupils)
        return say("{name} · {count} in the list", name=missed.class_name, count=count)

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
