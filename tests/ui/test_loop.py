"""The app's loop: asyncio's order and rules, on top of Qt."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Any
from urllib.parse import urlsplit

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.openid import OpenIdAsked, OpenIdBegun, OpenIdDone
from classroom_app.cloud.account import Account
from classroom_app.loop import DeskLoop, run
from classroom_app.tasks import Tasks

BYTES = 4_000_000


@pytest.fixture
def loop(qapp: QApplication) -> Generator[DeskLoop]:
    with DeskLoop(qapp) as made:
        yield made


def test_what_is_due_soon_runs_in_order_and_not_once_it_is_cancelled(loop: DeskLoop) -> None:
    heard: list[int] = []

    async def story() -> None:
        done = asyncio.Event()
        loop.call_soon(heard.append, 1)
        loop.call_soon(heard.append, 2).cancel()
        loop.call_soon(loop.call_soon, heard.append, 4)
        loop.call_soon(heard.append, 3)
        loop.call_soon(loop.call_soon, done.set)
        await done.wait()

    loop.run_until_complete(story())
    assert heard == [1, 3, 4]


def test_callbacks_that_never_end_leave_qt_its_turn(loop: DeskLoop) -> None:
    async def story() -> None:
        shown = asyncio.Event()

        def again() -> None:
            if not shown.is_set():
                loop.call_soon(again)

        again()
        QTimer.singleShot(20, shown.set)
        await shown.wait()

    loop.run_until_complete(story())


def test_a_failure_in_a_callback_or_at_a_socket_goes_to_the_loops_handler(loop: DeskLoop) -> None:
    failures: list[object] = []

    both = asyncio.Event()

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failures.append(context["exception"])
        if len(failures) == len({"soon", "socket"}):
            both.set()

    def fail(error: Exception) -> None:
        raise error

    async def story() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            loop.call_soon(fail, KeyError("soon"))

            def ready() -> None:
                loop.remove_reader(ours)
                fail(OSError("socket"))

            loop.add_reader(ours, ready)
            theirs.send(b"x")
            await both.wait()

    loop.set_exception_handler(note)
    loop.run_until_complete(story())
    assert {type(error) for error in failures} == {KeyError, OSError}


def test_a_reader_may_take_itself_away_while_it_is_called(loop: DeskLoop) -> None:
    calls: list[int] = []

    async def story() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            over = asyncio.Event()

            def ready() -> None:
                calls.append(1)
                assert loop.remove_reader(ours)
                assert not loop.remove_reader(ours)
                loop.call_later(0.02, over.set)

            loop.add_reader(ours, ready)
            theirs.send(b"never read, so the socket stays ready")
            await over.wait()

    loop.run_until_complete(story())
    assert calls == [1]


def test_much_is_written_and_read_whole_both_ways_at_once(loop: DeskLoop) -> None:
    content = bytes(range(256)) * (BYTES // 256)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while read := await reader.read(65536):
            writer.write(read)
            await writer.drain()
        writer.close()

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def send() -> None:
            writer.write(content)
            await writer.drain()
            writer.write_eof()

        async with asyncio.TaskGroup() as both:
            both.create_task(send(), name="send")
            heard = both.create_task(reader.read(), name="hear")
        writer.close()
        return heard.result()

    async def story() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert await asyncio.gather(*(ask(port) for _ in range(3))) == [content] * 3
        server.close()
        await server.wait_closed()

    loop.run_until_complete(story())


@pytest.mark.parametrize(
    "asked", [lambda: asyncio.to_thread(int, "7"), lambda: asyncio.sleep(0, 7)]
)
def test_threads_and_sleeps_give_back_what_they_have(
    loop: DeskLoop, asked: Callable[[], Awaitable[int]]
) -> None:
    async def story() -> int:
        return await asked()

    assert loop.run_until_complete(story()) == 7


def test_what_still_runs_at_the_end_is_ended_while_the_loop_can_close_its_sockets(
    qapp: QApplication,
) -> None:
    ended: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def left(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.Event().wait()
        finally:
            writer.close()
            ended.append("left")

    async def story() -> int:
        loops.append(asyncio.get_running_loop())
        came = asyncio.Event()

        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()
            came.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        work = left(server.sockets[0].getsockname()[1])
        Tasks(()).start(work, name="left", refused=lambda _: None)
        await came.wait()
        server.close()
        return 7

    assert run(qapp, story()) == 7
    assert ended == ["left"]
    with pytest.raises(RuntimeError, match="closed"):
        loops[0].call_soon(ended.append, "late")


def test_a_socket_that_is_watched_to_the_end_is_let_go_with_the_loop(qapp: QApplication) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with DeskLoop(qapp) as loop:
            loop.add_reader(ours, print)
        assert not loop.remove_reader(ours), "nothing of Qt is asked after it"


class Asks:
    """The server's part of a sign-in, with a browser that connects and then says nothing."""

    def __init__(self) -> None:
        self.browser = socket.socket()
        self.browser.settimeout(5)

    async def begin_account(self, url: str, asked: OpenIdAsked) -> OpenIdBegun:
        del url
        self.browser.connect(("127.0.0.1", urlsplit(asked.returns).port))
        while len(asyncio.all_tasks()) == 1:  # noqa: ASYNC110 - until it is met
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)  # and is listened to
        return OpenIdBegun("https://provider/page", "state")

    async def finish_account(self, done: OpenIdDone) -> SignedIn:
        raise AssertionError(done)


def test_a_browser_that_holds_its_connection_is_let_go_without_a_word(qapp: QApplication) -> None:
    asks = Asks()

    def opens(_: str) -> bool:
        account.give_up()
        return True

    account = Account(asks, opens, str)
    with asks.browser:
        assert run(qapp, account.sign_in("", "school", "")) is None
        assert asks.browser.recv(1) == b""
