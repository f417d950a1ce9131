"""What the other side says: waiting for it, and failing with a sentence when it does not come."""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.1


class EvidenceError(Exception):
    """The other side did not confirm what the step claims."""


async def until(
    holds: Callable[[], Awaitable[bool]],
    seconds: float,
    claim: Callable[[], str] | str,
    every: float = POLL_SECONDS,
) -> float:
    """Wait until `holds`; return how long it took, or raise `EvidenceError` with the claim."""
    began = time.monotonic()
    while not await holds():
        if time.monotonic() - began > seconds:
            words = claim() if callable(claim) else claim
            raise EvidenceError(f"not within {seconds:.0f} s: {words}")
        await asyncio.sleep(every)
    return time.monotonic() - began


def expect(holds: bool, claim: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise `EvidenceError` with the claim unless it holds."""
    if not holds:
        raise EvidenceError(claim)
