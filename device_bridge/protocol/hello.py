"""How a link begins, lives and is refused; what belongs to no feature."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

from device_bridge.protocol.fields import (
    Feature,
    Id,
    LaneToken,
    LeaseSeconds,
    Name,
    Nonce,
    OptionalId,
    Pixels,
    Sentence,
    Statement,
    Token,
    Version,
    WallAt,
)

PEM_MAX: Final = 4096
SCREENS_MAX: Final = 16
Protocol = Annotated[int, Meta(ge=0, le=65535)]


class Hello(Struct, frozen=True, tag="hello"):
    """The app's first message on `/control`. `mandate` is empty while no lesson runs."""

    lowest: Protocol
    highest: Protocol
    app: Name
    grant: Token
    mandate: Token = ""


class Held(Struct, frozen=True):
    """The highest version of one feature's declaration that a device holds."""

    feature: Feature
    version: Version


class Screen(Struct, frozen=True):
    """One monitor of the device, in pixels."""

    width: Pixels
    height: Pixels


Screens = Annotated[tuple[Screen, ...], Meta(max_length=SCREENS_MAX)]
"""A device's monitors, the primary one first: numbered as a look and a drive name them."""


class ScreensTold(Struct, frozen=True, tag="screens-told"):
    """The device has these monitors from now on: one was plugged in, pulled or set anew.

    Said by the seat to its guard, and by the device to each link, at most twice a second.
    """

    screens: Screens


class Welcome(Struct, frozen=True, tag="welcome"):
    """The device's answer: only now is the app connected (TLS 1.3, see DESIGN section 4).

    `lane_token` opens `/pictures` and `/bulk` once each time they are dialled during this link.
    `nonce` stands in every `Order` of this link. `deny_list` is the number of the one held, `epoch`
    of how many successions of the school's root the device knows.
    `boot` changes when the agent starts anew. `clock_off_seconds` is the device's wall clock
    less its time floor's estimate where that is known, else 0: so only a clock that is behind is
    known there. `wall_at` is that clock, for the app to see whether it is ahead. `csr`: a request
    (PKCS#10, PEM) that the app brings to whoever certifies for the school, when the certificate
    comes to its end.
    """

    protocol: Protocol
    device: Id
    boot: Id
    agent: Name
    kind: Name
    lane_token: LaneToken
    nonce: Nonce
    deny_list: Version = 0
    held: Annotated[tuple[Held, ...], Meta(max_length=16)] = ()
    screens: Screens = ()
    clock_off_seconds: int = 0
    epoch: Version = 0
    csr: Annotated[str, Meta(max_length=PEM_MAX)] = ""
    wall_at: WallAt = 0


class Order(Struct, frozen=True, tag="order"):
    """All that an app says after its hello comes in one of these.

    `nonce`: the welcome's, so that nothing said on another link is an order here. `count`: 1, 2, 3
    …, so that nothing is said twice, left out or turned round. `mandate`: whose lesson it is said
    in; "" where none runs. `message`: as its own struct would go over the wire.
    """

    nonce: Nonce
    count: Version
    mandate: OptionalId
    message: Raw


class Carried(Struct, frozen=True, tag="carried"):
    """What the school has signed for everybody; an app brings it along, also before its hello.

    It needs no grant: each statement is judged by its own signature. `successions`, oldest first,
    are judged before the rest; `certificate` (PEM) and `assignment` are for the device's own key
    under the root that then holds.
    """

    deny_list: Statement = ""
    successions: Annotated[tuple[Token, ...], Meta(max_length=8)] = ()
    certificate: Token = ""
    assignment: Token = ""


class CertificateCarried(Struct, frozen=True, tag="certificate-carried"):
    """The device's own certificate, renewed (PEM): the answer to its welcome's `csr`.

    It needs no grant: the device takes one of its own key and name, by the school it has pinned,
    that ends later, and nothing else.
    """

    certificate: Annotated[str, Meta(max_length=PEM_MAX)]


class MandateShown(Struct, frozen=True, tag="mandate-shown"):
    """A lesson begins or is prolonged on a link that is up already."""

    grant: Token
    mandate: Token


class LaneHello(Struct, frozen=True, tag="lane-hello"):
    """First message on `/pictures` and `/bulk`: binds the lane to its `/control`."""

    lane_token: LaneToken


class LaneWelcome(Struct, frozen=True, tag="lane-welcome"):
    """The lane is bound."""


class Pulse(Struct, frozen=True, tag="pulse"):
    """Each 2 s from the device: what of its last words is still true.

    `frame` is the newest frame sent, `current` whether the screen still shows it.
    `proof_version` is the lock whose curtain was last proved, `proof_age_ms` how long ago;
    version 0 means no proof. `battery_percent` is -1 where there is no battery.
    """

    frame: Version
    current: bool
    proof_version: Version = 0
    proof_age_ms: Annotated[int, Meta(ge=0, le=2**31)] = 0
    battery_percent: Annotated[int, Meta(ge=-1, le=100)] = -1
    clock_off_seconds: int = 0
    wall_at: WallAt = 0


class Report(Struct, frozen=True, tag="report"):
    """What the device has really applied of one feature's `version`, and where not, why.

    presence: "on" (indicator mapped), "failed", "over". attention: "locked", "free", "failed".
    watching: "on", "failed" (no indicator, so no picture), "private", "dark".
    control: "on", "off", "taken-back" (by the pupil), "failed".
    showing: "waiting" (no picture yet), "on" (seen, or of a source: the bar says so), "failed",
    "lost" (nothing came any more, and the desktop is back), "off". It goes to its lesson only.
    """

    feature: Feature
    version: Version
    state: Literal[
        "on",
        "over",
        "locked",
        "free",
        "failed",
        "private",
        "dark",
        "off",
        "taken-back",
        "waiting",
        "lost",
    ]
    reason: Sentence = ""


class Superseded(Struct, frozen=True, tag="superseded"):
    """Another teacher's declaration is newer than yours; `by` is that teacher's name.

    `ends_in_seconds`: when that teacher's mandate ends; 0: not known.
    """

    feature: Feature
    version: Version
    by: Name
    ends_in_seconds: LeaseSeconds = 0


class Answer(Struct, frozen=True, tag="answer"):
    """The end of a one-off command."""

    id: Id
    state: Literal["done", "refused", "failed", "late"]
    reason: Sentence = ""


class Refused(Struct, frozen=True, tag="refused"):
    """The device will not do `kind` (a message's tag). `why` decides what the caller can do.

    "not-paired": NotPaired; "not-allowed": NotAllowed; "too-old", "too-new": Unsupported;
    "busy": TryAgain. After a refused hello the link is closed.
    """

    kind: Name
    why: Literal["not-paired", "not-allowed", "too-old", "too-new", "busy"]
    reason: Sentence = ""


class NotUnderstood(Struct, frozen=True, tag="unsupported"):
    """Answer to a message whose tag we do not know."""

    kind: Name
