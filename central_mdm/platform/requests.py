"""What is counted and traced of a request: its route's template, its method, what was answered.

Never its path: there stand ids. Whatever a stranger may choose is one of a few words.
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from central_mdm.platform.counts import SECONDS, Spread

Layer = Callable[[ASGIApp], ASGIApp]
OTHER: Final = "other"
_PROBLEM: Final = "pupitre_problem"
_METHODS: Final = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"})


class Answered:
    """Sends on, and remembers the status; 0: nothing was answered, whoever asked has gone."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def route_of(scope: HTTPScope) -> str:
    """Return the template by which a request was routed; "other" for a path of nobody's."""
    return str(cast(Mapping[str, object], scope).get("path_template", OTHER))


def method_of(scope: HTTPScope) -> str:
    return scope["method"] if scope["method"] in _METHODS else OTHER


def keep_problem(scope: Scope, code: str) -> None:
    """Keep the code of the Problem that answers a request, for `problem_of`."""
    scope["state"][_PROBLEM] = code


def problem_of(scope: Scope) -> str:
    return str(scope["state"].get(_PROBLEM, "")) if "state" in scope else ""


class Requests:
    """How long requests took, by route, method and status; as a layer around an application."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str, int], Spread] = {}

    def layer(self, app: ASGIApp) -> ASGIApp:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            began, answered = perf_counter(), Answered(send)
            try:
                await app(scope, receive, answered)
            finally:
                self._add(scope, answered.status, perf_counter() - began)

        return counted

    def _add(self, scope: HTTPScope, status: int, seconds: float) -> None:
        key = route_of(scope), method_of(scope), status
        spread = self.seconds.get(key)
        if spread is None:
            spread = self.seconds[key] = Spread(SECONDS)
        spread.add(seconds)
