"""How a link begins and what may be said on it, for both ends; which lane belongs to which link.

Pure: what a peer says and the time go in, what to send, judge or close comes out. The shells are
`device_bridge.session.listen` and `device_bridge.session.link`.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from device_bridge.protocol.fields import PROTOCOL_HIGHEST, PROTOCOL_LOWEST
from device_bridge.protocol.hello import Carried, Hello, NotUnderstood, Refused, Welcome
from device_bridge.protocol.messages import FromApp, FromDevice

HELLO_SECONDS: Final = 5.0
"""From the accepted connection to a complete hello; whoever is slower gives the place back."""
LANES_MAX: Final = 8
Path = Literal["/pictures", "/bulk", "/showing"]


class Strange(Struct, frozen=True):
    """A message whose tag we do not know."""

    kind: Annotated[str, Meta(max_length=40)]


class Garbage(Struct, frozen=True):
    """Bytes that are no message."""


class TimePassed(Struct, frozen=True):
    """Look at the clock."""


class Close(Struct, frozen=True):
    """End the connection; `why` is for the log."""

    why: str


class Send(Struct, frozen=True):
    message: Refused | NotUnderstood


# The device's end of `/control`.


class DeviceEnd(Struct, frozen=True):
    """Where a link stands on the device. `began_at` is on the clock of `now`.

    `carried`: the app has brought statements; once before its hello is enough.
    """

    began_at: float
    phase: Literal["waiting", "checking", "up", "over"] = "waiting"
    carried: bool = False


class AppSaid(Struct, frozen=True):
    message: FromApp


class PapersGood(Struct, frozen=True):
    """Grant and mandate of the hello hold."""


class PapersBad(Struct, frozen=True):
    """They do not; `refused` says why."""

    refused: Refused


class CheckPapers(Struct, frozen=True):
    """Judge the hello's papers; answer with PapersGood or PapersBad."""

    hello: Hello
    protocol: int


class Bring(Struct, frozen=True):
    """Judge what was carried here by the school's own signature; the link goes on either way."""

    carried: Carried


class Open(Struct, frozen=True):
    """Welcome the app."""


class Judge(Struct, frozen=True):
    """Ask `trust.allow`; then obey or refuse. The link goes on either way."""

    message: FromApp


DeviceEvent = AppSaid | Strange | Garbage | PapersGood | PapersBad | TimePassed
DeviceEffect = Send | Close | Bring | CheckPapers | Open | Judge


def advance_device(  # noqa: C901 - one case an event
    end: DeviceEnd, event: DeviceEvent, now: float
) -> tuple[DeviceEnd, list[DeviceEffect]]:
    """Take one event at second `now`; return the next state and what to do, in order."""
    if end.phase == "over":
        return end, []
    match event:
        case AppSaid(Hello() as hello) if end.phase == "waiting":
            return _greeted(end, hello)
        case AppSaid(Carried() as carried) if end.phase == "waiting" and not end.carried:
            return replace(end, carried=True), [Bring(carried)]
        case AppSaid(message) if end.phase == "up" and not isinstance(message, Hello):
            return end, [Judge(message)]
        case PapersGood() if end.phase == "checking":
            return replace(end, phase="up"), [Open()]
        case PapersBad(refused):
            return replace(end, phase="over"), [Send(refused), Close(refused.why)]
        case Strange(kind) if end.phase == "up":
            return end, [Send(NotUnderstood(kind))]
        case TimePassed() if end.phase == "up" or now - end.began_at < HELLO_SECONDS:
            return end, []
        case AppSaid() | PapersGood() | Strange() | Garbage() | TimePassed():
            return replace(end, phase="over"), [Close(_why(event))]


def _greeted(end: DeviceEnd, hello: Hello) -> tuple[DeviceEnd, list[DeviceEffect]]:
    agreed = min(hello.highest, PROTOCOL_HIGHEST)
    if agreed >= max(hello.lowest, PROTOCOL_LOWEST):
        return replace(end, phase="checking"), [CheckPapers(hello, agreed)]
    why: Literal["too-old", "too-new"] = "too-old" if hello.highest < PROTOCOL_LOWEST else "too-new"
    return replace(end, phase="over"), [Send(Refused("hello", why)), Close(why)]


def _why(event: DeviceEvent) -> str:
    match event:
        case Garbage():
            return "malformed"
        case TimePassed():
            return "no-hello"
        case AppSaid() | Strange() | PapersGood() | PapersBad():
            return "out-of-order"


# The app's end.


class AppEnd(Struct, frozen=True):
    """Where a link stands in the app; `device` is whose certificate it was."""

    device: str
    phase: Literal["greeting", "up", "over"] = "greeting"


class DeviceSaid(Struct, frozen=True):
    message: FromDevice


class Up(Struct, frozen=True):
    """The first application answer: only now is the app connected."""

    welcome: Welcome


class Hear(Struct, frozen=True):
    message: FromDevice


class GiveUp(Struct, frozen=True):
    """The device refused the hello."""

    refused: Refused


AppEvent = DeviceSaid | Strange | Garbage
AppEffect = Up | Hear | GiveUp | Send | Close


def advance_app(end: AppEnd, event: AppEvent, now: float) -> tuple[AppEnd, list[AppEffect]]:
    """As `advance_device`, for the end that dialled."""
    del now  # the shell bounds the greeting and the silence; nothing here waits
    if end.phase == "over":
        return end, []
    match event:
        case DeviceSaid(Welcome() as welcome) if end.phase == "greeting":
            return _welcomed(end, welcome)
        case DeviceSaid(Refused() as refused) if end.phase == "greeting":
            return replace(end, phase="over"), [GiveUp(refused)]
        case DeviceSaid(message) if end.phase == "up" and not isinstance(message, Welcome):
            return end, [Hear(message)]
        case Strange(kind) if end.phase == "up":
            return end, [Send(NotUnderstood(kind))]
        case DeviceSaid() | Strange():
            return replace(end, phase="over"), [Close("out-of-order")]
        case Garbage():
            return replace(end, phase="over"), [Close("malformed")]


def _welcomed(end: AppEnd, welcome: Welcome) -> tuple[AppEnd, list[AppEffect]]:
    # The certificate is the proof; a device that says another id in its welcome is not believed.
    if welcome.device != end.device:
        return replace(end, phase="over"), [Close("other-device")]
    if not PROTOCOL_LOWEST <= welcome.protocol <= PROTOCOL_HIGHEST:
        return replace(end, phase="over"), [Close("too-new")]
    return replace(end, phase="up"), [Up(welcome)]


# Which lane belongs to which link, on the device.


class Bound(Struct, frozen=True):
    """A link's token and who holds the link; `lanes` are those that are open for it."""

    link: int
    teacher: str
    token: bytes
    lanes: tuple[tuple[Path, int], ...] = ()


class Lanes(Struct, frozen=True):
    links: tuple[Bound, ...] = ()


class LinkCame(Struct, frozen=True):
    link: int
    teacher: str
    token: bytes


class LinkWent(Struct, frozen=True):
    link: int


class LaneAsked(Struct, frozen=True):
    """Connection `lane`, by `teacher`'s certificate, shows `token` on `path`."""

    lane: int
    path: Path
    teacher: str
    token: bytes


class LaneWent(Struct, frozen=True):
    lane: int


class BindLane(Struct, frozen=True):
    lane: int
    link: int


class RefuseLane(Struct, frozen=True):
    lane: int


class EndLane(Struct, frozen=True):
    """Close it: its link ended, or a newer lane of the same path took its place."""

    lane: int


LaneEvent = LinkCame | LinkWent | LaneAsked | LaneWent
LaneEffect = BindLane | RefuseLane | EndLane


def advance_lanes(lanes: Lanes, event: LaneEvent, now: float) -> tuple[Lanes, list[LaneEffect]]:
    """Bind or refuse: a token opens each path once at a time, for its teacher, in its link."""
    del now
    match event:
        case LinkCame(link, teacher, token):
            return Lanes((*lanes.links, Bound(link, teacher, token))), []
        case LinkWent(link):
            ended = [lane for bound in lanes.links if bound.link == link for _, lane in bound.lanes]
            kept = tuple(bound for bound in lanes.links if bound.link != link)
            return Lanes(kept), [EndLane(lane) for lane in ended]
        case LaneAsked():
            return _asked(lanes, event)
        case LaneWent(lane):
            kept = tuple(
                replace(bound, lanes=tuple(pair for pair in bound.lanes if pair[1] != lane))
                for bound in lanes.links
            )
            return Lanes(kept), []


def _asked(lanes: Lanes, asked: LaneAsked) -> tuple[Lanes, list[LaneEffect]]:
    for bound in lanes.links:
        if bound.token == asked.token and bound.teacher == asked.teacher:
            # The app redials a lane before the device has noticed that the old one is dead.
            old = [lane for path, lane in bound.lanes if path == asked.path]
            others = tuple(pair for pair in bound.lanes if pair[0] != asked.path)
            taken = replace(bound, lanes=(*others, (asked.path, asked.lane)))
            links = tuple(taken if other.link == bound.link else other for other in lanes.links)
            return Lanes(links), [
                *(EndLane(lane) for lane in old),
                BindLane(asked.lane, bound.link),
            ]
    return lanes, [RefuseLane(asked.lane)]
