"""An app's orders by hand: whole, or wrong in one way."""

from itertools import count

from msgspec import Raw, Struct

from device_bridge.protocol.hello import Order, Welcome
from device_bridge.protocol.messages import encode


class Orders:
    """Makes the orders of one link, counted; `mandate` is the lesson they are said in."""

    def __init__(self, welcome: Welcome, mandate: str = "mandate-1") -> None:
        self._welcome, self.mandate = welcome, mandate
        self._counted = count(1)

    def order(self, message: Struct) -> Order:
        nonce, raw = self._welcome.nonce, Raw(encode(message))
        return Order(nonce, next(self._counted), self.mandate, raw)
