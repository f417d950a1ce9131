"""What an operator watches, in Prometheus' text format, on a port that is nobody else's.

Counted in plain numbers where it happens; its families are made when somebody asks. Labels are
words of this program: no school, no person, no device. Imported only where it is asked for.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final, cast

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.pool import QueuePool

from central_mdm.fleet.door import Door, Short
from central_mdm.platform.counts import Spread
from central_mdm.platform.ground import Ground
from central_mdm.platform.requests import Requests

PATH: Final = "/metrics"
_PREFIX: Final = "pupitre_mdm_"


class Counted(Collector):
    """All that a process has counted of itself, as it stands."""

    def __init__(self, ground: Ground, door: Door, requests: Requests) -> None:
        self._ground = ground
        self._door = door
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        yield self._of_requests()
        yield from self._of_check_ins()
        yield from self._of_ways()
        yield from self._of_gathered()
        yield from self._of_database()
        faults = self._ground.faults
        told = {"audit": faults.audit, "tidy": faults.tidy, "last-seen": self._door.seen.failures}
        yield _counter("faults", "What failed behind requests.", "part", told)

    def _of_requests(self) -> Metric:
        family = HistogramMetricFamily(
            f"{_PREFIX}request_seconds",
            "Requests of the rooms; check-ins by the short way are not among them.",
            labels=("route", "method", "status"),
        )
        # A list at once: the loop may add a route meanwhile.
        for (route, method, status), spread in list(self._requests.seconds.items()):
            _add(family, (route, method, str(status)), spread)
        return family

    def _of_check_ins(self) -> Iterator[Metric]:
        check_ins, proofs = self._door.check_ins, self._door.proofs
        told = "Check-ins with a pass, by what became of them."
        yield _counter("check_ins", told, "end", _ends(check_ins))
        yield _took("check_in_seconds", "Check-ins by the short way.", check_ins)
        told = "Proofs of a device's key, by what became of them."
        yield _counter("proofs", told, "end", _ends(proofs))
        yield _took("proof_seconds", "Proofs that gave a pass by the short way.", proofs)

    def _of_ways(self) -> Iterator[Metric]:
        door = self._door
        ways = {"check-ins": door.check_ins.way, "proofs": door.proofs.way}
        ways |= {"rooms": door.rooms, "uploads": door.uploads}
        inside = {name: way.inside for name, way in ways.items()}
        most = {name: way.most for name, way in ways.items()}
        refused = {name: way.refused for name, way in ways.items()}
        yield _gauge("inside", "Requests that are being served.", "way", inside)
        yield _gauge("inside_max", "So many may be served at once.", "way", most)
        yield _counter("full", "Requests sent away because a way was full.", "way", refused)
        held = GaugeMetricFamily(f"{_PREFIX}held", "Sent away, and not yet told.")
        held.add_metric((), self._door.held)
        yield held

    def _of_gathered(self) -> Iterator[Metric]:
        door = self._door
        parts = {"standing": door.standings, "telling": door.tellings}
        parts |= {"certified": door.certificates}
        sizes = HistogramMetricFamily(
            f"{_PREFIX}gathered_size", "Requests that share a statement.", labels=("work",)
        )
        took = HistogramMetricFamily(
            f"{_PREFIX}gathered_seconds", "What a shared statement took.", labels=("work",)
        )
        for name, part in parts.items():
            _add(sizes, (name,), part.sizes)
            _add(took, (name,), part.seconds)
        yield from (sizes, took)
        waiting = {name: part.waiting for name, part in parts.items()}
        yield _gauge("gathered_waiting", "What waits for a statement.", "work", waiting)

    def _of_database(self) -> Iterator[Metric]:
        pool = cast(QueuePool, self._ground.database.engine.pool)
        told = {"in-use": pool.checkedout(), "idle": pool.checkedin()}
        yield _gauge("database_connections", "Connections to the database.", "state", told)
        most = GaugeMetricFamily(f"{_PREFIX}database_connections_max", "There may be so many.")
        most.add_metric((), self._ground.database.connections_max)
        yield most


class Page:
    """An ASGI application of one page."""

    def __init__(self, ground: Ground, door: Door, requests: Requests) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Counted(ground, door, requests))
        ProcessCollector(registry=self._registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        if scope["type"] != ScopeType.HTTP:
            return
        found = scope["path"] == PATH and scope["method"] == "GET"
        # Some milliseconds where there are many routes: not the loop's, on which devices wait.
        body = await asyncio.to_thread(generate_latest, self._registry) if found else b""
        kind = CONTENT_TYPE_LATEST.encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        status = 200 if found else 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _ends(short: Short) -> dict[str, int]:
    outcomes = short.outcomes
    return {
        "short": sum(short.done.counts),
        "rooms": outcomes.rooms,
        "refused": outcomes.refused,
        "too-fast": outcomes.too_fast,
        "busy": outcomes.busy,
        "failed": outcomes.failed,
        "full": short.way.refused,
    }


def _took(name: str, told: str, short: Short) -> Metric:
    took = HistogramMetricFamily(f"{_PREFIX}{name}", told, labels=())
    _add(took, (), short.done)
    return took


def _add(family: HistogramMetricFamily, labels: Iterable[str], spread: Spread) -> None:
    bounds = [*map(str, spread.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(spread.counts), strict=True))
    family.add_metric(list(labels), buckets, spread.sum)


def _counter(name: str, told: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}{name}", told, labels=(label,))
    for each, value in values.items():
        family.add_metric((each,), value)
    return family


def _gauge(name: str, told: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}{name}", told, labels=(label,))
    for each, value in values.items():
        family.add_metric((each,), value)
    return family
