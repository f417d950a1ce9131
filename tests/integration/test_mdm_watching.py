"""A server that is watched: what it counts and traces, of whom it says nothing, what it costs."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from central_mdm.fleet.ended import choose_role
from central_mdm.platform.counts import Spread
from central_mdm.platform.errors import Malformed, Missing
from central_mdm.tidying import tidy_daily
from central_mdm.traces import Traces
from central_mdm.watching import tracing
from tests.collector import collector, told_by
from tests.mdm import Mdm, Prepared, bearer, new_request, sample_of_today
from tests.teaching import until

pytestmark = pytest.mark.real_loop
NEWER = 2**32
"""A version above all that the school has: versions are of the clock."""
PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"
OPERATE = Path(__file__).resolve().parents[2] / "docs" / "operate.md"
REQUESTS = "pupitre_mdm_request_seconds"
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
"""Milliseconds until spans are sent, and seconds until a collector is called dead."""


@dataclass
class Served:
    process: subprocess.Popen[str]
    http: httpx.Client
    metrics_url: str
    sample: dict[str, Any]
    log: Path

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Return each sample by its name and the values of its labels."""
        text = httpx.get(self.metrics_url).raise_for_status().text
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


@contextmanager
def served(folder: Path, *more: str) -> Generator[Served]:
    command = [sys.executable, "-m", "central_mdm", "serve", "--folder", str(folder), *more]
    log = folder / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=file, text=True, env=os.environ | QUICK
        ) as process,
    ):
        try:
            assert process.stdout
            told = json.loads(process.stdout.readline())
            sample = asyncio.run(sample_of_today(folder))
            with httpx.Client(base_url=told["listening"]) as http:
                yield Served(process, http, told.get("metrics", ""), sample, log)
        finally:
            process.kill()


@pytest.fixture
def school(tmp_path: Path, school_on: Callable[[str], Prepared]) -> Generator[Path]:
    with school_on("sqlite").copy(tmp_path):
        yield tmp_path


def live(mdm: Served) -> set[str]:
    """Have a teacher and a device do what they do; return all that nobody may read of them."""
    place, account = mdm.sample["devices"][0], mdm.sample["teachers"][0]
    asked = {"code": place["code"], "csr": new_request(), "inventory": {"kind": "test"}}
    device = mdm.http.post("/api/enrolments", json=asked).json()
    headers = bearer(device["token"])
    told: dict[str, Any] = {"policy_version": NEWER}
    assignment = jws.extract_compact(device["assignment"].encode()).payload
    told["assignment_version"] = json.loads(assignment)["version"]
    told = told | {"inventory_hash": "cd" * 32, "inventory": {"kind": "Vannier-Kind"}}
    for _ in range(3):
        assert mdm.http.post("/api/check-in", json=told, headers=headers).status_code == 200
    assert mdm.http.post("/api/check-in", json={}, headers=headers).status_code == 200
    spent = bearer(f"p.AAAA.{mdm.sample['school']}")
    assert mdm.http.post("/api/check-in", json=told, headers=spent).status_code == 401
    forged = {"school": mdm.sample["school"], "key": "0" * 64, "proof": "Vannier-Proof"}
    assert mdm.http.post("/api/proofs", json=forged).status_code == 403
    who = {name: account[name] for name in ("login", "password")} | {"school": mdm.sample["school"]}
    pair = mdm.http.post("/api/sign-in", json=who).raise_for_status().json()
    wrong = who | {"password": "Wrong-Password-1"}
    mdm.http.post("/api/sign-in", json=wrong)
    mine = bearer(pair["token"]) | {
        "traceparent": f"00-{PARENT}-00f067aa0ba902b7-01",
        "tracestate": "vendor=Vannier-State",
        "baggage": "pupil=Vannier-Baggage",
    }
    assert mdm.http.get("/api/scopes", headers=mine).status_code == 200
    assert mdm.http.get("/ready").status_code == 200
    mdm.http.put(f"/api/chunks/{'ab' * 32}", content=b"x", headers=mine)
    mdm.http.get("/nowhere/Vannier-Path?name=Vannier-Query")
    mdm.http.request("PROPFIND", "/health")
    hidden = {pair["token"], pair["refresh"], device["token"], device["device"], place["code"]}
    hidden |= {"Vannier", "PROPFIND", "Wrong-Password-1", "ab" * 32, mdm.sample["school"]}
    for each in mdm.sample["teachers"]:
        hidden |= {each["name"], each["login"], each["password"], each["id"]}
    return hidden | {each["device"] for each in mdm.sample["devices"] if each.get("device")}


def test_a_watched_server_shows_what_it_does_and_of_nobody(school: Path) -> None:
    with (
        collector() as collected,
        served(school, "--metrics-port", "0", "--traces", collected.url) as mdm,
    ):
        assert mdm.http.get("/metrics").status_code == 404, "never where everybody asks"
        assert httpx.get(mdm.metrics_url.replace("metrics", "health")).status_code == 404
        before = mdm.metrics()
        assert before["pupitre_mdm_check_ins_total", "short"] == 0
        hidden = live(mdm)
        after = mdm.metrics()
        text = httpx.get(mdm.metrics_url).text
        mdm.stop()
        found = collected.spans()
        everything = b"\n".join([text.encode(), *collected.bodies])
    assert [word for word in sorted(hidden) if word.encode() in everything] == []
    _look_at_metrics(after)
    alarmed = set(re.findall(r"pupitre_mdm_\w+", OPERATE.read_text(encoding="utf-8")))
    assert alarmed
    assert alarmed <= {name for name, *_ in after}, "what the page alarms by is there"
    _look_at_spans(found)


def _look_at_metrics(told: dict[tuple[str, ...], float]) -> None:
    assert told["pupitre_mdm_check_ins_total", "short"] == 3
    assert told["pupitre_mdm_check_ins_total", "rooms"] == 1
    assert told["pupitre_mdm_check_ins_total", "refused"] == 1
    assert told["pupitre_mdm_check_in_seconds_count",] == 3
    assert told["pupitre_mdm_proofs_total", "refused"] == 1
    assert told["pupitre_mdm_proof_seconds_count",] == 0
    assert told["pupitre_mdm_inside_max", "proofs"] > 100
    assert told["pupitre_mdm_gathered_size_count", "certified"] == 0
    assert told["pupitre_mdm_gathered_size_count", "standing"] >= 4
    assert told["pupitre_mdm_gathered_seconds_count", "telling"] >= 1
    requests = {key[1:]: n for key, n in told.items() if key[0] == f"{REQUESTS}_count"}
    assert requests == {
        ("POST", "/api/enrolments", "200"): 1,
        ("POST", "/api/check-in", "200"): 1,
        ("POST", "/api/sign-in", "200"): 1,
        ("POST", "/api/sign-in", "401"): 1,
        ("GET", "/api/scopes", "200"): 1,
        ("GET", "/ready", "200"): 1,
        ("PUT", "/api/chunks/{name}", "400"): 1,
        ("GET", "other", "404"): 2,
        ("other", "other", "405"): 1,
    }
    assert told["pupitre_mdm_inside", "rooms"] == 0
    assert told["pupitre_mdm_inside_max", "check-ins"] > 100
    assert told["pupitre_mdm_faults_total", "audit"] == 0
    assert told["pupitre_mdm_database_connections_max",] >= 15
    assert told["process_resident_memory_bytes",] > 30e6
    assert told["process_cpu_seconds_total",] > 0


def _look_at_spans(found: list[Span]) -> None:
    named: dict[str, list[Span]] = {}
    for span in found:
        named.setdefault(span.name, []).append(span)
    assert len(named["POST /api/check-in"]) == 1, "the short way has no span of its own"
    assert {told_by(span)["pupitre.size"] for span in named["gathered standing"]} == {1}
    (scopes,) = named["GET /api/scopes"]
    assert scopes.kind == Span.SPAN_KIND_SERVER
    assert (scopes.trace_id.hex(), scopes.trace_state) == (PARENT, "")
    below = [span.name for span in found if span.parent_span_id == scopes.span_id]
    assert "database reading" in below
    (ready,) = named["GET /ready"]
    kept = [span for span in named["objects keep"] if span.parent_span_id == ready.span_id]
    assert [told_by(span) for span in kept] == [{"pupitre.bytes": 5}]
    ended = [told_by(span) for span in named["POST /api/sign-in"]]
    assert [(each["http.response.status_code"], each.get("pupitre.problem")) for each in ended] == [
        (200, None),
        (401, "wrong-password"),
    ]
    assert [span.status.message for span in found if span.status.message] == []
    assert [span.name for span in found if span.events] == [], "an error's words are recorded there"


def test_a_server_whose_collector_is_dead_serves_says_it_once_and_ends(school: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"  # it takes all and answers nothing
        with served(school, "--traces", address) as mdm:
            while b"Failed to export" not in mdm.log.read_bytes():
                assert mdm.http.get("/health").status_code == 200
            for _ in range(50):
                assert mdm.http.get("/health").status_code == 200
            assert mdm.metrics_url == "", "nobody asked for them"
            mdm.stop()
            assert mdm.log.read_bytes().count(b"opentelemetry") == 1


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_fails_behind_requests_is_counted(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
    mine = await mdm.as_administrator("t-sane")
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(text("DROP TABLE audit_acts"))
    asked = {"teacher": "t-sane", "class_id": "5B"}
    refused = await mdm.http.post("/api/admin/teaching", json=asked, headers=mine)
    assert (refused.status_code, mdm.ground.faults.audit) == (503, 1)
    (tmp_path / "retention.json").write_text("spoilt")
    async with asyncio.TaskGroup() as tasks:
        daily = tasks.create_task(tidy_daily(mdm.ground, tmp_path, 0))
        await until(lambda: mdm.ground.faults.tidy == 1, "counted")
        daily.cancel()
    caplog.clear()


def test_a_span_that_ends_by_an_error_tells_its_kind_and_none_of_its_words() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = Traces(provider.get_tracer("test"))
    broken = OperationalError("SELECT", {"login": "lambert"}, Exception("no lambert"))
    with pytest.raises(OperationalError), traces.span("database reading"):
        raise broken
    with pytest.raises(Missing), traces.span("database reading", rows=2):
        raise Missing("no-device", "lambert")
    first, second = exporter.get_finished_spans()
    assert first.attributes == {"error.type": "OperationalError"}
    assert second.attributes == {"pupitre.rows": 2}, "a refusal is no failure of the database"
    assert (first.status.is_ok, second.status.is_ok) == (False, True)
    assert not [each for each in (first, second) if each.events or each.status.description]


def test_a_spread_counts_a_value_where_it_is_at_most_the_bound() -> None:
    spread = Spread((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 7.0):
        spread.add(value)
    assert (spread.counts, spread.sum) == ([2, 2, 1], 12.0)


def test_who_does_not_watch_loads_nothing_for_it() -> None:
    """Litestar imports a few names of OpenTelemetry wherever they are installed; no more."""
    look = (
        "import sys\n"
        "from central_mdm import cli, watching\n"
        "with watching.tracing(''): pass\n"
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "('prometheus_client', 'google', 'requests') or name.startswith('opentelemetry.sdk')])\n"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_without_the_libraries_for_traces_it_is_said_what_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "central_mdm.traces", None)
    with pytest.raises(Malformed) as refused, tracing("http://127.0.0.1:9"):
        pass
    assert "pip install '.[mdm,traces]'" in refused.value.detail
