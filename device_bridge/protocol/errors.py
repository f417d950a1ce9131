"""What can go wrong with a device, named by what the caller can do about it.

DeviceError
|- NotPaired      pair the device; retrying does not help
|- NotAllowed     a grant or a lesson helps
|- TryAgain       waiting helps
|- Unsupported    an update helps
|- Broken         only a repair helps; the log says where
   |- Malformed   bytes that are no message: close the link
"""


class DeviceError(Exception):
    """The base; carries facts, never sentences, so that any language can be spoken at the edge."""


class NotPaired(DeviceError):
    """One end does not know the other: another school, no certificate, an ended identity."""


class NotAllowed(DeviceError):
    """The device knows us and refuses this verb now. A grant or a lesson helps."""

    def __init__(self, verb: str, why: str = "") -> None:
        super().__init__(verb, why)
        self.verb = verb
        self.why = why


class TryAgain(DeviceError):
    """The way is cut or the device is busy. Waiting `after_seconds` helps."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__(after_seconds)
        self.after_seconds = after_seconds


class Broken(DeviceError):
    """A peer broke the protocol or we did. Only a repair helps; the log says where."""


class Malformed(Broken):
    """Bytes that are no message. Close the link."""


class Unsupported(DeviceError):
    """A message from a newer peer. Answer `unsupported` and go on."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
