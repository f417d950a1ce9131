"""What histories of real processes stand on; the histories themselves are `make histories-real`."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest

from tests.false_servers import JSON, answering, speaking
from tests.histories.checker import Ledger, Work
from tests.histories.network import URL, Weather
from tests.histories.real.child import Said
from tests.histories.real.proxy import Proxy
from tests.histories.real.schedule import Schedule, draw
from tests.histories.told import Begun, Collected, Declared, Fact, Kept, Written


def test_a_schedule_is_drawn_once_and_read_back_as_it_was() -> None:
    schedule = draw(7)
    assert draw(7) == schedule != draw(8)
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule
    befell = Counter(step.what for seed in range(20) for step in draw(seed).steps)
    assert set(befell) == {
        *("kill", "stop", "away", "full", "clock"),
        *("postgres-kill", "backup", "restore"),
    }


def test_what_a_process_wrote_enters_the_ledger_as_it_was_said() -> None:
    work = Work("t-1", "1A", "p-1", "essay.txt", "00")
    said: tuple[Fact, ...] = (
        *(Begun("e-1"), Kept("e-1", "t-1"), Collected("e-2", work)),
        *(Declared(4), Written("dev-1", 2), Written("dev-1", 1)),
    )
    ledger = Ledger()
    for fact in said:
        heard = msgspec.json.decode(msgspec.json.encode(fact), type=Said)
        assert heard == fact
        fact.enter(ledger)
    assert (ledger.begun, ledger.events) == ({"e-1"}, {"e-1": "t-1"})
    assert (ledger.works, ledger.policy) == ({"e-2": work}, 4)
    assert ledger.notes["dev-1"] == 3


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
