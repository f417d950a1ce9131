"""A device and the central side: enrolment by code, check-in, inventory, declared policy."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from central_mdm.contract.grants import LIST_CHARS_MAX
from central_mdm.contract.heads import SignedHead
from central_mdm.contract.names import (
    CSR_MAX,
    HELD_MAX,
    TEXT,
    Count,
    Csr,
    DiscoveryKey,
    HeldVersion,
    Id,
    Name,
)
from central_mdm.contract.succession import Epoch, OptionalThumbprint, Successions
from central_mdm.contract.wanted import URGENT_BYTES_MAX, WANTED_BYTES_MAX

NETWORKS_MAX: Final = 8
FIRST_SECONDS: Final = 10
HEADS_A_CHECK_IN_MAX: Final = 4
Ranges = Annotated[str, Meta(max_length=400, pattern=r"^[0-9a-fA-F:./ ]*(?!\n)$")]
"""Networks as ranges of addresses with spaces between, `10.0.0.0/24 10.1.0.0/16`: enough to tell
another room, not where somebody lives."""


class Inventory(Struct, frozen=True):
    """Facts of a machine; sent when its hash changed. `networks`: those it is on now.

    The names of Wi-Fis are left out on purpose: a family's tells where it lives.
    """

    kind: Name
    system: Annotated[str, Meta(max_length=120, pattern=TEXT)] = ""
    model: Annotated[str, Meta(max_length=120, pattern=TEXT)] = ""
    serial: Annotated[str, Meta(max_length=120, pattern=TEXT)] = ""
    agent: Annotated[str, Meta(max_length=40, pattern=TEXT)] = ""
    disk_free_bytes: Count = 0
    memory_bytes: Count = 0
    networks: Ranges = ""


EnrolmentCode = Annotated[str, Meta(min_length=6, max_length=64)]


class Enrol(Struct, frozen=True):
    """POST /api/enrolments. The device made its key; `csr` is PKCS#10 in PEM."""

    code: EnrolmentCode
    csr: Annotated[str, Meta(min_length=1, max_length=8192)]
    inventory: Inventory


class Enrolled(Struct, frozen=True):
    """`token` is the first pass (see `Proof`); `assignment` is a signed `Assignment`.

    `first_seconds`: after a start the device comes within so many, at a moment of its own choosing.
    """

    device: Id
    school: Id
    school_name: Name
    certificate: str
    root: str
    token: str
    assignment: str
    next_check_in_seconds: Count
    discovery: DiscoveryKey = ""
    standby: OptionalThumbprint = ""
    epoch: Epoch = 0
    first_seconds: Count = FIRST_SECONDS


PROOF_TYPE: Final = "pupitre-proof+jws"


class KeyShown(Struct, frozen=True):
    """What a device signs by its own key to get a pass. `nonce`: of the refusal it is to end."""

    school: Id
    device: Id
    nonce: Annotated[str, Meta(max_length=128)]


class Proof(Struct, frozen=True):
    """POST /api/proofs: a device shows that it has its key, at most once a day.

    A check-in whose pass has ended is answered 401 with a `Replay-Nonce` (RFC 8555, 6.5); `proof`
    is a signed `KeyShown` with it, `key` the public key (Ed25519, hex), which the school has
    certified for this device.
    """

    school: Id
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
    proof: Annotated[str, Meta(max_length=1024)]


class Passed(Struct, frozen=True):
    """`token` authenticates check-ins until `seconds` from now, a day at most."""

    token: str
    seconds: Count
    first_seconds: Count = FIRST_SECONDS


class Policy(Struct, frozen=True):
    """The declared policy; `version` rises. 0 and "" mean: as the system has it."""

    version: Count
    screen_timeout_seconds: Annotated[int, Meta(ge=0, le=86400)] = 0
    wallpaper: Annotated[str, Meta(max_length=200, pattern=TEXT)] = ""


class CheckIn(Struct, frozen=True, omit_defaults=True):
    """POST /api/check-in with the device's bearer token.

    `deny_list`: the number it holds. `heads`: its own journal's, and those of teachers' that it was
    shown. `wants_discovery`: enrolled before there was a discovery key, it asks for it. `epoch`:
    how many successions of the root it knows. `csr`: PKCS#10 in PEM by the key it has, when its
    certificate is to be renewed, or is from before a succession. `wants_standby`: it joined while
    the school had none. `wanted`: which version of what is wanted the MDM itself has told it; -1:
    an agent that goes by `Policy` alone. `lost_list`: the deny list itself, which the MDM wanted.
    """

    policy_version: Count = 0
    policy_state: Annotated[str, Meta(max_length=40, pattern=TEXT)] = ""
    policy_reason: Annotated[str, Meta(max_length=200, pattern=TEXT)] = ""
    assignment_version: HeldVersion = 0
    deny_list: Count = 0
    inventory_hash: Annotated[str, Meta(max_length=64, pattern=TEXT)] = ""
    inventory: Inventory | None = None
    heads: Annotated[tuple[SignedHead, ...], Meta(max_length=HEADS_A_CHECK_IN_MAX)] = ()
    wants_discovery: bool = False
    epoch: Epoch = 0
    csr: Csr = ""
    wants_standby: bool = False
    wanted: Annotated[int, Meta(ge=-1, le=HELD_MAX)] = -1
    lost_list: Annotated[str, Meta(max_length=LIST_CHARS_MAX)] = ""


class CheckedIn(Struct, frozen=True, omit_defaults=True):
    """What changed since; what is left out has not. The server says when to come next.

    `assignment` and `deny_list` are signed statements, `contract.grants`; so are `successions`,
    oldest first.
    `head_count`: how far the newest head of this device's journal goes that the server holds;
    -1: it takes none. `certificate`: the renewed one, PEM. `release` (`contract.leaving`): the
    device leaves the school. `standby`: a `contract.succession.StandbyNamed`. `wanted`,
    `urgent`: see `contract.wanted`. `want_list`: the device's deny list is none of ours: we were
    set back to a copy. It is to bring it before it takes another.
    """

    next_check_in_seconds: Count
    policy: Policy | None = None
    assignment: str = ""
    deny_list: str = ""
    want_inventory: bool = False
    head_count: Annotated[int, Meta(ge=-1, le=2**53)] = -1
    discovery: DiscoveryKey = ""
    successions: Successions = ()
    certificate: Annotated[str, Meta(max_length=CSR_MAX)] = ""
    release: Annotated[str, Meta(max_length=4096)] = ""
    standby: Annotated[str, Meta(max_length=4096)] = ""
    wanted: Annotated[str, Meta(max_length=WANTED_BYTES_MAX)] = ""
    urgent: Annotated[str, Meta(max_length=URGENT_BYTES_MAX)] = ""
    want_list: bool = False


class Successor(Struct, frozen=True):
    """POST /api/successors: a teacher's app met a device of before the school's new root.

    `key`: the public key (Ed25519, hex) that it showed. It counts where it is registered.
    """

    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]


class PapersGiven(Struct, frozen=True):
    """That device's certificate (PEM) and assignment under the root of now: of use to it alone."""

    certificate: str
    assignment: str = ""


class Whereabout(Struct, frozen=True):
    """A device that came `seconds_ago`, and the networks it was on then.

    `identity_ends_at`: UTC seconds; its certificate is renewed when it comes online; 0: not told.
    """

    device: Id
    seconds_ago: Count
    networks: Ranges = ""
    identity_ends_at: Count = 0


class Whereabouts(Struct, frozen=True):
    """GET /api/whereabouts?class=: the devices of a class that have come at all."""

    devices: tuple[Whereabout, ...] = ()
