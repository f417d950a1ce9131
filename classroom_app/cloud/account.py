"""Signing in with the school's account: the system's browser there, this program on loopback.

RFC 8252, section 7.3, with PKCE (RFC 7636): what comes back is of no use to another program of
this computer, for the secret half of the pair never leaves this one but to the school's server.
"""

import asyncio
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import parse_qs, urlsplit

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.openid import (
    CODE_MAX,
    STATE_MAX,
    OpenIdAsked,
    OpenIdBegun,
    OpenIdDone,
)
from classroom_app.cloud.errors import NoBrowser, NotAServer

WAIT_SECONDS: Final = 600.0
"""As long as the server lets it take."""
REQUEST_SECONDS: Final = 5.0
LINE_BYTES_MAX: Final = 8 * 1024
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class AsksAccount(Protocol):
    """The server's part, as `Cloud` asks for it. Both raise `CloudError`s."""

    async def begin_account(self, url: str, asked: OpenIdAsked) -> OpenIdBegun: ...

    async def finish_account(self, done: OpenIdDone) -> SignedIn: ...


class Account:
    """One sign-in at a time. `opens` shows an address in the browser and says whether it could.

    `said` is what the browser shows at the end.
    """

    def __init__(
        self, cloud: AsksAccount, opens: Callable[[str], bool], said: Callable[[], str]
    ) -> None:
        self._cloud, self._opens, self._said = cloud, opens, said
        self._code: asyncio.Future[str] | None = None
        self._state = ""

    async def sign_in(self, url: str, school: str, csr: str, teacher: str = "") -> SignedIn | None:
        """Return who has signed in; None where it was given up, here or in the browser.

        `teacher`: whose store it is for, where it is somebody's.
        Raises NoBrowser, NotAServer for an address that no browser should open, or what the
        server's part raises.
        """
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = urlsafe_b64encode(digest).decode("ascii").rstrip("=")
        self._code = code = asyncio.get_running_loop().create_future()
        self._state = ""
        listener = await asyncio.start_server(self._heard, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
        async with listener:
            port = listener.sockets[0].getsockname()[1]
            returns = f"http://127.0.0.1:{port}/signed-in"
            begun = await self._cloud.begin_account(url, OpenIdAsked(school, returns, challenge))
            if not _may_be_opened(begun.address):
                raise NotAServer("no-address")
            self._state = begun.state
            if not self._opens(begun.address):
                raise NoBrowser
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    found = await code
            except TimeoutError:
                found = ""
        if not found:
            return None
        done = OpenIdDone(school, found, begun.state, verifier, csr, teacher)
        return await self._cloud.finish_account(done)

    def give_up(self) -> None:
        """Wait no longer for the browser."""
        if self._code is not None and not self._code.done():
            self._code.set_result("")

    async def _heard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request. What is not our browser coming back is told that nothing is here."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass
                words = self._said().encode() if self._take(line) else b""
                status = b"200 OK" if words else b"404 Not Found"
                head = b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n" % status
                length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(words)
                writer.write(head + length + words)
                await writer.drain()
        except (OSError, TimeoutError, ValueError, asyncio.CancelledError):
            pass  # it went away or babbled, and the next one may be the browser; or the app ends
        finally:
            writer.close()

    def _take(self, line: bytes) -> bool:
        """Take the code of a request that bears our state; return whether it did."""
        parts = line.decode("ascii", "replace").split(" ")
        target = urlsplit(parts[1]) if len(parts) == 3 and parts[0] == "GET" else urlsplit("")  # noqa: PLR2004 - method, target, version
        if target.path != "/signed-in" or not self._state or self._code is None:
            return False
        told = parse_qs(target.query, max_num_fields=20)
        (state, *_), (code, *_) = told.get("state", [""]), told.get("code", [""])
        same = hmac.compare_digest(state.encode()[:STATE_MAX], self._state.encode())
        if not same or len(code) > CODE_MAX:
            return False
        if not self._code.done():
            self._code.set_result(code)  # empty: the person said no there
        return True


def _may_be_opened(address: str) -> bool:
    """Return whether this is a page of the web: a server must not open files or programs here."""
    try:
        parts = urlsplit(address)
        here = parts.scheme == "http" and parts.hostname in LOOPBACK
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or here)
