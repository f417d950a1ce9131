"""Why the central side did not do what was asked, by what the app can do about it.

CloudError
├── Unreachable   no answer: go on without, try later
│   └── ObjectsUnreachable   the school answers, but not the place where its chunks lie
├── ServerBusy    it asks to be left alone for `after_seconds`
├── NotSignedIn   ask the teacher to sign in again
│   ├── WrongPassword
│   ├── CodeAsked   who administrates gives a second factor as well
│   ├── WrongCode
│   └── NoFactor    who administrates has not chosen one yet
├── Refused       it says no, by `code`; repeating does not help
├── NotAServer    something else answers there: a portal, a proxy, another program
│   └── OutOfDate   it may be the server: by this computer's date its certificate does not hold
└── NoBrowser     nothing on this computer shows a page
"""


class CloudError(Exception):
    """One of the six above."""


class Unreachable(CloudError):
    """`why` is a short word for the log: no route, refused, too slow."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class ObjectsUnreachable(Unreachable):
    """Only reading collected work back is out of reach: all else goes on."""


class ServerBusy(CloudError):
    def __init__(self, after_seconds: float = 0.0) -> None:
        super().__init__(after_seconds)
        self.after_seconds = after_seconds


class NotSignedIn(CloudError):
    def __init__(self, code: str = "not-signed-in") -> None:
        super().__init__(code)
        self.code = code


class WrongPassword(NotSignedIn):
    """Name, password or school is not right; the server does not say which."""


class CodeAsked(NotSignedIn):
    """Name and password are right; a code of the second factor goes with them."""


class WrongCode(NotSignedIn):
    """The code is not right, or was used already."""


class NoFactor(NotSignedIn):
    """The second factor has to be chosen before anything else is done."""


class Refused(CloudError):
    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class NotAServer(CloudError):
    """`why` says what gave it away.

    "portal": the network wants a sign-in first. "certificate": it could not prove to be the server,
    as a portal cannot that takes what goes to others. "clock": see OutOfDate. "https": it is asked
    without TLS, and sends on to its address with it.
    "html", "too-large", "malformed" and the like: no answer of ours.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class OutOfDate(NotAServer):
    """The certificate is good at another date than this computer's, or none was renewed."""

    def __init__(self) -> None:
        super().__init__("clock")


class NoBrowser(CloudError):
    """A password may sign in instead."""
