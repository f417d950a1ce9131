"""What a false or sick server can put into an answer; found by `python -m tests.fuzz`."""

import httpx
import pytest

from central_mdm.contract.grants import Assignment
from central_mdm.contract.identity import GrantIssued, SignedIn
from central_mdm.contract.roster import Changes
from classroom_app.cloud.answers import judge, read
from classroom_app.cloud.errors import NotAServer, Refused, ServerBusy
from device_bridge.server_clock import ahead_seconds

HUGE = b"1" + b"0" * 30
SIGNED_IN = (
    b'{"token":"t","token_seconds":%s,"refresh":"r","teacher":"t","teacher_name":"T",'
    b'"school":"s","school_name":"S","root":""}'
)
FAR = f"Tue, 24 Nov {'2' * 20} 08:00:00 GMT"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (
            Changes,
            b'{"scope":"class:5B","epoch":"e","changes":[],"cursor":"on","has_more":false,"count":%s}',
        ),
        (GrantIssued, b'{"grant":"a.b.c","ends_at":%s}'),
        (SignedIn, SIGNED_IN),
        (
            Assignment,
            b'{"device":"d","school":"s","version":%s,"classes":[],"issued_at":0}',
        ),
    ],
)
def test_a_number_that_no_database_holds_is_not_read(kind: type, body: bytes) -> None:
    assert read(body % b"7", kind)
    with pytest.raises(NotAServer):
        read(body % HUGE, kind)


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json"])
def test_a_problem_is_read_under_its_new_name_and_as_older_servers_call_it(kind: str) -> None:
    told = httpx.Response(409, headers={"content-type": kind})
    with pytest.raises(Refused) as refused:
        judge(told, b'{"code":"no-class","detail":"None is given."}', 0.0)
    assert (refused.value.code, refused.value.detail) == ("no-class", "None is given.")


def test_a_portals_page_is_no_problem() -> None:
    with pytest.raises(NotAServer):
        judge(httpx.Response(403, headers={"content-type": "text/html"}), b"<html>", 0.0)


@pytest.mark.parametrize("status", [408, 425])
def test_a_line_that_stalled_says_nothing_of_what_was_sent(status: int) -> None:
    told = httpx.Response(status, headers={"content-type": "application/problem+json"})
    with pytest.raises(ServerBusy):
        judge(told, b'{"code":"too-slow","detail":"The body came too slowly."}', 0.0)


def test_a_date_in_a_year_of_twenty_digits_says_nothing() -> None:
    assert ahead_seconds(FAR, 0.0) is None
    with pytest.raises(ServerBusy) as busy:
        judge(httpx.Response(503, headers={"retry-after": FAR}), b"", 0.0)
    assert busy.value.after_seconds == 5.0


def test_what_is_being_done_by_this_very_key_is_asked_for_again_a_moment_later() -> None:
    told = httpx.Response(
        409, headers={"content-type": "application/problem+json", "retry-after": "1"}
    )
    with pytest.raises(ServerBusy) as busy:
        judge(told, b'{"code":"in-flight"}', 0.0)
    assert busy.value.after_seconds == 1.0
