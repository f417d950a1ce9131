"""Why somebody did not get in, as a sentence beneath the field that it is about."""

from typing import Final

from msgspec import Struct

from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.standing import answer_words
from classroom_app.presenters.words import lasted, later, say

PATIENCE_SECONDS: Final = 60.0
# The field that an error is said of; the server's, where it is none of these.
_ABOUT: Final = {
    "WrongPassword": "password",
    "WrongCode": "code",
    "NoFactor": "login",
    "AnotherTeacher": "login",
}
# What the server refuses, by its code (`contract.identity.Problem`): the field, and the words.
_REFUSED: Final = {
    "no-verbs": (
        "login",
        later("At this school your role does nothing in class. Ask your administrator."),
    ),
    "no-class": (
        "login",
        later("No class is given to you at this school. Ask your administrator."),
    ),
    "no-certificate": (
        "server",
        later("The server has no certificate for this computer. Sign in once more."),
    ),
    "malformed": (
        "school",
        later("No school and no name is written like this. Look at both, without spaces."),
    ),
    "unknown-account": (
        "server",
        later("The school does not know whose this account is. Ask your administrator to link it."),
    ),
    "no-openid": (
        "server",
        later("This school has no account to sign in with. Use name and password."),
    ),
    "no-such-path": (
        "server",
        later("This server is too old for that. Use name and password."),
    ),
    "enrolled": (
        "code",
        later("You have a second factor already. Sign in again and type its code."),
    ),
    "not-signed-in": ("server", later("That took too long. Begin again.")),
    "openid-state": ("server", later("That took too long. Begin again.")),
    "openid-expired": ("server", later("That took too long. Begin again.")),
}
_PROVIDER: Final = later(
    "What the account's page said does not fit this school ({code}). Tell your administrator."
)
_AWAY: Final = later(
    "No server answers at this address. Look at the address and the network, then try again."
)
_OTHER: Final = later("The server does not let you in ({code}). Ask your administrator.")


class Told(Struct, frozen=True):
    """What is said beneath the field called `about`. `wrong`: it is to be mended."""

    words: str = ""
    about: str = ""
    wrong: bool = False


def not_signed_in(error: Exception) -> Told:
    """Say why not, and what to do about it: each refusal of the server is one of its own."""
    code = str(getattr(error, "code", ""))
    if is_a(error, "ServerBusy"):
        seconds = float(getattr(error, "after_seconds", 0.0)) or PATIENCE_SECONDS
        words = say("The server wants a pause. Try again in {time}.", time=lasted(seconds))
        return Told(words, "password", wrong=True)
    if is_a(error, "Unreachable"):
        return Told(say(_AWAY), "server", wrong=True)
    if code in _REFUSED:
        about, known = _REFUSED[code]
        return Told(say(known), about, wrong=True)
    if code.startswith("openid-"):
        return Told(say(_PROVIDER, code=code), "server", wrong=True)
    if is_a(error, "Refused"):
        return Told(say(_OTHER, code=code), "login", wrong=True)
    about = next((field for kind, field in _ABOUT.items() if is_a(error, kind)), "server")
    return Told(answer_words(error) or refusal(error), about, wrong=True)


def is_a(error: Exception, name: str) -> bool:
    """Return whether an error is such a one: presenters import neither cloud nor devices."""
    return any(kind.__name__ == name for kind in type(error).__mro__)
