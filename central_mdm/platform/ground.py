"""What every room stands on: database, objects, keys, clock, chance; joined once at the start."""

from collections.abc import Callable
from dataclasses import dataclass, field

from central_mdm.contract.fleet import FIRST_SECONDS
from central_mdm.platform.counts import Faults
from central_mdm.platform.database import Database
from central_mdm.platform.keys import Keys
from central_mdm.platform.limits import Limits
from central_mdm.platform.objects import Objects
from central_mdm.platform.steady import Steady
from central_mdm.platform.workers import Share, Workers


@dataclass(frozen=True)
class Ground:
    """`clock` gives UTC seconds since 1970, `new_secret` 256 random bits as URL-safe text.

    `steady` knows for how long the clock has not leapt. `made_up`: the share of `passwords` that is
    for names which nobody here has. `first_seconds`: within so many of being switched on a device
    comes, `contract.fleet.Enrolled`.
    """

    database: Database
    objects: Objects
    keys: Keys
    passwords: Workers
    made_up: Share
    limits: Limits
    clock: Callable[[], int]
    steady: Steady
    new_id: Callable[[], str]
    new_secret: Callable[[], str]
    first_seconds: int = FIRST_SECONDS
    faults: Faults = field(default_factory=Faults)
