"""What histories of real processes stand on; the histories themselves are `make histories-real`."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, ClassVar

import httpx
import msgspec
import pytest
from litestar import Litestar
from msgspec import json

from central_mdm.app import application
from central_mdm.contract.register import Move
from central_mdm.joining import ground_at
from tests.false_servers import JSON, answering, speaking
from tests.histories.checker import Act, App, Device, Ledger, Server, Work, check
from tests.histories.network import URL, Weather
from tests.histories.real.administrator import CODES, ByHttp, Office
from tests.histories.real.child import ChildStage, Run, Said
from tests.histories.real.last_year import office_in
from tests.histories.real.proxy import Proxy
from tests.histories.real.schedule import DEVICES, POSTGRESQL, SERVER, TEACHERS, Schedule, draw
from tests.histories.template import made_in
from tests.histories.told import (
    Begun,
    Collected,
    Declared,
    Enrolled,
    Fact,
    Kept,
    Losing,
    Named,
    Naming,
    Obeyed,
    Wished,
    Written,
)

HERE = {"PYTHONPATH": str(Path(__file__).parents[2])}


def test_a_schedule_is_drawn_once_and_read_back_as_it_was() -> None:
    schedule = draw(7)
    assert draw(7) == schedule != draw(8)
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule
    steps = [step for seed in range(20) for step in draw(seed).steps]
    assert {step.what for step in steps} == {
        *("kill", "stop", "away", "full", "clock", "fuse"),
        *("postgres-kill", "backup", "restore", "copy", "set-back"),
    }
    full = {step.who for step in steps if step.what == "full"}
    assert full == {*TEACHERS, *DEVICES, SERVER, POSTGRESQL}
    wrong = {step.who for step in steps if step.what == "clock"}
    assert wrong == {*TEACHERS, *DEVICES, SERVER}


def test_what_a_process_wrote_enters_the_ledger_as_it_was_said() -> None:
    work = Work("t-1", "1A", "p-1", "essay.txt", "00")
    said: tuple[Fact, ...] = (
        *(Begun("e-1"), Kept("e-1", "t-1", "1A"), Collected("e-2", work)),
        *(Declared(4), Written("dev-1", 2), Written("dev-1", 1)),
    )
    ledger = Ledger()
    for fact in said:
        heard = msgspec.json.decode(msgspec.json.encode(fact), type=Said)
        assert heard == fact
        fact.enter(ledger)
    assert (ledger.begun, ledger.events) == ({"e-1"}, {"e-1": Act("t-1", "1A")})
    assert (ledger.works, ledger.policy) == ({"e-2": work}, 4)
    assert ledger.notes["dev-1"] == 3


def _device(**other: Any) -> Device:  # noqa: ANN401 - fields of a device
    """Make a device that is as the server of `_server` wants it, but for this."""
    facts: dict[str, Any] = {"wanted": 7, "told": {"wallpaper": (7, "applied")}, "inventory": "i"}
    held = (0, "", 0, frozenset[str](), 1, ("1A",), 0, "")
    return Device("dev-1", *held, **facts | other)


def _server() -> Server:
    return Server(
        (),
        {},
        {},
        {},
        {"t-1": frozenset({"teacher:t-1"})},
        0,
        0,
        frozenset(),
        {},
        {"dev-1": (1, ("1A",))},
        frozenset(),
        (),
        (),
        {"dev-1": 7},
        {"dev-1": {"wallpaper": (7, "applied")}},
        7,
        (),
        {"dev-1": "i"},
    )


def test_what_was_wanted_carried_and_renewed_is_judged() -> None:
    ledger, server = Ledger(), _server()
    app = App("t-1", {}, {}, {}, 0, "", ended=False)
    assert check(ledger, server, [app], [_device()]) == []
    app.due = True
    assert len(check(ledger, server, [app], [_device(due=True)])) == 2
    app.due = False
    for wrong in (_device(wanted=6), _device(told={}), _device(inventory="j")):
        assert len(check(ledger, server, [app], [wrong])) == 1
        wrong.carried = True
        assert check(ledger, server, [app], [wrong]) == [], "nobody who may has come to it"
    server.scopes["t-1"] = frozenset({"teacher:t-1", "class:1A"})
    app.rows = {}
    assert len(check(ledger, server, [app], [_device(wanted=6, carried=True)])) == 1
    server.pending = [("dev-1", "o-1")]
    assert len(check(ledger, server, [app], [_device()])) == 1
    ledger.set_back()
    assert check(ledger, server, [app], [_device()]) == []
    for _ in range(2):
        Obeyed("dev-1", "o-1").enter(ledger)
    Wished(8).enter(ledger)
    assert len(check(ledger, server, [app], [_device()])) == 2


def test_a_name_that_may_never_have_been_taken_leaves_the_one_before() -> None:
    ledger, server = Ledger(), _server()
    row = json.encode({"name": "Class 1A"})
    server.tables["class:1A"] = {("class", "1A"): row}
    server.feed["class:1A"] = {("class", "1A"): (1, row)}
    Naming("1A", "Class 9").enter(ledger)
    assert check(ledger, server, [], []) == []
    Named("1A", "Class 9").enter(ledger)
    assert len(check(ledger, server, [], [])) == 1


def test_only_who_was_ended_or_has_enrolled_since_the_copy_may_be_away_after_a_restore() -> None:
    ledger = Ledger()
    Enrolled("dev-1").enter(ledger)
    ledger.copy_begins()
    for fact in (Enrolled("dev-3"), Enrolled("dev-2"), Losing("dev-2")):
        fact.enter(ledger)
    assert [ledger.may_be_away(device) for device in DEVICES] == [False, True, False]
    ledger.set_back()
    assert [ledger.may_be_away(device) for device in DEVICES] == [False, True, True]
    ledger.copy_begins()
    ledger.set_back()
    assert ledger.may_be_away("dev-3"), "this copy knew it as little"


class Forgetful(httpx.AsyncBaseTransport):
    """To an application in this process; each path's first answer is lost."""

    def __init__(self, app: Litestar) -> None:
        self._real = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two names for ASGI
        self._lost = set[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._real.handle_async_request(request)
        if request.url.path in self._lost:
            return answer
        self._lost.add(request.url.path)
        await answer.aclose()
        raise httpx.ReadError("lost")


class Desk(ChildStage):
    """A stage without a process; `heard` is what its parent would hear."""

    heard: ClassVar[list[Fact]] = []

    async def while_(self, low: float, high: float) -> None:
        del low, high

    def hear(self, fact: Fact) -> None:
        self.heard.append(fact)


@pytest.mark.real_loop
async def test_what_an_office_asks_again_is_done_once(tmp_path: Path) -> None:
    made = await made_in(tmp_path / "made", lambda: int(time.time()))
    read, write = Pipe(duplex=False)
    run = Run("administrator", "office", 0, made, tmp_path, tmp_path, tmp_path / "log", 1, "")
    async with ground_at(made.server) as ground:
        (tmp_path / CODES).write_text("\n".join(await office_in(ground)))
        stage = Desk(run, write)
        app = application(ground)
        async with app.lifespan(), httpx.AsyncClient(transport=Forgetful(app)) as http:
            acts = ByHttp(stage, Office(stage, http))
            await acts.name_class(ground)
            # Done twice, the second is refused: nobody can leave a class that was left.
            row = made.pupils[0]
            joined = next(one for one in made.classes if one != row.class_id)
            await acts.office.ask("/api/admin/moves", Move(row.id, row.class_id, joined))
    assert [type(fact) for fact in stage.heard] == [Naming, Named]
    assert len((tmp_path / CODES).read_text().split()) == 8, "one was spent by a lost sign-in"
    read.close()
    write.close()


FUSED = """
import os, sys
from tests.histories.real.fuses import light
light(int(sys.argv[1]))
for name in "abc":
    open(name, "w").close()
    os.replace(name, name + name)
    print(name, flush=True)
"""


@pytest.mark.parametrize(("points", "left"), [(3, {"aa", "b"}), (4, {"aa", "bb"}), (9, "three")])
def test_a_fuse_ends_a_program_just_before_or_just_after_what_it_writes(
    tmp_path: Path, points: int, left: set[str] | str
) -> None:
    command = [sys.executable, "-c", FUSED, str(points)]
    done = subprocess.run(command, cwd=tmp_path, check=False, env=os.environ | HERE)
    there = {path.name for path in tmp_path.iterdir()}
    if left == "three":
        assert (done.returncode, there) == (0, {"aa", "bb", "cc"})
    else:
        assert (done.returncode, there) == (-signal.SIGKILL, left)


LEFT = """
import sys
from pathlib import Path
from tests.namespaces import own_memory
own_memory(Path(sys.argv[1]))
(Path(sys.argv[1]) / "left").write_text("of a history")
"""


def test_what_a_history_leaves_in_memory_is_seen_by_nobody_and_goes_with_it(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", LEFT, str(tmp_path)]
    subprocess.run(command, check=True, env=os.environ | HERE)
    assert list(tmp_path.iterdir()) == []


@asynccontextmanager
async def _through(weather: Weather) -> AsyncGenerator[tuple[Proxy, httpx.AsyncClient]]:
    """Have a proxy before a server that answers everything with a number."""
    async with (
        speaking(answering("200 OK", JSON, b"12345")) as server,
        asyncio.TaskGroup() as tasks,
    ):
        proxy = Proxy(random.Random(1), weather, tasks)  # noqa: S311 - weather
        url = httpx.URL(server)
        assert url.port is not None
        proxy.upstream = url.host, url.port
        async with (
            proxy.listening(("app",)),
            httpx.AsyncClient(proxy=f"http://127.0.0.1:{proxy.ports['app']}") as http,
        ):
            yield proxy, http
        await proxy.quiet()


@pytest.mark.real_loop
async def test_a_request_arrives_once_or_what_the_weather_makes_of_it() -> None:
    async with _through(Weather()) as (proxy, http):
        answer = await http.post(f"{URL}/api/x", content=b"body")
        assert (answer.json(), proxy.carried) == (12345, 1)
        proxy.weather = Weather(portal=1.0)
        assert "text/html" in (await http.get(f"{URL}/api/x")).headers["content-type"]
        assert proxy.carried == 1
        for fault, arrived in (("cut_before", 1), ("cut_within", 2), ("cut_after", 3)):
            proxy.weather = Weather(**{fault: 1.0})
            with pytest.raises(httpx.TransportError):
                await http.get(f"{URL}/api/x")
            assert proxy.carried == arrived
        proxy.weather = Weather(cut_answer=1.0)
        with pytest.raises(httpx.TransportError):
            await http.get(f"{URL}/api/x")
        proxy.weather = Weather()
        proxy.away.add("app")
        with pytest.raises(httpx.TransportError):
            await http.get(f"{URL}/api/x")
        assert proxy.carried == 4
