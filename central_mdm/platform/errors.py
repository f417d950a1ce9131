"""Why a request ends without a success; the edge turns each into a `Problem`.

Refusal
├── Malformed    400  mend the request
├── NotSignedIn  401  sign in
│   └── Unproven      a device shows its key anew
├── NotAllowed   403  ask for the right
├── Missing      404  it is not here, or not yours to know
├── Refused      409  `code` says what is in the way
├── TooLarge     413  send less
├── KeyReused    422  another request had this key: choose a fresh one
└── TryAgain          wait `after_seconds`
    ├── InFlight 409  this very request is being done
    ├── TooFast  429  one alone
    └── Busy     503  everybody
"""

from typing import ClassVar


class Refusal(Exception):
    """`code` is a word for programs, a constant; `detail` a sentence without anybody's name in it.

    An id that the asker has named belongs in `detail`.
    """

    status: ClassVar[int] = 400

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class Malformed(Refusal):
    status = 400


class NotSignedIn(Refusal):
    status = 401

    def __init__(self, code: str = "not-signed-in", detail: str = "") -> None:
        super().__init__(code, detail)


class Unproven(NotSignedIn):
    """A device's pass has ended: signing `nonce` by its key gives it the next one."""

    def __init__(self, nonce: str) -> None:
        super().__init__("unproven")
        self.nonce = nonce


class NotAllowed(Refusal):
    status = 403


class Missing(Refusal):
    status = 404


class Refused(Refusal):
    status = 409


class TooLarge(Refusal):
    status = 413


class KeyReused(Refusal):
    status = 422

    def __init__(self) -> None:
        super().__init__("key-reused", "Another request had this key: choose a fresh one.")


class TryAgain(Refusal):
    """Too much at once: of this caller's (429), of all callers' (`busy`, 503), of one key (409).

    `spread_seconds`: so much longer at random, that not all who were sent away come back at once.
    """

    status = 429
    spread_seconds: ClassVar[int] = 1

    def __init__(self, code: str, after_seconds: int) -> None:
        super().__init__(code)
        self.after_seconds = after_seconds


class TooFast(TryAgain):
    spread_seconds = 8


class InFlight(TryAgain):
    """The same request, by the same key, is being done."""

    status = 409

    def __init__(self) -> None:
        super().__init__("in-flight", 1)


class Busy(TryAgain):
    status = 503
    spread_seconds = 8


class Repeated(Exception):
    """No refusal: this was done before, and answered so (`central_mdm.platform.once`)."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
