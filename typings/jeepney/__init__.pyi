from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import Any

class DBusAddress:
    object_path: str
    def __init__(
        self, object_path: str, bus_name: str | None = None, interface: str | None = None
    ) -> None: ...

class MessageFlag(IntFlag):
    no_reply_expected = 1
    no_auto_start = 2

class MessageType(IntEnum):
    method_call = 1
    method_return = 2
    error = 3
    signal = 4

class HeaderFields(IntEnum):
    path = 1
    interface = 2
    member = 3
    sender = 7

class Header:
    message_type: MessageType
    flags: MessageFlag
    fields: dict[HeaderFields, Any]

class Message:
    header: Header
    body: tuple[Any, ...]

class Properties:
    def __init__(self, obj: DBusAddress) -> None: ...
    def get(self, name: str) -> Message: ...
    def get_all(self) -> Message: ...

class MatchRule:
    def __init__(
        self, *, type: str | None = None, interface: str | None = None, path: str | None = None
    ) -> None: ...

class _Bus:
    def AddMatch(self, rule: MatchRule) -> Message: ...

message_bus: _Bus

class DBusErrorResponse(Exception):
    name: str
    def __init__(self, msg: Message) -> None: ...

def new_method_call(
    remote_obj: DBusAddress, method: str, signature: str | None = None, body: Sequence[object] = ()
) -> Message: ...
def new_method_return(
    parent_msg: Message, signature: str | None = None, body: Sequence[object] = ()
) -> Message: ...
def new_error(
    parent_msg: Message,
    error_name: str,
    signature: str | None = None,
    body: Sequence[object] = (),
) -> Message: ...
def new_signal(
    emitter: DBusAddress, signal: str, signature: str | None = None, body: Sequence[object] = ()
) -> Message: ...
