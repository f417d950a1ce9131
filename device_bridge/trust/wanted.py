"""Reading what the MDM wants of this device, with no server: anybody may have brought `Wanted`."""

from typing import Final

import msgspec

from central_mdm.contract.wanted import (
    URGENT_BYTES_MAX,
    URGENT_TYPE,
    WANTED_BYTES_MAX,
    WANTED_TYPE,
    Urgent,
    Wanted,
)
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.grants import read_statement
from device_bridge.trust.identity import School

_VERB: Final = "wanted"
# Read now: msgspec 0.22 crashes where two threads are the first to read a struct.
for _kind in (Urgent, Wanted):
    msgspec.json.Decoder(_kind)


def read_wanted(token: str, school: School, device: str) -> Wanted:
    """Read what is wanted of `device`. Raises NotAllowed("wanted", why).

    An `Urgent` is none: what locks or erases a device never comes this way. Whether it is newer
    than what is held is for who holds it to say.
    """
    kind = (Wanted, WANTED_TYPE)
    told = read_statement(token, _VERB, kind, school.key, WANTED_BYTES_MAX)
    if (told.school, told.device) != (school.id, device):
        raise NotAllowed(_VERB, "another-device")
    return told


def read_urgent(token: str, school: School, device: str) -> Urgent:
    """Read what is urgent; only what the own connection to the MDM gave. Raises NotAllowed."""
    kind = (Urgent, URGENT_TYPE)
    told = read_statement(token, "urgent", kind, school.key, URGENT_BYTES_MAX)
    if (told.school, told.device) != (school.id, device):
        raise NotAllowed("urgent", "another-device")
    return told
