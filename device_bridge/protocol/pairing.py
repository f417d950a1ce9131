"""Pairing by a short code: two machines, one an end, and the window that bounds guessing.

The lane is TLS 1.3 with certificates that prove keys and no names. A PAKE over the code gives both
ends one key, but only where both hold the code; the transcript binds both TLS keys, the roles and
the window, so whoever stands in between holds another key. The app confirms first, the device
second (RFC 9382, section 4: key confirmation); all that follows is sealed under that key too.

    device -> pair-offered    app -> pair-asked        device -> pair-answered
    app    -> pair-confirmed  device -> pair-confirmed, pair-sealed(pair-requested)
    app    -> pair-sealed(pair-given)                  device -> pair-sealed(pair-kept)

A try is spent before our share goes out, not when it turns out wrong: guesses made in parallel
find no more tries than guesses made one after another.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.fields import Id, Name, Token, Version

CODE_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32, without I, L, O and U, which are misread or make words (as Crockford's base 32)."""
CODE_LENGTH: Final = 6
TRIES_OF_ONE: Final = 3
TRIES_OF_ALL: Final = 20
WINDOW_SECONDS: Final = 300.0
PROVE_SECONDS: Final = 10.0
"""From the connection to the confirmation; after it a person decides, within the window."""
PEM_MAX: Final = 8192
_MEANT: Final = str.maketrans({"I": "1", "L": "1", "O": "0", " ": "", "-": ""})

Share = Annotated[bytes, Meta(min_length=1, max_length=64)]
WindowId = Annotated[bytes, Meta(min_length=16, max_length=16)]
Mac = Annotated[bytes, Meta(min_length=32, max_length=32)]
Pem = Annotated[str, Meta(max_length=PEM_MAX)]
Turned = Literal["closed", "busy", "too-many", "wrong-code", "refused", "other-app"]
"""Why there is no pairing: the window is over, somebody else is at it, the tries are spent, the
codes differ (or somebody stands in between), the teacher said no, the secret names another app."""
End = Literal["app", "device"]


class PairOffered(Struct, frozen=True, tag="pair-offered"):
    """The device's window, open now. Nothing personal: whoever dials reads it."""

    window: WindowId


class PairAsked(Struct, frozen=True, tag="pair-asked"):
    """The app's share of the PAKE."""

    share: Share


class PairAnswered(Struct, frozen=True, tag="pair-answered"):
    """The device's share."""

    share: Share


class PairConfirmed(Struct, frozen=True, tag="pair-confirmed"):
    """Proof that the sender holds the same key over the same transcript."""

    mac: Mac


class PairSealed(Struct, frozen=True, tag="pair-sealed"):
    """An encoded message of `Inside`, with its proof under the sender's own key."""

    body: Annotated[bytes, Meta(max_length=32 * 1024)]
    mac: Mac


class PairTurned(Struct, frozen=True, tag="pair-turned"):
    """No pairing; the lane ends."""

    why: Turned


class PairRequested(Struct, frozen=True, tag="pair-requested"):
    """What the device would like certified; of `csr` only the key counts, which is the lane's.

    `name` is what its owner calls it: the teacher reads it and says yes or no.
    """

    csr: Pem
    name: Name
    kind: Name


class PairGiven(Struct, frozen=True, tag="pair-given"):
    """What enrolment gives: `standby` is the thumbprint of the sealed root's key, "" for none.

    `epoch`: how often the school's root was succeeded. `discovery`: the school's key for the names
    of the day; "" from an app that gave none.
    """

    school: Id
    school_name: Name
    device: Id
    certificate: Pem
    root: Pem
    standby: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?(?!\n)$")]
    assignment: Token
    epoch: Version = 0
    discovery: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?(?!\n)$")] = ""


class PairKept(Struct, frozen=True, tag="pair-kept"):
    """All of it is on the device's disk."""


FromPairing = PairOffered | PairAnswered | PairConfirmed | PairSealed | PairTurned
ToPairing = PairAsked | PairConfirmed | PairSealed | PairTurned
Inside = PairRequested | PairGiven | PairKept
_Told = TypeVar("_Told", PairRequested, PairGiven, PairKept)
_encode: Final = msgspec.msgpack.Encoder().encode
_inside: Final = msgspec.msgpack.Decoder(Inside)


def code_of(typed: str) -> str:
    """Read a code as people write it: any case, in groups, with O for 0 and I or L for 1."""
    return typed.upper().translate(_MEANT)


def is_code(code: str) -> bool:
    return len(code) == CODE_LENGTH and set(code) <= set(CODE_LETTERS)


def code_from(chance: bytes) -> str:
    """Make a code of six random bytes; 256 is eight times 32, so no letter is likelier."""
    return "".join(CODE_LETTERS[byte % 32] for byte in chance[:CODE_LENGTH])


# The window: who may still try


class Window(Struct, frozen=True):
    """One code's life. `who` of a try is an address or a key's thumbprint, whatever is dearer.

    `over`: why it has closed; "" while it is open. `proven`: somebody is past the code, and the
    others wait.
    """

    ends_at: float
    spent: Mapping[str, int] = {}
    proven: bool = False
    over: Literal["", "closed", "too-many"] = ""

    @property
    def total(self) -> int:
        return sum(self.spent.values())


def spend(window: Window, who: str, now: float) -> tuple[Window, Turned | None]:
    """Take one try out of the window, or say why not. The last one closes it to all."""
    window = looked_at(window, now)
    if window.over:
        return window, window.over
    if window.proven:
        return window, "busy"
    if window.spent.get(who, 0) >= TRIES_OF_ONE:
        return window, "too-many"
    spent = {**window.spent, who: window.spent.get(who, 0) + 1}
    return replace(window, spent=spent), None


def proved(window: Window, who: str) -> Window:
    """Give a try back to whoever held the code."""
    spent = {**window.spent, who: max(0, window.spent.get(who, 0) - 1)}
    return replace(window, spent=spent)


def looked_at(window: Window, now: float) -> Window:
    """Close the window in its time, and where all tries are out."""
    if not window.over and now >= window.ends_at:
        return replace(window, over="closed")
    if not window.over and window.total >= TRIES_OF_ALL:
        return replace(window, over="too-many")
    return window


# One run


class Bound(Struct, frozen=True):
    """What both ends must agree on besides the code. Thumbprints are of the TLS keys, in hex."""

    app: str
    device: str


class Keys(Struct, frozen=True):
    """Made of the PAKE's key and the transcript; one a purpose, so no message serves another."""

    confirms: Mapping[str, bytes]
    seals: Mapping[str, bytes]


Step = Literal["begun", "share", "agreeing", "confirm", "proven", "keeping", "over"]


class Run(Struct, frozen=True):
    """One end of one run. `share` is our own part of the PAKE, made before the run begins."""

    end: End
    bound: Bound
    share: bytes
    step: Step = "begun"
    window: bytes = b""
    theirs: bytes = b""
    keys: Keys = Keys({}, {})
    request: PairRequested | None = None
    """The device's own."""


class Began(Struct, frozen=True):
    """The lane is up. The device opens the talk with its window's id."""

    window: bytes = b""


class Heard(Struct, frozen=True):
    message: FromPairing | ToPairing


class Admitted(Struct, frozen=True):
    """The window had a try left."""


class Agreed(Struct, frozen=True):
    """The PAKE's key, of our share, theirs and the code."""

    key: bytes


class Decided(Struct, frozen=True):
    """The teacher's yes, with what the school gives."""

    given: PairGiven


class Kept(Struct, frozen=True):
    """The device has written it."""


class Declined(Struct, frozen=True):
    """Our own end says no."""

    why: Turned


Event = Began | Heard | Admitted | Agreed | Decided | Kept | Declined


class Say(Struct, frozen=True):
    message: FromPairing | ToPairing


class Spend(Struct, frozen=True):
    """Ask the window for a try; answer with `Admitted` or `Declined`."""


class Agree(Struct, frozen=True):
    """Finish the PAKE with their share; answer with `Agreed`."""

    theirs: bytes


class Proved(Struct, frozen=True):
    """The other end holds the code, and its key is the one we see."""


class Ask(Struct, frozen=True):
    """Ask the teacher; answer with `Decided` or `Declined`."""

    requested: PairRequested


class Keep(Struct, frozen=True):
    """Check and write what the school gave; answer with `Kept`."""

    given: PairGiven


class Done(Struct, frozen=True):
    """Paired, by both ends' word."""


class Stop(Struct, frozen=True):
    """The run is over without a pairing."""

    why: Turned | Literal["broken"]


Effect = Say | Spend | Agree | Proved | Ask | Keep | Done | Stop


def advance(run: Run, event: Event, now: float) -> tuple[Run, list[Effect]]:  # noqa: C901 - one case an event
    """Take one event; return the next state and what to do, in order. Time is the window's."""
    del now
    if run.step == "over":
        return run, []
    match event:
        case Began(window) if run.step == "begun":
            if run.end == "app":
                return run, []
            return replace(run, window=window), [Say(PairOffered(window))]
        case Heard(PairTurned(why)):
            return _over(run, Stop(why))
        case Declined(why):
            return _over(run, Say(PairTurned(why)), Stop(why))
        case Heard(message):
            return _heard(run, message)
        case Admitted() if run.step == "share":
            return _admitted(run)
        case Agreed(key) if run.step == "agreeing":
            keys = keys_of(key, transcript(run))
            confirmed = PairConfirmed(keys.confirms["app"])
            says: list[Effect] = [Say(confirmed)] if run.end == "app" else []
            return replace(run, step="confirm", keys=keys), says
        case Decided(given) if (run.end, run.step) == ("app", "proven"):
            return replace(run, step="keeping"), [Say(sealed(run, given))]
        case Kept() if (run.end, run.step) == ("device", "keeping"):
            return _over(run, Say(sealed(run, PairKept())), Done())
        case Began() | Admitted() | Agreed() | Decided() | Kept():
            return run, []  # an echo of what is over


def _heard(run: Run, message: FromPairing | ToPairing) -> tuple[Run, list[Effect]]:
    match run.end, run.step, message:
        case "app", "begun", PairOffered(window):
            return replace(run, window=window, step="share"), [Spend()]
        case "device", "begun", PairAsked(share):
            return replace(run, theirs=share, step="share"), [Spend()]
        case "app", "share", PairAnswered(share):
            return replace(run, theirs=share, step="agreeing"), [Agree(share)]
        case _, "confirm", PairConfirmed(mac):
            return _confirmed(run, mac)
        case _, "proven" | "keeping", PairSealed():
            return _unsealed(run, message)
        case _:
            return _over(run, Stop("broken"))


def _admitted(run: Run) -> tuple[Run, list[Effect]]:
    if run.end == "app":
        return run, [Say(PairAsked(run.share))]
    return replace(run, step="agreeing"), [Say(PairAnswered(run.share)), Agree(run.theirs)]


def _confirmed(run: Run, mac: bytes) -> tuple[Run, list[Effect]]:
    other = "device" if run.end == "app" else "app"
    if not hmac.compare_digest(mac, run.keys.confirms[other]):
        return _over(run, Say(PairTurned("wrong-code")), Stop("wrong-code"))
    run = replace(run, step="proven")
    if run.request is None:
        return run, [Proved()]
    confirmed = Say(PairConfirmed(run.keys.confirms["device"]))
    return run, [Proved(), confirmed, Say(sealed(run, run.request))]


def _unsealed(run: Run, message: PairSealed) -> tuple[Run, list[Effect]]:
    try:
        told = unsealed(run, message)
    except Malformed:
        return _over(run, Stop("broken"))
    match run.end, run.step, told:
        case "app", "proven", PairRequested():
            return run, [Ask(told)]
        case "device", "proven", PairGiven():
            return replace(run, step="keeping"), [Keep(told)]
        case "app", "keeping", PairKept():
            return _over(run, Done())
        case _:
            return _over(run, Stop("broken"))


def _over(run: Run, *effects: Effect) -> tuple[Run, list[Effect]]:
    return replace(run, step="over", keys=Keys({}, {})), list(effects)


# Keys and seals


def transcript(run: Run) -> bytes:
    """Join all that both ends must have seen alike, each part with its length before it."""
    app, device = (run.share, run.theirs) if run.end == "app" else (run.theirs, run.share)
    parts = (
        b"pupitre-pair-1", run.window,
        b"app", run.bound.app.encode(), app,
        b"device", run.bound.device.encode(), device,
    )  # fmt: skip
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def keys_of(key: bytes, about: bytes) -> Keys:
    """Derive a key for each purpose (HKDF's expand step, RFC 5869, 2.3, one block each)."""

    def derive(purpose: str) -> bytes:
        return hmac.digest(key, purpose.encode() + b"\x00" + about, hashlib.sha256)

    ends: tuple[End, End] = ("app", "device")
    return Keys(
        {end: derive(f"confirm {end}") for end in ends},
        {end: derive(f"seal {end}") for end in ends},
    )


def sealed(run: Run, message: _Told) -> PairSealed:
    """Seal a message of our end. Each kind is said once a run by one end, so none is replayed."""
    body = _encode(message)
    return PairSealed(body, hmac.digest(run.keys.seals[run.end], body, hashlib.sha256))


def unsealed(run: Run, message: PairSealed) -> Inside:
    """Read what the other end sealed. Raises Malformed."""
    other = "device" if run.end == "app" else "app"
    proof = hmac.digest(run.keys.seals[other], message.body, hashlib.sha256)
    if not hmac.compare_digest(proof, message.mac):
        raise Malformed("not sealed by the other end")
    try:
        return _inside.decode(message.body)
    except (ValueError, RecursionError) as error:
        raise Malformed(type(error).__name__) from error
