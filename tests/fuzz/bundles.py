"""Edges that are searched together: what one part of ours reads of one kind of sender.

The first byte of an input says which edge of its bundle the rest is for, so that a search led by
coverage goes where it still finds something new.
"""

from typing import Final

from tests.fuzz.edges import EDGES


def _named(*starts: str) -> tuple[str, ...]:
    """Return the edges whose names begin so."""
    return tuple(edge for edge in EDGES if edge.startswith(starts))


_LINK: Final = ("control-from-app", "from-app", "from-device", "bulk", "manifest", "file-name")
_SOCKET: Final = ("from-guard", "from-seat", "to-guard", "to-seat", "local-frames", "errand")
_SIGNED: Final = (
    "grant",
    "mandate",
    "assignment",
    "deny-list",
    "succession",
    "standby",
    "head-",
    "sealing",
    "arrived",
    "wanted-sealed",
)
_ON_DISK: Final = (
    "school.json",
    "fleet.json",
    "state.json",
    "heads.json",
    "carried.json",
    "device-journal",
)
_OF_TEACHERS: Final = ("class-list", "store-key", "sealed-store")
_SEALED: Final = ("sealed-authority", "sealed-standby", "mdm-sealed")
_AT_THE_MDM: Final = ("mdm-bearer", "mdm-root", "mdm-statement", "mdm-retention", "asked-")
_GIVEN: Final = ("mdm-judged", "mdm-refuses-device")
_ANSWERS: Final = tuple(edge for edge in EDGES if edge.startswith("mdm-") and edge[4].isupper())

BUNDLES: Final[dict[str, tuple[str, ...]]] = {
    "link": (*_named(*_LINK), *_named("pictures-"), *_named("showing-")),
    "picture": ("picture", "patch"),
    "pairing": tuple(edge for edge in _named("pairing-") if edge != "pairing-share")
    + _named("from-pairing", "to-pairing"),
    "pairing-share": ("pairing-share",),
    "local-socket": _named(*_SOCKET),
    "network-names": _named("mdns-", "typed-address", "server-address", "wifi-name"),
    "statements": _named(*_SIGNED, "release", "receipt"),
    "certificates": _named("certificate", "csr", "root", "enrolled-checked"),
    "device-files": _named(*_ON_DISK, "placed", "retention.json"),
    "teacher-files": _named(*_OF_TEACHERS),
    "sealed-files": _named(*_SEALED),
    "mdm-requests": _named(*_AT_THE_MDM),
    "mdm-answers": (*_ANSWERS, *_GIVEN),
}


def split(edges: tuple[str, ...], raw: bytes) -> tuple[str, bytes]:
    """Return which edge an input is for, and what is offered there."""
    if len(edges) == 1:
        return edges[0], raw
    return edges[raw[0] % len(edges)] if raw else edges[0], raw[1:]


def joined(edges: tuple[str, ...], edge: str, raw: bytes) -> bytes:
    """Return the input of a bundle that offers `raw` at `edge`."""
    return raw if len(edges) == 1 else bytes([edges.index(edge)]) + raw
