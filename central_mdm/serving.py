"""Serving the application on a socket of our own, until SIGTERM or SIGINT."""

import asyncio
import gc
import json
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from litestar.types import ASGIApp
from msgspec import Struct

from central_mdm.app import ROOMS, join
from central_mdm.contract.fleet import FIRST_SECONDS
from central_mdm.joining import COPIES, ground_at
from central_mdm.patience import Connection, Patience, keep_looking
from central_mdm.platform.alone import forget_dead, only_one
from central_mdm.platform.errors import Malformed
from central_mdm.platform.ground import Ground
from central_mdm.platform.readiness import Readiness
from central_mdm.platform.requests import Layer, Requests
from central_mdm.roster import uploading
from central_mdm.roster.oneroster import staging
from central_mdm.tidying import tidy_daily
from central_mdm.watching import metrics_page, tracing

log = logging.getLogger(__name__)
KEEP_ALIVE_SECONDS = 30
METRICS_AT_ONCE = 8
GOODBYE_SECONDS = 20
"""So long what is in flight may take to its end: Kubernetes kills after 30 seconds."""


class Served(Struct, frozen=True):
    """Where and from what to serve; `certificate` and `key` (PEM files) together, for TLS.

    `only`: the rooms whose routes are here. `drain_seconds`: how long we still serve once asked to
    end, while /ready says no. `metrics_port`: where to show metrics, 0 for any free port; None:
    nowhere. `traces`: the collector (OTLP over HTTP) to which traces go. `patience`: how long who
    asks may take to do so.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    database: str = ""
    certificate: Path | None = None
    key: Path | None = None
    first_seconds: int = FIRST_SECONDS
    objects: str = ""
    drain_seconds: int = 0
    only: frozenset[str] = ROOMS
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    traces: str = ""
    patience: Patience = Patience()


class _Server(uvicorn.Server):
    """Says when it accepts, and leaves signals to us: theirs would end us with one, not with 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # Modules and routes stay: looking through them again serves nobody for 60 ms.
            gc.collect()
            gc.freeze()
            self._ready()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class _Sockets(NamedTuple):
    """Where requests come in, and where metrics are asked for, if anywhere."""

    requests: socket.socket
    metrics: socket.socket | None


async def serve(served: Served, say: Callable[[str], None]) -> None:
    """Serve until a signal; `say` hears one JSON line `{"listening": URL}` once we accept.

    Where metrics are shown the line says so as well: `"metrics": URL`. A second signal ends the
    time to drain. What is in flight is finished in any case.

    Raises `BlockingIOError` where the folder's own database is served already, Malformed where
    traces are asked for and their libraries are not there, the key of the passes is damaged, or
    certificate and key of TLS do not belong together.
    """
    _want_pair(served)
    await asyncio.to_thread(_forget_dead, served.folder)
    alone = nullcontext() if served.database else only_one(served.folder)
    with alone, _bound(served) as sockets, tracing(served.traces) as traced:
        ground_here = ground_at(
            served.folder,
            served.database,
            first_seconds=served.first_seconds,
            objects=served.objects,
            spans=traced.spans,
        )
        async with ground_here as ground:
            await asyncio.to_thread(ground.keys.passes)  # a damaged one ends it here
            await _serve_on(ground, served, traced.layers, sockets, say)


def _forget_dead(folder: Path) -> None:
    """Remove what killed processes left of pupils' names."""
    for prefix in (staging.PREFIX, uploading.PREFIX):
        forget_dead(prefix)
    forget_dead(COPIES, folder)


async def _serve_on(
    ground: Ground,
    served: Served,
    layers: tuple[Layer, ...],
    sockets: _Sockets,
    say: Callable[[str], None],
) -> None:
    readiness, requests = Readiness(ground, served.only), Requests()
    if sockets.metrics:
        layers = (*layers, requests.layer)
    joined = join(ground, readiness, served.only, layers)
    told = _addresses(served, sockets)
    server = _Server(configured(joined.app, served), lambda: say(json.dumps(told)))
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":  # whose loop hears of no signals
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _ask_to_end, asked, server)
    async with asyncio.TaskGroup() as tasks:
        tidying = tasks.create_task(tidy_daily(ground, served.folder), name="tidy")
        ending = tasks.create_task(
            _drain(asked, readiness, server, served.drain_seconds), name="drain"
        )
        looking = tasks.create_task(
            keep_looking(server.server_state.connections, served.patience), name="patience"
        )
        with _shown(tasks, sockets.metrics, partial(metrics_page, ground, joined, requests)):
            await server.serve(sockets=[sockets.requests])
        for task in (tidying, ending, looking):
            task.cancel()


@contextmanager
def _shown(
    tasks: asyncio.TaskGroup, listener: socket.socket | None, page: Callable[[], ASGIApp]
) -> Generator[None]:
    """Show metrics as long as the block lasts, also while we drain."""
    if listener is None:
        yield
        return
    config = uvicorn.Config(
        page(),
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="off",
        limit_concurrency=METRICS_AT_ONCE,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, lambda: None)
    tasks.create_task(server.serve(sockets=[listener]), name="metrics")
    try:
        yield
    finally:
        server.should_exit = True


def _want_pair(served: Served) -> None:
    """Raise Malformed where certificate and key of TLS are none, or not of each other."""
    if served.certificate is None or served.key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            served.certificate, served.key
        )
    except ssl.SSLError as error:
        told = f"{served.certificate} and {served.key} are no certificate and its key"
        raise Malformed("tls", f"{told}: {error.reason or error}.") from None


def configured(app: ASGIApp, served: Served) -> uvicorn.Config:
    """Return how `app` is served: by connections that `keep_looking` can look at."""
    return uvicorn.Config(
        app,
        http=Connection,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # nothing goes by an address
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
        ssl_certfile=served.certificate,
        ssl_keyfile=served.key,
    )


async def _drain(
    asked: asyncio.Event, readiness: Readiness, server: uvicorn.Server, seconds: int
) -> None:
    """Once asked to end, say no at /ready and serve on: who sends requests needs time to see it."""
    await asked.wait()
    readiness.stop()
    await asyncio.sleep(seconds)
    server.should_exit = True


def runs() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return what runs the server: a loop that costs a fifth less, where there is one."""
    if sys.platform == "win32":
        return asyncio.run
    import uvloop  # noqa: PLC0415 - not there on Windows

    return uvloop.run


def _ask_to_end(asked: asyncio.Event, server: uvicorn.Server) -> None:
    server.should_exit = asked.is_set()
    asked.set()


@contextmanager
def _bound(served: Served) -> Generator[_Sockets]:
    with ExitStack() as stack:
        requests = stack.enter_context(_listener(served.host, served.port))
        metrics = None
        if served.metrics_port is not None:
            metrics = stack.enter_context(_listener(served.metrics_host, served.metrics_port))
        yield _Sockets(requests, metrics)


@contextmanager
def _listener(host: str, port: int) -> Generator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        yield listener


def _addresses(served: Served, sockets: _Sockets) -> dict[str, str]:
    scheme = "https" if served.certificate else "http"
    told = {"listening": _url(scheme, served.host, sockets.requests)}
    if sockets.metrics:
        told["metrics"] = f"{_url('http', served.metrics_host, sockets.metrics)}/metrics"
    return told


def _url(scheme: str, host: str, listener: socket.socket) -> str:
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
