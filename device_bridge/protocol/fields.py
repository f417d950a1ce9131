"""The kinds of field that messages are made of; each with the bound that `decode` holds it to."""

from typing import Annotated, Final, Literal

from msgspec import Meta

PROTOCOL_LOWEST: Final = 1
PROTOCOL_HIGHEST: Final = 1

HOME_PORT: Final = 25275
"""Where a device listens if it can, so that its address alone can be typed; mDNS says the real
one. Below what systems give out by themselves."""

CONTROL_BYTES_MAX: Final = 64 * 1024
PICTURE_BYTES_MAX: Final = 4 * 1024 * 1024
PIECE_BYTES_MAX: Final = 256 * 1024
BULK_BYTES_MAX: Final = PIECE_BYTES_MAX + 1024  # a piece and the msgpack around it

PULSE_SECONDS: Final = 2.0
STALE_SECONDS: Final = 5.0
GONE_SECONDS: Final = 15.0
PROOF_SECONDS: Final = 3.0
PROOF_OLD_SECONDS: Final = 10.0
LEASE_SECONDS: Final = 600
LEASE_SECONDS_MAX: Final = 4 * 3600

Version = Annotated[int, Meta(ge=0, le=2**53)]
WALL_AT_MAX: Final = 2**40
WallAt = Annotated[int, Meta(ge=-WALL_AT_MAX, le=WALL_AT_MAX)]
"""UTC seconds by somebody's wall clock, which may say anything; 0: not told."""
LeaseSeconds = Annotated[int, Meta(ge=0, le=LEASE_SECONDS_MAX)]
DeadlineSeconds = Annotated[int, Meta(ge=1, le=3600)]
NAME_MAX: Final = 64
Name = Annotated[str, Meta(max_length=NAME_MAX)]
"""A person's, class's or device's name as shown. Hostile, plain text; cut before it is sent."""
Sentence = Annotated[str, Meta(max_length=200)]
Words = Annotated[str, Meta(max_length=2000)]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+(?!\n)$")]
"""An id we made: UUIDs and the like. Safe in file names and log lines."""
OptionalId = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._:-]*(?!\n)$")]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
"""A BLAKE3 digest."""
Bytes = Annotated[int, Meta(ge=0, le=2**53)]
Pixels = Annotated[int, Meta(ge=0, le=32768)]
FileName = Annotated[str, Meta(min_length=1, max_length=255)]
"""A file's name as the sender has it. Hostile: `device_bridge.materials.names` makes it safe."""
Token = Annotated[str, Meta(max_length=4096)]
"""A signed statement in JWS compact form."""
Statement = Annotated[str, Meta(max_length=48 * 1024)]
"""A longer signed statement: a whole deny list."""
Nonce = Annotated[bytes, Meta(min_length=16, max_length=16)]
LaneToken = Annotated[bytes, Meta(min_length=32, max_length=32)]
Feature = Literal["presence", "watching", "attention", "materials", "control", "showing"]
SchoolAct = Literal["", "message", "ring", "restart", "wipe"]
"""What the school itself does to a device, which its pupil is told; "": it is a teacher's words."""
Verb = Literal["watch", "control", "lock", "handout", "collect", "message", "launch", "power"]
