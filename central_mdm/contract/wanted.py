"""What the MDM wants of one device, signed whole, and what the device says became of it.

Signed as the statements of `grants.py`, by the school's issuing key. `Wanted` may be carried to its
device by anybody; the highest `version` wins. `Urgent` is of a type of its own, which nobody but
the device's own connection to the MDM brings: who carries can neither lock nor erase a device.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from central_mdm.contract.grants import Seconds
from central_mdm.contract.names import TEXT, Certificate, Count, Id, Name

WANTED_TYPE: Final = "pupitre-wanted+jws"
URGENT_TYPE: Final = "pupitre-urgent+jws"
WANTED_BYTES_MAX: Final = 28 * 1024
STATEMENT_MAX: Final = 4096
URGENT_BYTES_MAX: Final = 4096
DECLARATIONS_MAX: Final = 16
COMMANDS_MAX: Final = 8
"""So many orders of one device may be open at once; the rest is refused."""
ORDERS_BYTES_MAX: Final = 9 * 1024
"""Of them, as JSON: with the longest declarations, a certificate and an assignment a `Wanted` is as
large as it may be. Eight messages of 400 letters have room, accents and all; of Chinese it is
seven."""
MINUTES_MAX: Final = 7 * 24 * 60

Text = Annotated[str, Meta(max_length=400, pattern=TEXT)]
Short = Annotated[str, Meta(max_length=200, pattern=TEXT)]
Body = Annotated[
    dict[
        Annotated[str, Meta(max_length=40, pattern=r"^[a-z_]+(?!\n)$")],
        bool | Annotated[int, Meta(ge=0, le=2**31 - 1)] | Text,
    ],
    Meta(max_length=12),
]
"""What a feature is to be, by its own names; what they are stands in `fleet/features.py`."""
Feature = Annotated[str, Meta(max_length=40, pattern=r"^[a-z_]+(?!\n)$")]
"""A device that does not know it says so; it is no reason to refuse the rest."""
Kind = Annotated[str, Meta(max_length=40, pattern=r"^[a-z]+(?!\n)$")]
State = Literal["applied", "failed", "unsupported", "pending"]
End = Literal["done", "failed", "unsupported", "expired"]


class Declaration(Struct, frozen=True):
    """One feature, as the nearest of school, group and device has it. `version` rises by change."""

    feature: Feature
    version: Count
    body: Body


class Command(Struct, frozen=True):
    """One act, done once at most, and never after `ends_at`."""

    id: Id
    kind: Kind
    ends_at: Seconds
    body: Text = ""


class Wanted(Struct, frozen=True):
    """All that is wanted of `device`; what is not in it is not wanted any more.

    Where somebody else carries it: `certificate`, its own, renewed, if it has asked for that, and
    `assignment`, the newest, signed as ever.
    """

    device: Id
    school: Id
    version: Count
    issued_at: Seconds
    declarations: Annotated[tuple[Declaration, ...], Meta(max_length=DECLARATIONS_MAX)] = ()
    commands: Annotated[tuple[Command, ...], Meta(max_length=COMMANDS_MAX)] = ()
    certificate: Certificate = ""
    assignment: Annotated[str, Meta(max_length=STATEMENT_MAX)] = ""


class Urgent(Struct, frozen=True):
    """Whether `device` is missing (`lost`: what its screen says, "": it is not), or to be erased.

    `wipe`: the act's id, "" for none. Not before `wipe_at`: until then it may be cancelled, so the
    device asks again and believes only what is signed after that moment: where its own clock
    agrees, or where that has gone on for hours.
    """

    device: Id
    school: Id
    version: Count
    issued_at: Seconds
    lost: Text = ""
    wipe: Annotated[str, Meta(max_length=64)] = ""
    wipe_at: Seconds = 0


class Report(Struct, frozen=True):
    """How a feature stands on the device. `reason`: what was read there, or what is in the way."""

    feature: Feature
    version: Count
    state: State
    reason: Short = ""


class Ended(Struct, frozen=True):
    """How a command, or what is urgent, ended."""

    id: Id
    state: End
    reason: Short = ""


class Reports(Struct, frozen=True):
    """POST /api/reports: what changed since the last that was taken."""

    reports: Annotated[tuple[Report, ...], Meta(max_length=DECLARATIONS_MAX)] = ()
    ended: Annotated[tuple[Ended, ...], Meta(max_length=2 * COMMANDS_MAX)] = ()


class Taken(Struct, frozen=True):
    """How many of them the server knows; the others are of what is over."""

    taken: Count


Scope = Literal["school", "group", "device"]


class Rule(Struct, frozen=True):
    """Whom a group has by itself: all that is given fits. `system`: how its name begins."""

    kind: Annotated[str, Meta(max_length=64, pattern=TEXT)] = ""
    model: Annotated[str, Meta(max_length=120, pattern=TEXT)] = ""
    class_id: Annotated[str, Meta(max_length=64, pattern=TEXT)] = ""
    system: Annotated[str, Meta(max_length=120, pattern=TEXT)] = ""


class Group(Struct, frozen=True):
    """POST /api/fleet/groups: a list of devices, or a rule; told again it is replaced."""

    id: Id
    name: Name
    members: Annotated[tuple[Id, ...], Meta(max_length=2000)] = ()
    rule: Rule | None = None


class GroupKept(Struct, frozen=True):
    id: Id
    members: Count


class Declare(Struct, frozen=True):
    """POST /api/fleet/declarations: what is wanted of a feature; no `body`: nothing any more."""

    scope: Scope
    feature: Feature
    target: Annotated[str, Meta(max_length=64, pattern=TEXT)] = ""
    body: Body | None = None


class Declared(Struct, frozen=True):
    version: Count
    reaches: Count


class Order(Struct, frozen=True):
    """POST /api/fleet/orders: ring, message or restart. `id` is the asker's: told twice is once."""

    id: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9-]+(?!\n)$")]
    kind: Literal["ring", "message", "restart"]
    scope: Scope
    target: Annotated[str, Meta(max_length=64, pattern=TEXT)] = ""
    text: Text = ""
    minutes: Annotated[int, Meta(ge=1, le=MINUTES_MAX)] = 60


class Ordered(Struct, frozen=True):
    reaches: Count


class Standing(Struct, frozen=True):
    """What one device says of one feature or order."""

    device: Id
    about: Annotated[str, Meta(max_length=64)]
    state: Name
    reason: Short = ""
    version: Count = 0


class Standings(Struct, frozen=True):
    """GET /api/fleet/standings: who is not as declared, by device; `next` is given as `after`."""

    rows: tuple[Standing, ...]
    next: Annotated[str, Meta(max_length=128)] = ""


class LostReported(Struct, frozen=True):
    """POST /api/fleet/lost: one device is missing; its whole screen says `text` until found."""

    device: Id
    text: Annotated[str, Meta(min_length=1, max_length=400, pattern=TEXT)]


class Found(Struct, frozen=True):
    """POST /api/fleet/found: it is there again."""

    device: Id


class Urged(Struct, frozen=True):
    """It hears so at its next check-in."""

    device: Id
