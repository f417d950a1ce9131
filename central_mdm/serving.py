"""Serving the application on a socket of our own, until SIGTERM or SIGINT."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import uvicorn
from msgspec import Struct

from central_mdm.app import ROOMS, application
from central_mdm.contract.fleet import FIRST_SECONDS
from central_mdm.joining import ground_at
from central_mdm.platform.readiness import Readiness
from central_mdm.tidying import tidy_daily

log = logging.getLogger(__name__)
KEEP_ALIVE_SECONDS = 30
GOODBYE_SECONDS = 20
"""So long what is in flight may take to its end: Kubernetes kills after 30 seconds."""


class Served(Struct, frozen=True):
    """Where and from what to serve; `certificate` and `key` (PEM files) together, for TLS.

    `only`: the rooms whose routes are here. `drain_seconds`: how long we still serve once asked to
    end, while /ready says no.
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


class _Server(uvicorn.Server):
    """Says when it accepts, and leaves signals to us: theirs would end us with one, not with 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(served: Served, say: Callable[[str], None]) -> None:
    """Serve until a signal; `say` hears one JSON line `{"listening": URL}` once we accept.

    A second signal ends the time to drain. What is in flight is finished in any case.

    Raises `BlockingIOError` where the folder's own database is served already.
    """
    family = socket.AF_INET6 if ":" in served.host else socket.AF_INET
    alone = nullcontext() if served.database else only_one(served.folder)
    with alone, socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((served.host, served.port))
        ground_here = ground_at(
            served.folder,
            served.database,
            first_seconds=served.first_seconds,
            objects=served.objects,
        )
        async with ground_here as ground:
            readiness = Readiness(ground)
            config = uvicorn.Config(
                application(ground, readiness, served.only),
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
            url = _url(served, listener.getsockname()[1])
            server = _Server(config, lambda: say(json.dumps({"listening": url})))
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
                await server.serve(sockets=[listener])
                tidying.cancel()
                ending.cancel()


async def _drain(
    asked: asyncio.Event, readiness: Readiness, server: uvicorn.Server, seconds: int
) -> None:
    """Once asked to end, say no at /ready and serve on: who sends requests needs time to see it."""
    await asked.wait()
    readiness.stop()
    await asyncio.sleep(seconds)
    server.should_exit = True


@contextmanager
def only_one(folder: Path) -> Generator[None]:
    """Lock the folder itself, as long as the block lasts or the process lives."""
    if sys.platform == "win32":  # no such locks there
        yield
        return
    import fcntl  # noqa: PLC0415 - not there on Windows

    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)


def runs() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return what runs the server: a loop that costs a fifth less, where there is one."""
    if sys.platform == "win32":
        return asyncio.run
    import uvloop  # noqa: PLC0415 - not there on Windows

    return uvloop.run


def _ask_to_end(asked: asyncio.Event, server: uvicorn.Server) -> None:
    server.should_exit = asked.is_set()
    asked.set()


def _url(served: Served, port: int) -> str:
    scheme = "https" if served.certificate else "http"
    host = f"[{served.host}]" if ":" in served.host else served.host
    return f"{scheme}://{host}:{port}"
