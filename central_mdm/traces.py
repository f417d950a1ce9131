"""Traces to a collector of OpenTelemetry, by OTLP over HTTP: where a request's time went.

Names of what is done, routes' templates, numbers and codes of problems; no id, no name, no words
of an error, no school. Imported only where it is asked for; the libraries are the extra `traces`.
"""

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Final
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.platform.errors import Busy
from central_mdm.platform.requests import Answered, method_of, problem_of, route_of

log = logging.getLogger(__name__)
NAME: Final = "pupitre-mdm"
GOODBYE_SECONDS: Final = 3
"""So long the last spans may take: a collector that does not answer holds back no end."""
_PATH: Final = "/v1/traces"
_SERVER_ERROR: Final = 500
_TRACEPARENT: Final = b"traceparent"
_parents: Final = TraceContextTextMapPropagator()


class Telling(SpanExporter):
    """Hands on to the collector; `losing`: the last spans were lost.

    The exporter's own line says why. Those that follow it say no more, so they are not let
    through; that spans arrive again is said once.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.losing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        losing = result is not SpanExportResult.SUCCESS
        if self.losing and not losing:
            log.info("traces arrive again")
        self.losing = losing
        return result

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a line of the exporter through; as a filter of its logger."""
        del record
        return not self.losing

    def shutdown(self) -> None:
        self._exporter.shutdown()


class Traces:
    """Opens spans: below the one that is open here, or, by the layer, one for a request."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(self, name: str, **numbers: int) -> Generator[None]:
        told = {f"pupitre.{key}": number for key, number in numbers.items()}
        # What the library records of an exception are its words: a database's repeat what it got.
        with self._tracer.start_as_current_span(
            name, attributes=told, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except (SQLAlchemyError, OSError, Busy) as error:
                _failed(span, type(error).__name__)
                raise

    def layer(self, app: ASGIApp) -> ASGIApp:
        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            answered = Answered(send)
            with self._tracer.start_as_current_span(
                "request",
                context=_parent(scope),
                kind=SpanKind.SERVER,
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    await app(scope, receive, answered)
                finally:
                    _tell(span, scope, answered.status)

        return traced


@contextmanager
def traces_to(url: str) -> Generator[Traces]:
    """Hand spans to the collector at `url`, off the loop, as long as the block lasts.

    A `url` without a path gets the standard one. What else is to be set (headers, sampling, the
    queue's length) the standard's environment variables say, `OTEL_…`. Spans that find the queue
    full are lost.
    """
    telling = Telling(OTLPSpanExporter(_endpoint(url)))
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    logging.getLogger(OTLPSpanExporter.__module__).addFilter(telling)
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(telling))
    try:
        yield Traces(provider.get_tracer(NAME))
    finally:
        ending = Thread(target=provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(0 if telling.losing else GOODBYE_SECONDS)


def _endpoint(url: str) -> str:
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + _PATH


def _resource() -> Resource:
    """Say what we are, unless the environment does."""
    told = Resource.create()
    if str(told.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return told.merge(Resource({SERVICE_NAME: NAME}))
    return told


def _parent(scope: HTTPScope) -> Context:
    """Return the span of whoever asks; of its headers no other, for there may stand anything."""
    told = {
        name.decode(): value.decode("latin-1")
        for name, value in scope["headers"]
        if name == _TRACEPARENT
    }
    # A context of our own: a connection's next request may begin within the last one's.
    return _parents.extract(told, context=Context())


def _tell(span: Span, scope: HTTPScope, status: int) -> None:
    method, route, problem = method_of(scope), route_of(scope), problem_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route})
    if status:
        span.set_attribute("http.response.status_code", status)
    if problem:
        span.set_attribute("pupitre.problem", problem)
    if status >= _SERVER_ERROR:
        _failed(span, problem or str(status))


def _failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))
