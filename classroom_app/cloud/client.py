"""Talking to the central MDM: each call is one request, with an end to time and size."""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from blake3 import blake3

from central_mdm.contract.carried import Carried, Carry
from central_mdm.contract.fleet import PapersGiven, Successor, Whereabouts
from central_mdm.contract.heads import HeadsHeard, HeadsTold
from central_mdm.contract.identity import (
    GrantIssued,
    ListBrought,
    Refresh,
    Renew,
    Renewed,
    SignedIn,
    SignIn,
    Trust,
)
from central_mdm.contract.journal import Event, Push, Pushed
from central_mdm.contract.openid import OpenIdAsked, OpenIdBegun, OpenIdDone, SignInWays
from central_mdm.contract.partage import (
    CHUNK_BYTES_MAX,
    FileAnswer,
    FileKept,
    FileOffered,
    FilesAsked,
    FilesLacking,
    FilesListed,
)
from central_mdm.contract.roster import Changes, Scopes
from central_mdm.contract.second_factor import FactorGiven, FactorMade
from classroom_app.cloud.answers import OURS, judge, read, unproven
from classroom_app.cloud.errors import (
    CodeAsked,
    NoFactor,
    NotAServer,
    NotSignedIn,
    ObjectsUnreachable,
    Refused,
    Unreachable,
)
from classroom_app.cloud.objects import Found, ObjectReader
from device_bridge.server_clock import ahead_seconds

T = TypeVar("T")
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
# A server that drips a byte now and then keeps every read alive: the whole has an end as well.
WHOLE_SECONDS: Final = 20.0
CHUNK_SECONDS: Final = 120.0
CHUNK_BYTES_PER_SECOND: Final = 4 * 1024
"""A line on which a chunk never ends is none."""
PIECE_BYTES: Final = 128 * 1024
"""Each is a write with its own end; a whole chunk in one would have to leave within it."""
RENEW_SECONDS: Final = 60.0


class _Question(msgspec.Struct, frozen=True):
    """One request. `key`: it is done once by it. `gone` hears of a chunk's bytes as they leave."""

    method: str
    url: str
    content: bytes = b""
    token: str = ""
    seconds: float = 0
    key: str = ""
    gone: Callable[[int], None] | None = None

    def headers(self) -> dict[str, str]:
        binary = self.gone is not None
        headers = {"content-type": "application/octet-stream" if binary else "application/json"}
        headers["accept"] = ", ".join(OURS)
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        if self.key:
            headers["idempotency-key"] = f'"{self.key}"'
        if binary:
            headers["content-length"] = str(len(self.content))
        return headers

    def body(self) -> bytes | AsyncGenerator[bytes] | None:
        return _in_pieces(self.content, self.gone) if self.gone else self.content or None


class Cloud:
    """One school's central side, as one signed-in teacher sees it.

    All calls raise `CloudError`s only. `renewed` hears each new SignedIn, for its refresh token
    is good once: keep it before anything else.
    """

    def __init__(
        self,
        renewed: Callable[[SignedIn], None] = lambda _: None,
        now: Callable[[], float] = time.time,
        verify: ssl.SSLContext | bool = True,  # noqa: FBT001, FBT002 - httpx's own word
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        limits = httpx.Limits(max_connections=8, max_keepalive_connections=8)
        timeout = httpx.Timeout(whole_seconds, connect=min(CONNECT_SECONDS, whole_seconds))
        # No redirects: a portal's login page is not our server's answer.
        self._http = httpx.AsyncClient(
            timeout=timeout, limits=limits, verify=verify, follow_redirects=False
        )
        self._objects = ObjectReader(verify if isinstance(verify, ssl.SSLContext) else None)
        self._renewed = renewed
        self._now = now
        self._whole_seconds = whole_seconds
        self._timeout = timeout
        self._chunk_timeout = httpx.Timeout(CHUNK_SECONDS, connect=timeout.connect)
        self._url = ""
        self._token = ""
        self._token_until = 0.0
        self._refresh = ""
        self._half = ""
        """The token of who has yet to give a second factor; good for that alone."""
        self._epoch = 0
        self._refreshing = asyncio.Lock()
        self.offset_seconds: float | None = None
        """By how much the server's clock is ahead of ours, as last heard; None: never heard."""

    def resume(self, url: str, refresh: str) -> None:
        """Go on as the teacher who signed in before, with the refresh token kept since."""
        self._url, self._refresh, self._token = _base(url), refresh, ""

    def go_on_as(self, url: str, signed: SignedIn) -> None:
        """Go on as who has just signed in at `url`, by another one of these."""
        self._url = _base(url)
        self._hold(signed)

    async def sign_in(  # noqa: PLR0913, PLR0917 - what is typed, and what goes with it
        self,
        url: str,
        school: str,
        login: str,
        password: str,
        csr: str = "",
        code: str = "",
        teacher: str = "",
    ) -> SignedIn:
        """Sign in at `url`. Raises WrongPassword for a wrong login or password.

        `code` is the second factor of who administrates; without it that raises CodeAsked, or
        NoFactor where none was chosen yet. `teacher`: whose store it is for; anybody else is
        refused there, before anything is certified.
        """
        self._url = _base(url)
        asked = SignIn(school, login, password, csr, code, teacher)
        return self._hold(self._whole(await self._ask("POST", "/api/sign-in", SignedIn, asked)))

    async def account_at(self, url: str, school: str) -> str:
        """Return what the account is called by which people of this school sign in; "": none."""
        self._url = _base(url)
        query = httpx.QueryParams({"school": school})
        return (await self._ask("GET", f"/api/sign-in-ways?{query}", SignInWays)).openid

    async def begin_account(self, url: str, asked: OpenIdAsked) -> OpenIdBegun:
        """Ask for the page of the school's provider."""
        self._url = _base(url)
        return await self._ask("POST", "/api/openid", OpenIdBegun, asked)

    async def finish_account(self, done: OpenIdDone) -> SignedIn:
        """Sign in with what the provider gave. Raises Refused for an account of nobody here.

        Raises CodeAsked or NoFactor for who administrates: `give_code` goes on.
        """
        return self._hold(self._whole(await self._ask("POST", "/api/openid/code", SignedIn, done)))

    async def choose_factor(self) -> FactorMade:
        """Have a second factor made for who was just told NoFactor; it is shown once."""
        return await self._ask("POST", "/api/second-factor/enrolment", FactorMade, None, self._half)

    async def give_code(self, code: str, csr: str) -> SignedIn:
        """Go on as who was just told CodeAsked or NoFactor. Raises WrongCode."""
        asked = FactorGiven(code, csr)
        signed = await self._ask("POST", "/api/second-factor", SignedIn, asked, self._half)
        if csr and not signed.certificate:  # a server of before
            raise Refused("no-such-path")
        self._half = ""
        return self._hold(signed)

    async def refresh(self) -> SignedIn:
        """Spend the refresh token for the next pair."""
        if not self._refresh:
            raise NotSignedIn
        asked = Refresh(self._refresh)
        signed = await self._ask("POST", "/api/refresh", SignedIn, asked)
        # Who signed in anew meanwhile has newer ones.
        return self._hold(signed) if asked.refresh == self._refresh else signed

    async def grant(self, key: str = "") -> GrantIssued:
        """Ask for the right that goes with our key of this thumbprint.

        "", and a server of before: with the key that was certified last, on whichever computer.
        """
        path = f"/api/grants?{httpx.QueryParams({'key': key})}"
        return await self._signed("POST", path, GrantIssued)

    async def renew_device(self, device: str, csr: str) -> str:
        """Have a device's certificate renewed; the server knows whose key it is."""
        del device
        return await self.renew_certificate(csr)

    async def renew_certificate(self, csr: str) -> str:
        """Have the certificate of a key renewed: the teacher's own, or one that is carried here."""
        asked = Renew(csr)
        return (await self._once("/api/renewals", Renewed, asked)).certificate

    async def papers_for(self, key: str) -> PapersGiven:
        """Ask for the papers of a device of before the school's new root, by its key (hex)."""
        return await self._once("/api/successors", PapersGiven, Successor(key))

    async def trust(self, deny_list: int, epoch: int) -> Trust:
        """Ask what is signed for everybody since the deny list and the root of these numbers."""
        path = f"/api/trust?deny_list={deny_list}&epoch={epoch}"
        return await self._signed("GET", path, Trust)

    async def bring_list(self, deny_list: str) -> None:
        """Bring a deny list to a server that was set back and has lost it."""
        content = msgspec.json.encode(ListBrought(deny_list))
        token, seconds = await self._current(), self._whole_seconds
        await self._send(_Question("POST", f"{self._url}/api/trust", content, token, seconds))

    async def carry(self, asked: Carry) -> Carried:
        """Bring what devices have told, and ask what is wanted of them."""
        return await self._signed("POST", "/api/carried", Carried, asked)

    async def scopes(self) -> Scopes:
        return await self._signed("GET", "/api/scopes", Scopes)

    async def changes(self, scope: str, cursor: str) -> Changes:
        query = httpx.QueryParams({"scope": scope, "cursor": cursor})
        return await self._signed("GET", f"/api/changes?{query}", Changes)

    async def whereabouts(self, class_id: str) -> Whereabouts:
        query = httpx.QueryParams({"class": class_id})
        return await self._signed("GET", f"/api/whereabouts?{query}", Whereabouts)

    async def push(self, events: tuple[Event, ...], after: int = 0) -> Pushed:
        return await self._signed("POST", "/api/journal", Pushed, Push(events, after))

    async def tell_heads(self, told: HeadsTold) -> HeadsHeard:
        return await self._signed("POST", "/api/journal/heads", HeadsHeard, told)

    async def offer_file(self, offered: FileOffered) -> FileAnswer:
        return await self._signed("POST", "/api/files", FileAnswer, offered)

    async def lacking(self, asked: FilesAsked) -> FilesLacking:
        return await self._signed("POST", "/api/files/lacking", FilesLacking, asked)

    async def put_chunk(
        self, name: str, content: bytes, gone: Callable[[int], None] = lambda _: None
    ) -> None:
        """Send one chunk; `name` is its BLAKE3 in hex. Sending it twice is sending it once.

        `gone` hears of bytes as they leave. A slow line has the time that it needs: what ends it
        is a piece that does not leave, or an answer that does not come, for two minutes.
        """
        token = await self._current()
        seconds = _seconds_for(len(content))
        url = f"{self._url}/api/chunks/{name}"
        await self._send(_Question("PUT", url, content, token, seconds, gone=gone))

    async def files(self, class_id: str, after: str = "") -> FilesListed:
        """List a class's collected work, whichever computer brought it."""
        query = httpx.QueryParams({"class": class_id, "after": after})
        return await self._signed("GET", f"/api/files?{query}", FilesListed)

    async def manifest(self, file: str) -> FileKept:
        return await self._signed("GET", f"/api/files/{quote(file)}/manifest", FileKept)

    async def get_chunk(self, name: str, file: str, address: str = "") -> bytes:
        """Bring one chunk of a file: from `address`, which its manifest told, or by asking for it.

        What comes is the chunk of that name (its BLAKE3), or NotAServer is raised. A slow line has
        the time that it needs: several share it.
        """
        # An address is signed for one object and a while: our token is nobody's there.
        found = await self._at(address, name) if address else None
        if found is None:
            found = await self._through_server(name, file)
        if found.name != name:
            raise NotAServer("wrong-hash")
        return found.content

    async def _at(self, address: str, name: str) -> Found | None:
        """Read a chunk where its manifest says that it lies; None where it is not to be had."""
        try:
            found = await self._from(address)
        except (ObjectsUnreachable, NotAServer):
            return None
        return found if found.name == name else None

    async def _through_server(self, name: str, file: str) -> Found:
        """Ask the server for a chunk: it gives it, or says where it lies."""
        url = f"{self._url}/api/chunks/{name}?{httpx.QueryParams({'file': file})}"
        seconds = _seconds_for(CHUNK_BYTES_MAX)
        asked = _Question("GET", url, b"", await self._current(), seconds)
        response, content = await self._exchange(asked)
        if response.status_code == HTTPStatus.TEMPORARY_REDIRECT:
            found = await self._from(response.headers.get("location", ""))
            if found.status == HTTPStatus.NOT_FOUND:
                raise Refused("lost-chunk")
            if found.status != HTTPStatus.OK:
                raise ObjectsUnreachable(f"status {found.status}")
            return found
        if response.status_code != HTTPStatus.OK:
            judge(response, content, self._now())
        digest = await asyncio.to_thread(lambda: blake3(content).hexdigest())
        return Found(response.status_code, content, digest)

    async def _from(self, address: str) -> Found:
        """Read from the object store, off the loop. Raises ObjectsUnreachable or NotAServer."""
        try:
            async with asyncio.timeout(_seconds_for(CHUNK_BYTES_MAX)):
                return await self._objects.read(address)
        except TimeoutError:
            raise ObjectsUnreachable("too slow") from None
        except Unreachable as error:
            raise ObjectsUnreachable(error.why) from None

    async def close(self) -> None:
        await self._objects.close()
        await self._http.aclose()

    def _whole(self, signed: SignedIn) -> SignedIn:
        """Return a sign-in that opens something. Raises CodeAsked or NoFactor."""
        if signed.second_factor:
            self._half = signed.token
            raise (CodeAsked if signed.second_factor == "code" else NoFactor)("second-factor")
        return signed

    def _hold(self, signed: SignedIn) -> SignedIn:
        self._token, self._refresh = signed.token, signed.refresh
        self._epoch = signed.epoch
        self._token_until = self._now() + signed.token_seconds - RENEW_SECONDS
        self._renewed(signed)
        return signed

    async def _current(self) -> str:
        """Return a token that is good for a minute at least, renewed once for all who wait."""
        async with self._refreshing:
            if not self._token or self._now() >= self._token_until:
                await self.refresh()
            return self._token

    async def _once(self, path: str, kind: type[T], body: msgspec.Struct) -> T:
        """Ask for papers: where an answer was lost the same ones come, and no second ones are made.

        The key is made of what is asked and of the root it is asked under, so that it is the same
        after a restart. It holds for a day, in which nobody needs two certificates for one key.
        """
        await self._current()  # who goes on after a restart hears here which root there is
        content = f"{self._epoch} {path} ".encode() + msgspec.json.encode(body)
        return await self._signed("POST", path, kind, body, blake3(content).hexdigest())

    async def _signed(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: msgspec.Struct | None = None,
        key: str = "",
    ) -> T:
        token = await self._current()
        try:
            return await self._ask(method, path, kind, body, token, key)
        except NotSignedIn:
            # The clock may have been set, or the server restored: one fresh token, one more try.
            if self._token == token:
                self._token = ""
            return await self._ask(method, path, kind, body, await self._current(), key)

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: msgspec.Struct | None = None,
        token: str = "",
        key: str = "",
    ) -> T:
        content = msgspec.json.encode(body) if body is not None else b""
        seconds = self._whole_seconds
        asked = _Question(method, f"{self._url}{path}", content, token, seconds, key)
        return read(await self._send(asked), kind)

    async def _send(self, asked: _Question) -> bytes:
        response, answer = await self._exchange(asked)
        now = self._now()
        self.offset_seconds = ahead_seconds(response.headers.get("date", ""), now)
        judge(response, answer, now)
        return answer

    async def _exchange(self, asked: _Question) -> tuple[httpx.Response, bytes]:
        """Ask once and read all of the answer, whatever it is."""
        limits = self._chunk_timeout if asked.gone else self._timeout
        try:
            async with (
                asyncio.timeout(asked.seconds),
                self._http.stream(
                    asked.method,
                    asked.url,
                    content=asked.body(),
                    headers=asked.headers(),
                    timeout=limits,
                ) as response,
            ):
                return response, await _bounded(response)
        except TimeoutError:
            raise Unreachable("too slow") from None
        except (httpx.DecodingError, httpx.RemoteProtocolError) as error:
            if isinstance(error, httpx.DecodingError):
                raise NotAServer("malformed") from None
            raise Unreachable("cut off") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise unproven(error) or Unreachable(type(error).__name__) from None


def _seconds_for(size: int) -> float:
    """Return how long a chunk of so many bytes may take on a slow line."""
    return CHUNK_SECONDS + size / CHUNK_BYTES_PER_SECOND


def _base(url: str) -> str:
    """Return the address without a path's end. Raises NotAServer where it is none."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise NotAServer("no-address")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


async def _in_pieces(content: bytes, gone: Callable[[int], None]) -> AsyncGenerator[bytes]:
    """Give a chunk piece by piece; when the next is asked for, the one before has left."""
    for at in range(0, len(content), PIECE_BYTES):
        piece = content[at : at + PIECE_BYTES]
        yield piece
        gone(len(piece))


async def _bounded(response: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    total = 0
    async for piece in response.aiter_bytes():
        total += len(piece)
        if total > ANSWER_BYTES_MAX:
            break  # out of the loop first: the error's traceback would keep what reads on
        pieces.append(piece)
    else:
        return b"".join(pieces)
    raise NotAServer("too-large")
