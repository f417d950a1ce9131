"""The first page: sign in, type an address, and a connection check that explains itself."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from central_mdm.contract.second_factor import FactorMade
from classroom_app.domain.founding import SAFE_MIN, Founding
from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.check import Checked, Row, rows
from classroom_app.presenters.not_signed_in import Told, is_a, not_signed_in
from classroom_app.presenters.receipts import here_words
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import LANGUAGES, later, say

_CODE: Final = later("Type the six digits that your second factor shows, or a recovery code.")
_FIRST_CODE: Final = later("Type the six digits that the app shows now. That confirms it.")
CODE_DIGITS: Final = 6
RECOVERY_LETTERS: Final = 16


class Missed(Struct, frozen=True):
    """Of whom the check speaks: the open class, or the one pupil who was asked about.

    `stays`: the page was opened to look at the network, and does not turn into the wall.
    """

    class_name: str = ""
    pupils: int = 0
    here: int = 0
    name: str = ""
    stays: bool = False


class Known(Struct, frozen=True):
    """Who has signed in before, at which address, as who. `login` empty: it is to be typed."""

    server: str
    school: str
    login: str
    name: str


def lacks(asked: Founding, again: str) -> Told:
    """Return what a school still lacks, said of the first such field; empty: it can be founded.

    `again` is the passphrase as it was typed once more.
    """
    needed = {
        "own-school": asked.school,
        "own-teacher": asked.teacher,
        "own-class": asked.class_name,
        "own-pupils": asked.pupils,
        "own-safe": asked.safe,
    }
    if empty := next((name for name, given in needed.items() if not given), ""):
        words = say("Fill in the school, your name, the class and its pupils.")
        return Told(words, empty, wrong=True)
    if len(asked.passphrase) < SAFE_MIN:
        words = say("The passphrase needs {count} characters or more.", count=SAFE_MIN)
        return Told(words, "own-passphrase", wrong=True)
    if asked.passphrase != again:
        return Told(say("The two are not the same."), "own-again", wrong=True)
    return Told()


class FirstRunPresenter(QObject):
    changed = Signal()
    language_chosen = Signal(str)
    wrong = Signal(str)  # the field to go back to
    anew_begun = Signal()

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
        self.told = Told()
        self.busy = False
        self.account = ""
        """What the school's account is called at its server; empty: there is none, or not known."""
        self._looked_at = ("", "")
        self.asks_code = False
        """Who signs in administrates as well, and is to give a second factor."""
        self.half = False
        """Who it is has been proved: nothing but the code is lacking."""
        self.factor: FactorMade | None = None
        """The second factor that is being chosen, as long as it is to be seen."""
        self.in_browser = False
        """The teacher signs in there, and may give it up here."""
        self.signed_in = False
        self.anew: Known | None = None
        """Who signs in again meanwhile; nothing of what is open ends by it."""
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
        if self.signed_in and not self.anew:
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
        self._tell(Told())

    def found_school(self, asked: Founding, again: str) -> None:
        """Start the school where all of it is filled in; else say what is missing.

        `again`: its passphrase once more, for a slip would make the file for the safe useless.
        """
        if self.busy:
            return

        def refused(error: Exception) -> None:
            # What can go wrong but for the passphrase is that file, which is written first.
            about = "own-passphrase" if is_a(error, "WrongPassphrase") else "own-safe"
            self._tell(Told(refusal(error), about, wrong=True))

        told = lacks(asked, again)
        self._tell(told)
        if not told.words:
            self.busy = True
            work = self._until_idle(self._opens.found_school(asked))
            self._tasks.start(work, name="found-school", refused=refused)

    @property
    def asks_who(self) -> bool:
        """Whether name and password are asked for."""
        return bool(self.anew) or not (self.signed_in or self.founding)

    def begin_anew(self, known: Known) -> None:
        """Ask for the password of who is signed in, and let the rest be looked at."""
        self.anew = known
        self._looked_at = ("", "")  # it may offer one since
        self.look_for_account(known.server, known.school)
        self._tell(Told())
        self.anew_begun.emit()

    def leave_anew(self) -> None:
        """Ask no longer: the page was left, or it is done."""
        if self.anew:
            self.anew = None
            self.another_person()
            self._tell(Told())

    def title(self) -> str:
        missed = self.missed
        if self.anew:
            return say("Sign in anew")
        if self.founding and not self.signed_in:
            return say("Start a school")
        if not self.signed_in:
            return say("Sign in")
        if missed.name:
            return say("{name} is not here", name=missed.name)
        if missed.here:
            return here_words(missed.here, missed.pupils)
        return say("No pupils yet")

    def under(self) -> str:
        if self.anew:
            return say("As {name}. All that is here stays.", name=self.anew.name)
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

    def sign_in(self, server: str, school: str, login: str, password: str, code: str = "") -> None:
        if self.busy:
            return
        if self.half:
            self._go_on(code)
            return
        server, school, login = server.strip(), school.strip(), login.strip()
        needed = {"server": server, "school": school, "login": login, "password": password}
        if empty := next((name for name, given in needed.items() if not given), ""):
            words = say("Fill in server, school, name and password.")
            self._tell(Told(words, empty, wrong=True))
            return
        code = _plain_code(code) if self.asks_code else ""
        if self.asks_code and not code:
            self._tell(Told(say(_CODE), "code", wrong=True))
            return
        self.busy = True
        self._tell(Told())
        work = self._until_idle(self._opens.sign_in(server, school, login, password, code))
        self._tasks.start(work, name="sign-in", refused=self._not_signed_in)

    def _go_on(self, typed: str) -> None:
        """Give the code, which is all that is lacking."""
        code = _plain_code(typed)
        if not code:
            self._tell(Told(say(_CODE), "code", wrong=True))
            return
        self.busy = True
        self._tell(Told())
        work = self._until_idle(self._opens.give_code(code))
        self._tasks.start(work, name="give-code", refused=self._code_refused)

    def _code_refused(self, error: Exception) -> None:
        """Let a wrong code be typed again; who has waited too long begins anew."""
        if not any(is_a(error, kind) for kind in ("WrongCode", "ServerBusy", "Unreachable")):
            self._forget_code()
        self._tell(not_signed_in(error))

    def another_person(self) -> None:
        """Hear that another name is typed: who asks for a code is not known yet."""
        if self.asks_code:
            self._forget_code()
            self._tell(Told())

    def _forget_code(self) -> None:
        self.asks_code, self.half, self.factor = False, False, None

    async def _choose_factor(self) -> None:
        self.factor = await self._opens.choose_factor()
        self.asks_code = self.half = True
        self._tell(Told(say(_FIRST_CODE), "code"))
        self.wrong.emit("code")

    def _not_by_account(self, error: Exception) -> None:
        self.half = is_a(error, "CodeAsked")
        self._not_signed_in(error)

    def _not_signed_in(self, error: Exception) -> None:
        if is_a(error, "NoFactor"):
            self.busy = True
            self._tell(Told(say("One moment…"), "login"))
            work = self._until_idle(self._choose_factor())
            self._tasks.start(work, name="choose-factor", refused=self._not_signed_in)
            return
        if is_a(error, "CodeAsked"):
            self.asks_code = True
            self._tell(Told(say(_CODE), "code"))
            self.wrong.emit("code")
            return
        self._tell(not_signed_in(error))

    def look_for_account(self, server: str, school: str) -> None:
        """Ask the typed server whether it offers an account.

        A server that is away offers none, and is asked again the next time.
        """
        typed = server, school = server.strip(), school.strip()
        if typed == self._looked_at or self.busy:
            return
        self._looked_at = typed
        self._offer("")
        if not server or not school:
            return

        async def look() -> None:
            account = await self._opens.account_at(server, school)
            if self._looked_at == typed:
                self._offer(account)

        def away(_: Exception) -> None:
            if self._looked_at == typed:
                self._looked_at = ("", "")

        self._tasks.start(look(), name="look-for-account", refused=away)

    def sign_in_by_account(self, server: str, school: str) -> None:
        """Sign in in the browser; called again while it waits there, give it up."""
        if self.in_browser:
            self._opens.give_up_account()
            return
        if self.busy:
            return
        self.busy = self.in_browser = True
        self._tell(Told(say("Go on in the browser."), "server"))
        work = self._by_account(server.strip(), school.strip())
        self._tasks.start(work, name="sign-in-by-account", refused=self._not_by_account)

    def dial(self, address: str) -> None:
        typed = address.strip()
        if not typed:
            return

        def refused(error: Exception) -> None:
            self._tell(Told(refusal(error, typed), "address", wrong=True))

        async def dial() -> None:
            await self._opens.dial(typed)
            words = say("Found at {address}. It is remembered.", address=typed)
            self._tell(Told(words, "address"))

        self._tell(Told(say("Trying {address}…", address=typed), "address"))
        self._tasks.start(dial(), name="dial", refused=refused)

    def speak(self, language: str) -> None:
        if language in LANGUAGES and language != self.language:
            self.language = language
            self.language_chosen.emit(language)

    def not_read(self, error: OSError) -> None:
        """Hear that the chosen list of pupils cannot be read."""
        self._tell(Told(refusal(error), "own-pupils", wrong=True))

    def came_in(self) -> None:
        """Hear that a teacher is signed in."""
        self.signed_in, self.anew = True, None
        self._forget_code()
        self._tell(Told())

    async def _until_idle(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self.busy = False
            self.changed.emit()

    async def _by_account(self, server: str, school: str) -> None:
        try:
            await self._opens.sign_in_by_account(server, school)
        finally:
            self.busy = self.in_browser = False
            self._tell(Told())

    def _offer(self, account: str) -> None:
        if account != self.account:
            self.account = account
            self.changed.emit()

    def _tell(self, told: Told) -> None:
        self.told = told
        self.changed.emit()
        if told.wrong:
            self.wrong.emit(told.about)


def _plain_code(typed: str) -> str:
    """Return a code without what people write between its parts; "" where it is none."""
    code = typed.replace(" ", "").replace("-", "")
    digits = len(code) == CODE_DIGITS and code.isdecimal()
    letters = len(code) == RECOVERY_LETTERS and code.isalnum()
    return code if code.isascii() and (digits or letters) else ""
