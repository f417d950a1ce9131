"""What a device says of itself in mDNS, and how little of it is believed.

RFC 6763: an instance of `_pupitre._tcp.local.` with a TXT record `p` (protocol range), `id` (the
device's name of the day, `day.py`) and `k` (its kind of system). No person's name is in any of it,
nor anything that lasts longer than a day. Everything read is hostile.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from msgspec import Struct

from device_bridge.protocol.fields import PROTOCOL_HIGHEST, PROTOCOL_LOWEST

SERVICE_TYPE: Final = "_pupitre._tcp.local."
DOOR_TYPE: Final = "_pupitre-pair._tcp.local."
"""An unpaired device whose owner has opened its window; its record tells nothing else."""
KIND_CHARACTERS_MAX: Final = 64
VALUE_BYTES_MAX: Final = 128  # far above an id; a TXT string may have 255 (RFC 6763, 6.1)

_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_RANGE: Final = re.compile(r"([0-9]{1,5})-([0-9]{1,5})", re.ASCII)
_PROTOCOL_MAX: Final = 65535


class Said(Struct, frozen=True):
    """What a TXT record claims, once it is well-formed."""

    name: str
    kind: str
    lowest: int
    highest: int


def is_device_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def instance_of(device: str) -> str:
    """Return the DNS label of a device: its id where that is a label, else a digest of it.

    The id itself is read from TXT; the label only has to be unique (63 bytes, RFC 1035, 2.3.4).
    """
    if _LABEL.fullmatch(device):
        return device
    return "d-" + blake2b(device.encode(), digest_size=16).hexdigest()


def service_name(device: str, service_type: str = SERVICE_TYPE) -> str:
    return f"{instance_of(device)}.{service_type}"


def door_label(window: bytes) -> str:
    """Return the label of a window: eight hex digits of chance, shown on the device as well."""
    return window.hex()[:8]


def text_of(device: str, kind: str) -> dict[str, str]:
    """Return the TXT record of a device of this protocol."""
    return {"p": f"{PROTOCOL_LOWEST}-{PROTOCOL_HIGHEST}", "id": device, "k": kind}


def read_text(strings: Mapping[bytes, bytes | None]) -> Said | None:
    """Read a TXT record; None where it is not one of ours. Keys are case-blind (RFC 6763, 6.4)."""
    found = {key.lower(): value for key, value in strings.items() if len(key) <= VALUE_BYTES_MAX}
    device, span = _ascii(found.get(b"id")), _ascii(found.get(b"p"))
    match = _RANGE.fullmatch(span)
    if match is None or not is_device_id(device):
        return None
    lowest, highest = int(match[1]), int(match[2])
    if not lowest <= highest <= _PROTOCOL_MAX:
        return None
    kind = "".join(c for c in _text(found.get(b"k")) if c.isprintable())
    return Said(device, kind[:KIND_CHARACTERS_MAX], lowest, highest)


def _ascii(raw: bytes | None) -> str:
    text = _text(raw)
    return text if text.isascii() else ""


def _text(raw: bytes | None) -> str:
    if raw is None or len(raw) > VALUE_BYTES_MAX:
        return ""
    return raw.decode("utf-8", "replace")
