"""Whether requests should come: /ready names what is away; a stopped server finishes its work."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from central_mdm.platform.migrate import NEWEST
from central_mdm.platform.readiness import Readiness
from tests.mdm import Mdm, Prepared

pytestmark = pytest.mark.real_loop


async def readiness(mdm: Mdm) -> tuple[int, str]:
    mdm.clock.at += 1  # it is asked once a second
    answer = await mdm.http.get("/ready")
    return answer.status_code, answer.json().get("code", "")


async def version(mdm: Mdm, version: str) -> None:
    async with mdm.ground.database.writing("") as connection:
        told = text("UPDATE alembic_version SET version_num = :version")
        await connection.execute(told, {"version": version})


async def test_ready_names_the_part_that_is_away(mdm: Mdm, tmp_path: Path) -> None:
    assert await readiness(mdm) == (200, "")
    await version(mdm, "0001")
    assert await readiness(mdm) == (503, "schema")
    await version(mdm, f"{int(NEWEST) + 1:04}")
    assert await readiness(mdm) == (200, ""), "the next version stands beside this one"
    objects = tmp_path / "objects"
    for path in sorted(objects.rglob("*"), reverse=True):
        path.rmdir()
    objects.rmdir()
    objects.write_bytes(b"no folder")
    assert await readiness(mdm) == (503, "objects")
    await Readiness(mdm.ground, {"fleet", "identity"}).check()  # which have none of them
    async with mdm.ground.database.writing("") as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
    assert await readiness(mdm) == (503, "database")
    assert (await mdm.http.get("/health")).status_code == 200


async def test_a_server_that_is_to_end_says_no_takes_none_anew_and_finishes_what_it_has(
    tmp_path: Path, school_on: Callable[[str], Prepared]
) -> None:
    with school_on("sqlite").copy(tmp_path):
        command = ("-m", "central_mdm", "serve", "--folder", str(tmp_path), "--drain-seconds", "60")
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE)
        try:
            assert process.stdout
            url = httpx.URL(json.loads(await process.stdout.readline())["listening"])
            async with httpx.AsyncClient(base_url=url) as http:
                assert (await http.get("/ready")).status_code == 200
                reader, writer = await asyncio.open_connection(url.host, url.port)
                body = b'{"refresh": "t.x.tilleuls"}'
                head = "POST /api/refresh HTTP/1.1\r\nHost: mdm\r\nConnection: close\r\n"
                head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body[:9])
                await writer.drain()
                process.send_signal(signal.SIGTERM)
                while (answer := await http.get("/ready")).status_code == 200:
                    pass
                assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
                assert (await http.get("/health")).status_code == 200, "it serves on meanwhile"
                process.send_signal(signal.SIGTERM)  # enough of that
                await _closed(url)
            writer.write(body[9:])
            assert b"not-signed-in" in await reader.read()
            writer.close()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _closed(url: httpx.URL) -> None:
    """Wait until nobody can connect any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection(url.host, url.port)
        except OSError:
            return
        writer.close()
