"""Judging what came back over HTTP: a typed answer, or one of our errors."""

import ssl
from http import HTTPStatus
from typing import Final, TypeVar

import httpx
import msgspec

from central_mdm.contract.identity import Problem
from classroom_app.cloud.errors import (
    CloudError,
    CodeAsked,
    NotAServer,
    NotSignedIn,
    OutOfDate,
    Refused,
    ServerBusy,
    WrongCode,
    WrongPassword,
)
from device_bridge.server_clock import moment_of

T = TypeVar("T")
RETRY_SECONDS_MAX: Final = 3600.0
RETRY_SECONDS: Final = 5.0
AGAIN: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Of this moment, not of what was asked: a line that stalled, a server with too much to do."""
NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
"""OpenSSL's names, older and newer, for an answer that is no TLS."""
OF_THE_DATE: Final = frozenset({9, 10})
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
OURS: Final = ("application/json", "application/problem+json")
_NOT_SIGNED_IN: Final = {"wrong-password": WrongPassword, "wrong-code": WrongCode}
_problem: Final = msgspec.json.Decoder(Problem)


def judge(response: httpx.Response, body: bytes, now: float) -> None:
    """Return for a success. Raises NotAServer, NotSignedIn, ServerBusy or Refused.

    A captive portal answers 200 with HTML, or redirects to its own page; an overloaded proxy
    answers 502 with HTML. What is ours speaks JSON.
    """
    status = response.status_code
    ours = response.headers.get("content-type", "").startswith(OURS)
    if _of_https(response):
        raise NotAServer("https")
    if _of_a_portal(response, ours=ours):
        raise NotAServer("portal")
    if status in AGAIN:
        raise ServerBusy(_retry_after(response.headers.get("retry-after", ""), now))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ServerBusy(RETRY_SECONDS)
    if response.is_success and (ours or status == HTTPStatus.NO_CONTENT):
        return
    if not ours:
        raise NotAServer("html")
    raise _refusal(response, body, now)


def _refusal(response: httpx.Response, body: bytes, now: float) -> CloudError:
    try:
        problem = _problem.decode(body)
    except (ValueError, RecursionError):
        return NotAServer("malformed")
    if problem.code == "in-flight":
        return ServerBusy(_retry_after(response.headers.get("retry-after", ""), now))
    return _named(response.status_code, problem)


def _named(status: int, problem: Problem) -> CloudError:
    if status == HTTPStatus.UNAUTHORIZED:
        return _NOT_SIGNED_IN.get(problem.code, NotSignedIn)(problem.code)
    if status == HTTPStatus.FORBIDDEN and problem.code == "second-factor":
        return CodeAsked(problem.code)  # one administrates since, who had signed in without
    return Refused(problem.code, problem.detail)


def read(body: bytes, kind: type[T]) -> T:
    """Decode a success. Raises NotAServer for what is not ours."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError):
        raise NotAServer("malformed") from None


def _of_https(response: httpx.Response) -> bool:
    """Whether http:// was asked for and the same host sends on to its https://: no network does.

    It is not followed: what was asked for had gone out in the clear.
    """
    on = response.next_request
    if on is None:
        return False
    there, here = on.url, response.request.url
    return (here.scheme, there.scheme, there.host) == ("http", "https", here.host)


def unproven(error: BaseException | None) -> NotAServer | None:
    """Say that somebody answered who could not prove to be the server; httpx hides it in causes.

    Who speaks no TLS at all is one as well: https:// typed for a port of http://.
    """
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return OutOfDate() if error.verify_code in OF_THE_DATE else NotAServer("certificate")
        if isinstance(error, ssl.SSLError) and error.reason in NO_TLS:
            return NotAServer("certificate")
        error = error.__cause__ or error.__context__
    return None


def _of_a_portal(response: httpx.Response, *, ours: bool) -> bool:
    """Whether a network answers in the school's place: by a page, by a way to one, or openly.

    Our server redirects nobody. A page that says "not found" is some web server's, not a network's.
    """
    if response.status_code == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        return True
    page = response.status_code == HTTPStatus.OK and not ours
    return page or response.has_redirect_location


def _retry_after(header: str, now: float) -> float:
    """Seconds or a date (RFC 9110, 10.2.3), within reason; five where it says nothing."""
    if header.isascii() and header.isdecimal():
        return min(float(header[:8]), RETRY_SECONDS_MAX)
    if (stamp := moment_of(header)) is not None:
        return min(max(stamp - now, 0.0), RETRY_SECONDS_MAX)
    return RETRY_SECONDS
