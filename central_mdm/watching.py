"""Who wants to see metrics or traces has them; who does not pays for none of their libraries."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from litestar.types import ASGIApp

from central_mdm.app import Joined
from central_mdm.platform.errors import Malformed
from central_mdm.platform.ground import Ground
from central_mdm.platform.requests import Layer, Requests
from central_mdm.platform.spans import Spans, untraced


class Tracing(NamedTuple):
    """How spans are opened, and what opens one around each request."""

    spans: Spans = untraced
    layers: tuple[Layer, ...] = ()


@contextmanager
def tracing(url: str) -> Generator[Tracing]:
    """Trace to the collector at `url` (OTLP over HTTP); empty: trace nothing.

    Raises Malformed where the libraries for it are not installed.
    """
    if not url:
        yield Tracing()
        return
    try:
        from central_mdm.traces import traces_to  # noqa: PLC0415 - 10 MB of memory
    except ImportError:
        told = "Traces need more libraries: in the clone of Pupitre, pip install '.[mdm,traces]'."
        raise Malformed("traces", told) from None
    with traces_to(url) as traces:
        yield Tracing(traces.span, (traces.layer,))


def metrics_page(ground: Ground, joined: Joined, requests: Requests) -> ASGIApp:
    from central_mdm.metrics import Page  # noqa: PLC0415 - few ask for it

    return Page(ground, joined.door, requests)
