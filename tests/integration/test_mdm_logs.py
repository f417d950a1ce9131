"""What the server logs is for machines to read, and tells nobody's name or secret."""

import json
import logging

import pytest
from sqlalchemy import insert

from central_mdm.identity.model import teachers
from central_mdm.platform.logs import JsonLines
from tests.mdm import Mdm, bearer, new_request

pytestmark = pytest.mark.real_loop


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Take what was logged: the errors among it are meant."""
    told = [JsonLines().format(record) for record in caplog.records]
    caplog.clear()
    return told


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_run_with_failures_logs_no_name_login_password_code_or_token(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    # The drivers' own debugging is off in a server, and is no part of this.
    for library in ("aiosqlite", "asyncio", "httpcore"):
        logging.getLogger(library).setLevel(logging.INFO)
    caplog.set_level(logging.DEBUG)
    place, account = mdm.sample["devices"][0], mdm.sample["teachers"][0]
    mine = await mdm.sign_in()
    asked = {"code": place["code"], "csr": new_request(), "inventory": {"kind": "test"}}
    token = (await mdm.http.post("/api/enrolments", json=asked)).json()["token"]
    wrong = {"school": mdm.school, "login": account["login"], "password": "Wrong-Password-1"}
    for _ in range(7):
        await mdm.http.post("/api/sign-in", json=wrong)
    await mdm.http.post("/api/check-in", json={}, headers=bearer(token))
    row = {"id": "t-double", "name": "Vannier-Name", "login": account["login"], "role": "teacher"}
    with pytest.raises(Exception, match="UNIQUE") as broken:
        async with mdm.ground.database.writing(mdm.school) as connection:
            await connection.execute(
                insert(teachers).values(school=mdm.school, password_hash="x", **row)  # noqa: S106
            )
    logging.getLogger("central_mdm.test").error("unforeseen", exc_info=broken.value)
    told = lines(caplog)
    assert len(told) >= 2
    assert all(isinstance(json.loads(line), dict) for line in told)
    hidden = {"Vannier-Name", "Wrong-Password-1", token, mine["token"], mine["refresh"]}
    for each in mdm.sample["teachers"]:
        hidden |= {each["name"], each["login"], each["password"]}
    hidden |= {place["code"]}
    everything = "\n".join(told)
    assert not [secret for secret in hidden if secret in everything]


def test_a_line_tells_what_the_record_does_and_of_an_error_the_way_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        raise ValueError("Lambert")  # noqa: TRY301 - it is to have come some way
    except ValueError:
        logging.getLogger("x").exception("went %s", "wrong", extra={"why": "words"})
    (line,) = lines(caplog)
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("error", "x", "went wrong")
    assert (told["why"], told["error"]) == ("words", "ValueError")
    assert "Lambert" not in line
    assert "test_mdm_logs.py" in told["way"][0]
