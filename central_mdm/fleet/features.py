"""The features that can be declared, and what the body of each says. Checked here, at the edge."""

from typing import Annotated, Final

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import fields

from central_mdm.contract.names import TEXT
from central_mdm.contract.wanted import Body
from central_mdm.platform.errors import Malformed

Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$")]
Host = Annotated[str, Meta(max_length=200, pattern=r"^[A-Za-z0-9.:\[\]-]*(?!\n)$")]
_Line = Annotated[str, Meta(max_length=200, pattern=TEXT)]


class ScreenTimeout(Struct, frozen=True, forbid_unknown_fields=True):
    """After `seconds` without a key the screen goes dark; 0: as the system has it."""

    seconds: Annotated[int, Meta(ge=0, le=86_400)]


class Wallpaper(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture that lies on the device, by its file's name without the ending; "": any."""

    name: _Line


class Proxy(Struct, frozen=True, forbid_unknown_fields=True):
    """The way to the web; no `host`: straight."""

    host: Host
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0


class Printers(Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses of printers (`ipp://…`), with spaces between."""

    addresses: _Line


class UsbStorage(Struct, frozen=True, forbid_unknown_fields=True):
    allowed: bool


class Wifi(Struct, frozen=True, forbid_unknown_fields=True):
    """A network that devices join by themselves. Its password is no part of this."""

    name: Annotated[str, Meta(min_length=1, max_length=32, pattern=TEXT)]


class UpdatesWindow(Struct, frozen=True, forbid_unknown_fields=True):
    """Updates are put in between these two moments of the day only, by the device's clock."""

    begins: Clock
    ends: Clock


class ExamFreeze(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is changed on the device until `until` (UTC seconds)."""

    until: Annotated[int, Meta(ge=0, le=2**31 - 1)]


FEATURES: Final[dict[str, type[Struct]]] = {
    "screen_timeout": ScreenTimeout,
    "wallpaper": Wallpaper,
    "proxy": Proxy,
    "printers": Printers,
    "usb_storage": UsbStorage,
    "wifi": Wifi,
    "updates_window": UpdatesWindow,
    "exam_freeze": ExamFreeze,
}


def check(feature: str, body: Body | None) -> None:
    """Raise Malformed for a feature that is none, or a body that is not its own."""
    kind = FEATURES.get(feature)
    if kind is None:
        raise Malformed("no-feature", f"Features: {' '.join(FEATURES)}.")
    if body is None:
        return
    try:
        convert(body, kind)
    except ValidationError as error:
        told = f"{feature}: {error}. Its fields: {fields_of(kind)}."
        raise Malformed("no-such-body", told) from None


def fields_of(kind: type[Struct]) -> str:
    """Name the fields of a body, those in brackets that may lack."""
    return ", ".join(
        each.encode_name if each.required else f"[{each.encode_name}]" for each in fields(kind)
    )
