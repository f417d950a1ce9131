"""The lock: how it is declared, and how a device keeps it.

`advance` is the device's state machine: declarations, proofs and time in, curtain orders and
reports out.
"""

from msgspec import Struct

from device_bridge.protocol.fields import LeaseSeconds, Name, Sentence, Version


class LockDeclared(Struct, frozen=True, tag="lock-declared"):
    """Lock or free, and how long a lock may last without news."""

    version: Version
    locked: bool
    lease_seconds: LeaseSeconds
    sentence: Sentence = ""
    teacher_name: Name = ""
