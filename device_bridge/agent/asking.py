"""A pupil's program asks the guard over the device's own socket."""

import asyncio
import os
from typing import Final, TypeVar

from device_bridge.agent.folder import Folder
from device_bridge.agent.local_socket import connect
from device_bridge.protocol.asking import FromGuard, ToGuard
from device_bridge.protocol.errors import Broken
from device_bridge.protocol.messages import decode_from_guard, encode

ANSWER_SECONDS: Final = 20.0
"""Years of a journal are read from a slow disk."""
Told = TypeVar("Told", bound=FromGuard)


async def ask(folder: Folder, question: ToGuard, answer: type[Told]) -> Told:
    """Ask the guard that listens in `folder`, which is its own or the one it keeps for the seat.

    Raises `OSError` where none answers, and `Broken` or `Malformed` for an answer that is none.
    """
    wire = await connect(folder.pupil_socket)
    try:
        if wire.peer_uid() not in {folder.root.stat().st_uid, os.getuid()}:
            raise Broken("another user's program listens here")
        wire.send(encode(question))
        async with asyncio.timeout(ANSWER_SECONDS):
            told = decode_from_guard(await wire.receive())
    finally:
        await wire.close()
    if not isinstance(told, answer):
        raise Broken("another answer than asked for")
    return told
