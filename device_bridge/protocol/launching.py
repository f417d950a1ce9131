"""Pages opened on the pupil's screen."""

from typing import Annotated

from msgspec import Meta, Struct

from device_bridge.protocol.fields import DeadlineSeconds, Id

WebAddress = Annotated[str, Meta(max_length=2000, pattern=r"^https?://")]


class PageOpened(Struct, frozen=True, tag="page-opened"):
    """Open a web page; a command."""

    id: Id
    deadline_seconds: DeadlineSeconds
    address: WebAddress
