"""What a refused request hears: the field, in our words, and never what it sent."""

from enum import Enum
from typing import Annotated

import httpx
import pytest
from litestar import Litestar, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct

from central_mdm.contract.names import Count
from central_mdm.platform.api import tell


class Kind(Enum):
    TABLET = "tablet"


class Device(Struct):
    name: str
    kind: Kind = Kind.TABLET


class Told(Struct):
    devices: list[Device]
    notes: dict[str, int] = {}


@post("/told")
async def told(data: JSONBody[Told], after: Annotated[Count, QueryParameter(ge=0)] = 0) -> int:
    return after + len(data.devices)


@pytest.mark.parametrize(
    ("query", "body", "detail"),
    [
        (
            "",
            b'{"devices":[{"name":""},{"name":5}]}',
            "devices[1].name: Expected `str`, got `int`.",
        ),
        ("", b'{"devices":[{"name":"","kind":"Secret"}]}', "devices[0].kind: This does not fit."),
        (
            "",
            b'{"devices":[],"notes":{"Secret":"Secret"}}',
            "notes[...]: Expected `int`, got `str`.",
        ),
        ("", b"{}", "body: Object missing required field `devices`."),
        ("", b"", "body: This does not fit."),
        ("?after=Secret", b'{"devices":[]}', "after: Expected `int`, got `str`."),
        ("", b"[" * 30_000, "This is nested too deep."),
    ],
)
async def test_a_refusal_names_the_field_and_never_what_was_sent(
    query: str, body: bytes, detail: str
) -> None:
    app = Litestar([told], exception_handlers={Exception: tell}, logging_config=None)
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two names for ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://mdm") as http:
        answer = await http.post(f"/told{query}", content=body)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)
    assert "Secret" not in answer.text
