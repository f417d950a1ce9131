"""Numbers for declarations: each above all that we ever gave and above all that a device held."""

from typing import Final

from device_bridge.protocol.declared import BELIEVED_MAX

STEP_AT_START: Final = 1_000_000
"""Each start of the app owns a million numbers, written down before the first is given; so a
number need not wait for the disk, and a restart is above whatever the last run gave."""


class Versions:
    def __init__(self, above: int) -> None:
        self._newest = above

    def next(self) -> int:
        self._newest += 1
        return self._newest

    def heard(self, version: int) -> None:
        """Note a version that a device holds."""
        if self._newest < version <= BELIEVED_MAX:
            self._newest = version
