"""Asking the central MDM: JSON there, a typed answer or a refusal back, all of it bounded.

Where the pass of the day has ended, the device shows its key and asks once more.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Final, TypeVar

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace

from central_mdm.contract.fleet import (
    FIRST_SECONDS,
    PROOF_TYPE,
    CheckedIn,
    Enrolled,
    KeyShown,
    Passed,
    Policy,
    Proof,
)
from central_mdm.contract.identity import Problem
from central_mdm.contract.leaving import Left
from central_mdm.contract.wanted import Taken
from device_bridge.protocol.errors import Broken, DeviceError, NotAllowed, NotPaired, TryAgain
from device_bridge.trust.grants import sign

ANSWER_BYTES_MAX: Final = 64 * 1024
ANSWER_SECONDS: Final = 20.0
SOONEST_SECONDS: Final = 60.0
BACK_OFF_SECONDS: Final = 30.0
BACK_OFF_MAX_SECONDS: Final = 3600.0
FIRST_MAX_SECONDS: Final = 3600
"""However large the fleet is: an hour after it was switched on a device has come."""
_problem: Final = msgspec.json.Decoder(Problem)
Answered = TypeVar("Answered", Enrolled, CheckedIn, Left, Passed, Taken)
Client = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


class FleetKept(Struct, frozen=True):
    """`fleet.json`: where the MDM is, the token, and what was last heard and applied.

    `away`: it was not met when this device last came.
    """

    server: str
    token: str
    next_seconds: float = SOONEST_SECONDS
    policy: Policy = Policy(0)
    policy_state: str = ""
    policy_reason: str = ""
    head_count: int = -1
    first_seconds: int = FIRST_SECONDS
    away: bool = False


class Who(Struct, frozen=True):
    """Which device asks, and the key that it is known by."""

    school: str
    device: str
    key: Ed25519PrivateKey


class Unproven(NotPaired):
    """The pass has ended: whoever signs `nonce` by the device's key gets the next one."""

    def __init__(self, nonce: str) -> None:
        super().__init__("unproven")
        self.nonce = nonce


class NotTls(TryAgain):
    """The way to the MDM is not TLS, or to one whose certificate this machine does not trust.

    `untrusted`: what is wrong with the certificate, in OpenSSL's words; "": no TLS is spoken there.
    """

    def __init__(self, untrusted: str = "") -> None:
        super().__init__(BACK_OFF_SECONDS)
        self.untrusted = untrusted


@asynccontextmanager
async def web_client() -> AsyncGenerator[httpx.AsyncClient]:
    """Enter a client with limits on every wait; addresses are never followed elsewhere."""
    limits = httpx.Timeout(ANSWER_SECONDS)
    trusted = await asyncio.to_thread(_trusted)
    async with httpx.AsyncClient(verify=trusted, timeout=limits, follow_redirects=False) as http:
        yield http


@cache
def _trusted() -> ssl.SSLContext:
    """Read the web's root certificates; once, since it takes 20 ms, and not on the loop."""
    return httpx.create_ssl_context()


async def ask_as(
    who: Who, kept: FleetKept, client: Client, asked: tuple[str, Struct], answer: type[Answered]
) -> tuple[Answered, FleetKept]:
    """Ask (path, body) as this device; return the answer, and what is to be kept of the pass.

    Raises DeviceError.
    """
    path, body = asked
    address = f"{kept.server}{path}"
    async with client() as http:
        try:
            return await ask(http, address, body, answer, kept.token), kept
        except Unproven as refused:
            passed = await _prove(http, who, kept.server, refused.nonce)
        first = min(passed.first_seconds, FIRST_MAX_SECONDS)
        kept = replace(kept, token=passed.token, first_seconds=first)
        return await ask(http, address, body, answer, kept.token), kept


async def _prove(http: httpx.AsyncClient, who: Who, server: str, nonce: str) -> Passed:
    shown = sign(KeyShown(who.school, who.device, nonce), PROOF_TYPE, who.key)
    proof = Proof(who.school, who.key.public_key().public_bytes_raw().hex(), shown)
    return await ask(http, f"{server}/api/proofs", proof, Passed)


async def ask(
    http: httpx.AsyncClient,
    address: str,
    asked: Struct,
    answer: type[Answered],
    token: str = "",
) -> Answered:
    """Post JSON and read the typed answer; nothing else of what comes is believed."""
    told = {"content-type": "application/json"}
    if token:
        told["authorization"] = f"Bearer {token}"
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            http.stream(
                "POST", address, content=msgspec.json.encode(asked), headers=told
            ) as response,
        ):
            raw = await _read(response)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise _no_answer(error) from error
    if not response.is_success:
        raise refusal(response, raw)
    try:
        # Read where one loop reads all: no two threads are ever first to read a struct.
        return msgspec.json.Decoder(answer).decode(raw)
    except (ValueError, RecursionError) as error:
        raise Broken("the MDM's answer is none") from error


def _no_answer(error: Exception) -> TryAgain:
    met: BaseException | None = error
    while met is not None:
        if isinstance(met, ssl.SSLCertVerificationError):
            return NotTls(met.verify_message)
        if isinstance(met, ssl.SSLError):
            return NotTls()
        met = met.__cause__ or met.__context__
    return TryAgain(BACK_OFF_SECONDS)


async def _read(response: httpx.Response) -> bytes:
    raw = bytearray()
    async for piece in response.aiter_bytes():
        raw += piece
        if len(raw) > ANSWER_BYTES_MAX:
            raise Broken("the MDM's answer is too large")
    return bytes(raw)


def refusal(response: httpx.Response, raw: bytes) -> DeviceError:
    """Judge an answer that is no success: what a device may do about it."""
    if response.status_code in {408, 429} or response.is_server_error:
        after = response.headers.get("retry-after", "")
        seconds = float(after) if after.isascii() and after.isdigit() else BACK_OFF_SECONDS
        return TryAgain(min(seconds, BACK_OFF_MAX_SECONDS))
    try:
        problem = _problem.decode(raw)
    except (ValueError, RecursionError):
        return Broken(f"the MDM answers {response.status_code}")
    if nonce := response.headers.get("replay-nonce", ""):
        return Unproven(nonce[:128])
    if response.status_code in {401, 403}:
        return NotPaired(problem.code, problem.detail)
    return NotAllowed(problem.code, problem.detail)
