"""`allow`: may this message be obeyed? Every message of every link passes here, offline."""

from typing import Final

from msgspec import Struct

from central_mdm.contract.grants import Grant, Mandate
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.control import ControlDeclared, ControlInput
from device_bridge.protocol.errors import NotAllowed
from device_bridge.protocol.fields import Verb
from device_bridge.protocol.hello import (
    Carried,
    CertificateCarried,
    Hello,
    MandateShown,
    NotUnderstood,
)
from device_bridge.protocol.journal import HeadAsked
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import HandInAsked, HandInTaken, MaterialsDeclared
from device_bridge.protocol.messages import FromApp
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.showing import ShowingDeclared
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid
from device_bridge.protocol.watching import StillAsked, WatchingDeclared
from device_bridge.trust.accept import Peer
from device_bridge.trust.identity import thumbprint
from device_bridge.trust.mandates import SeenMandate
from device_bridge.trust.revocation import NOBODY, Denied

MANDATE_OLD_SECONDS: Final = 24 * 3600
"""A mandate's own times are a teacher's clock, which may be hours off; a day past them it is old
paper shown again."""
VERBS: Final[dict[type[Struct], Verb]] = {
    WatchingDeclared: "watch",
    StillAsked: "watch",
    LockDeclared: "lock",
    MaterialsDeclared: "handout",
    HandInAsked: "collect",
    HandInTaken: "collect",
    MessageSaid: "message",
    ShowingDeclared: "message",
    HandAnswered: "message",
    PageOpened: "launch",
    ControlDeclared: "control",
    ControlInput: "control",
}
"""Each needs a lesson and its verb in grant and mandate. `LessonDeclared` needs a lesson only."""
FREE: Final = (
    Brought,
    Carried,
    CertificateCarried,
    Hello,
    MandateShown,
    Heard,
    HeadAsked,
    NotUnderstood,
)
"""What moves nothing on the device: the link's own talk. Papers are read, not obeyed."""


class Standing(Struct, frozen=True):
    """Time and place on the device: its floor (UTC seconds), boot clock and assigned classes.

    `device` is who it is, `denied` whom the school has ended.
    """

    floor: float
    boot: float
    classes: tuple[str, ...]
    device: str = ""
    denied: Denied = NOBODY


def allow(grant: Grant, seen: SeenMandate | None, message: FromApp, here: Standing) -> None:
    """Return where the message may be obeyed. Raises NotAllowed(verb, why).

    `why`: "grant-ended", "revoked", "deny-list", "no-lesson", "lesson-ended", "verb", "class",
    "device", "lesson".
    """
    if isinstance(message, FREE):
        return
    verb = VERBS.get(type(message))
    name = verb or "lesson"
    if grant.ends_at <= here.floor:
        raise NotAllowed(name, "grant-ended")
    here.denied.check(grant, name)
    if seen is None:
        raise NotAllowed(name, "no-lesson")
    if seen.ends_at <= here.boot:
        raise NotAllowed(name, "lesson-ended")
    _check_class(grant, seen.mandate, here, name)
    if verb is None and not isinstance(message, LessonDeclared):
        raise NotAllowed(name, "verb")  # a message nobody has put into the table
    if verb is not None and (verb not in grant.verbs or verb not in seen.mandate.verbs):
        raise NotAllowed(name, "verb")
    _check_names(seen.mandate, message, name)


def check_grant(grant: Grant, teacher: Peer, floor: float, denied: Denied = NOBODY) -> None:
    """Check whose grant it is, by key, and that it holds. Raises NotAllowed("grant", why)."""
    if grant.teacher != teacher.party.id or grant.thumbprint != thumbprint(teacher.key):
        raise NotAllowed("grant", "another-teacher")
    if grant.ends_at <= floor:
        raise NotAllowed("grant", "grant-ended")
    denied.check(grant, "grant")


def check_mandate(grant: Grant, mandate: Mandate, floor: float) -> None:
    """Check that the mandate only narrows its grant. Raises NotAllowed("mandate", why)."""
    if mandate.grant != grant.id or mandate.school != grant.school:
        raise NotAllowed("mandate", "another-grant")
    if mandate.class_id not in grant.classes:
        raise NotAllowed("mandate", "class")
    if mandate.ends_at + MANDATE_OLD_SECONDS <= floor:
        raise NotAllowed("mandate", "lesson-ended")


def _check_class(grant: Grant, mandate: Mandate, here: Standing, name: str) -> None:
    if mandate.grant != grant.id or mandate.class_id not in grant.classes:
        raise NotAllowed(name, "class")
    if mandate.class_id not in here.classes and "*" not in here.classes:
        raise NotAllowed(name, "class")
    for named in (grant.devices, mandate.devices):
        if named and here.device not in named:
            raise NotAllowed(name, "device")


def _check_names(mandate: Mandate, message: FromApp, name: str) -> None:
    match message:
        case LessonDeclared(lesson=lesson, class_id=class_id):
            if class_id != mandate.class_id:
                raise NotAllowed(name, "class")
        case MaterialsDeclared(lesson=lesson) | HandInAsked(lesson=lesson):
            pass
        case _:
            return
    if lesson != mandate.lesson:
        raise NotAllowed(name, "lesson")
