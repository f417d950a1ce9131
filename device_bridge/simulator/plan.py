"""Which devices one simulator process runs, and how each behaves: `plan.json`."""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from device_bridge.simulator.capabilities import Refusal
from device_bridge.simulator.screens import Behaviour

DEVICES_MAX: Final = 20
"""A process shares one mDNS responder; with more than 20 records some answers go missing."""

Size = tuple[Annotated[int, Meta(ge=320, le=7680)], Annotated[int, Meta(ge=240, le=4320)]]


class DevicePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One device. `folder` is relative to the run's; `server` and `code` enrol it once.

    `disk_bytes`: room on its disk, None for as much as there is. `refuses`: from the start on.
    `ring`: a file of raw frames of `size` that its screen shows instead (`drawn_ahead`).
    `alone`: once it is enrolled it knows no MDM's address.
    """

    folder: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}(?!\n)$")]
    server: str = ""
    code: str = ""
    behaviour: Behaviour = "writing"
    seed: int = 1
    size: Size = (1366, 768)
    refuses: Annotated[tuple[Refusal, ...], Meta(max_length=6)] = ()
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    kind: Literal["laptop", "tablet", "desktop"] = "laptop"
    user: Annotated[str, Meta(max_length=64)] = ""
    disk_bytes: Annotated[int, Meta(ge=0)] | None = None
    ring: str = ""
    alone: bool = False


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """`interfaces`: own addresses to listen and announce on."""

    devices: Annotated[tuple[DevicePlan, ...], Meta(min_length=1, max_length=DEVICES_MAX)]
    interfaces: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)] = ("127.0.0.1",)

    def __post_init__(self) -> None:
        if len({one.folder for one in self.devices}) < len(self.devices):
            raise ValueError("two devices share a folder")


def read_plan(path: Path) -> Plan:
    """Read a plan; raise `ValueError` that says what is wrong with it, `OSError` for its file."""
    return msgspec.json.decode(path.read_bytes(), type=Plan)
