"""Asking OpenID providers: what they say of themselves, their keys, a token for a code."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from msgspec import Meta, Struct, json

from central_mdm.contract.openid import OpenIdDone
from central_mdm.identity.openid_tokens import TOKEN_CHARS_MAX, Key
from central_mdm.platform.errors import Busy, NotSignedIn
from central_mdm.platform.workers import Queue

if TYPE_CHECKING:
    import httpx

ANSWER_BYTES_MAX: Final = 64 * 1024
CONNECT_SECONDS: Final = 3.0
WHOLE_SECONDS: Final = 8.0
KEPT_SECONDS: Final = 3600
ASKED_AGAIN_SECONDS: Final = 60
"""An unknown key has the keys fetched anew, but no flood of forged tokens does more than this."""
RETRY_SECONDS: Final = 5
ASKS_MAX: Final = 20
"""So many wait for providers at once: one that hangs leaves the house's room to all others."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
Address = Annotated[str, Meta(max_length=2048, pattern=r"^[\x21-\x7e]+(?!\n)$")]
T = TypeVar("T")


class About(Struct, frozen=True):
    """Of `/.well-known/openid-configuration`, what is needed here."""

    issuer: Address
    authorization_endpoint: Address
    token_endpoint: Address
    jwks_uri: Address
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _KeySet(Struct, frozen=True):
    keys: Annotated[list[dict[str, Any]], Meta(max_length=100)]


class _Tokens(Struct, frozen=True):
    id_token: Annotated[str, Meta(min_length=1, max_length=TOKEN_CHARS_MAX)]


class _Known(Struct):
    about: About
    until: int
    keys: dict[str, dict[str, Any]] = {}
    keys_at: int = 0


def may_be_asked(address: str, *, plain: bool = True) -> bool:
    """Return whether it is https, or (where `plain`) http to this very machine."""
    try:
        parts = urlsplit(address)
        here = plain and parts.scheme == "http" and parts.hostname in LOOPBACK
    except ValueError:
        return False
    return bool(parts.hostname) and not parts.username and (parts.scheme == "https" or here)


async def _bounded(answer: "httpx.Response") -> bytes:
    content = b""
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > ANSWER_BYTES_MAX:
            raise Busy("provider-away", RETRY_SECONDS)
    return content


class Providers:
    """The providers of all schools of this process, each asked once an hour."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._queue = Queue(ASKS_MAX)

    async def about(self, issuer: str) -> About:
        """Ask what it says of itself. Raises Busy where none of that name answers."""
        return (await self._of(issuer)).about

    async def key(self, issuer: str, kid: str) -> Key | None:
        """Return a key by its id; without one, the only key there is."""
        known = await self._of(issuer)
        now = self._clock()
        if not known.keys or (kid not in known.keys and now >= known.keys_at + ASKED_AGAIN_SECONDS):
            found = await self._read("GET", known.about.jwks_uri, _KeySet)
            known.keys = {str(one.get("kid", "")): one for one in found.keys}
            known.keys_at = now
        only = next(iter(known.keys.values()), None) if len(known.keys) == 1 else None
        parts = known.keys.get(kid) or (None if kid else only)
        try:
            return None if parts is None or parts.get("use") == "enc" else import_key(parts)
        except (JoseError, ValueError, TypeError, KeyError):
            return None

    async def exchange(
        self, issuer: str, client: tuple[str, str], done: OpenIdDone, returns: str
    ) -> str:
        """Return the ID token for a code. Raises NotSignedIn where the provider gives none."""
        about = (await self._of(issuer)).about
        name, secret = client
        form = {
            "grant_type": "authorization_code",
            "code": done.code,
            "redirect_uri": returns,
            "code_verifier": done.verifier,
        }
        methods = about.token_endpoint_auth_methods_supported
        basic = "client_secret_basic" in methods or "client_secret_post" not in methods
        if not basic:
            form |= {"client_id": name, "client_secret": secret}
        # Both are form-encoded within the header (RFC 6749, section 2.3.1).
        login = (quote(name, safe=""), quote(secret, safe="")) if basic else None
        return (await self._read("POST", about.token_endpoint, _Tokens, form, login)).id_token

    async def _of(self, issuer: str) -> _Known:
        known = self._known.get(issuer)
        if known is None or known.until <= self._clock():
            address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            about = await self._read("GET", address, About)
            plain = issuer.startswith("http:")
            ends = (about.authorization_endpoint, about.token_endpoint, about.jwks_uri)
            if about.issuer != issuer or not all(may_be_asked(e, plain=plain) for e in ends):
                raise Busy("provider-away", RETRY_SECONDS)
            known = _Known(about, self._clock() + KEPT_SECONDS)
            self._known[issuer] = known
        return known

    async def _read(
        self,
        method: str,
        address: str,
        kind: type[T],
        form: dict[str, str] | None = None,
        login: tuple[str, str] | None = None,
    ) -> T:
        """Make one request with an end to time and size, which follows nobody elsewhere."""
        # Most servers ask no provider, and start faster without it.
        import httpx  # noqa: PLC0415

        timeout = httpx.Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS)
        try:
            with self._queue.place():
                async with (
                    asyncio.timeout(WHOLE_SECONDS),
                    httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client,
                    client.stream(method, address, data=form, auth=login) as answer,
                ):
                    content = await _bounded(answer)
            if answer.status_code in {400, 401, 403} and form is not None:
                raise NotSignedIn("openid-refused")
            answer.raise_for_status()
            return json.decode(content, type=kind)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError):
            raise Busy("provider-away", RETRY_SECONDS) from None
        except RecursionError:
            raise Busy("provider-away", RETRY_SECONDS) from None
