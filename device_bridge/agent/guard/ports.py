"""What the guard's features need of the rest, each as small as they need it."""

from collections.abc import Callable
from typing import Protocol

from central_mdm.contract.grants import Grant, Mandate
from device_bridge.protocol.declared import Author
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame


class Link(Protocol):
    """One teacher's app, linked; the session has checked its papers. `send` never blocks."""

    @property
    def teacher_name(self) -> str: ...
    @property
    def grant(self) -> Grant: ...
    @property
    def mandate(self) -> Mandate | None: ...
    @property
    def mandate_ends_at(self) -> float: ...
    def send(self, message: FromDevice) -> None: ...
    def offer(self, frame: Frame) -> bool: ...
    def forget(self) -> None: ...
    def on_frame_taken(self, taken: Callable[[int], None]) -> None: ...


def author_of(link: Link) -> Author:
    """Under which lesson this link speaks now; without a mandate: none, ended long ago."""
    mandate, name, key = link.mandate, link.teacher_name, link.grant.thumbprint
    if mandate is None:
        return Author(teacher=name, key=key)
    who = link.grant.teacher
    return Author(mandate.lesson, mandate.id, name, link.mandate_ends_at, key, who)


class Wire(Protocol):
    """A `/bulk` lane past its greeting; `receive` raises when it has ended."""

    async def receive(self) -> bytes: ...
    async def send(self, raw: bytes) -> None: ...
    async def close(self) -> None: ...
