"""The device's doctor about its clock: by the server's answer, its certificate, what was signed."""

import asyncio
import email.utils
import ssl
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from device_bridge.agent.cli import main
from device_bridge.agent.doctor import ask_clock, clock_at
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.kept import Kept
from device_bridge.discovery.doctor_words import sentence
from device_bridge.trust.identity import write_private
from tests.false_servers import JSON, answering, hang, speaking

pytestmark = pytest.mark.real_loop

WRONG_CODE = "This code does not enrol a device: it is mistyped, used up, or its time is over."
HOUR = 3600
YEAR = timedelta(days=365)


def dated(ahead_seconds: float) -> str:
    return f"Date: {email.utils.formatdate(time.time() + ahead_seconds, usegmt=True)}"


@pytest.fixture(autouse=True)
async def workers_end() -> AsyncIterator[None]:
    yield
    await asyncio.get_running_loop().shutdown_default_executor()


async def doctor(folder: Path, *more: str) -> tuple[int, str]:
    """Run the real command; return its exit code and all that it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device_bridge.agent"),
        *more,
        *("--folder", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_device_that_is_not_enrolled_compares_its_clock_with_a_named_server(
    tmp_path: Path,
) -> None:
    wrong = answering("404 Not Found", JSON, b"{}", dated(3 * HOUR + 60))
    async with speaking(wrong) as server:
        code, said = await doctor(tmp_path, "doctor", "--server", server)
    assert code == 1
    assert "!!  This clock is 3 hours behind the school server's. Set date and time." in said


async def test_a_device_that_is_not_enrolled_is_told_to_be_and_nothing_is_looked_at(
    tmp_path: Path,
) -> None:
    code, said = await doctor(tmp_path, "doctor")
    assert code == 1
    assert "This device belongs to no school yet" in said
    assert "mDNS" not in said


def test_a_code_that_can_be_none_is_told_like_any_other_wrong_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = "http://127.0.0.1:1"
    assert main(["enrol", "--folder", str(tmp_path), "--server", nobody, "--code", "short"]) == 1
    assert capsys.readouterr().err.startswith(WRONG_CODE)


@pytest.mark.parametrize(
    ("said", "unsaid"),
    [(("--server", "http://127.0.0.1:1"), "--code"), ((), "--server and --code")],
)
def test_who_enrols_without_a_code_is_told_to_say_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: tuple[str, ...], unsaid: str
) -> None:
    assert main(["enrol", "--folder", str(tmp_path), *said]) == 2
    assert capsys.readouterr().err.startswith(f"To enrol, say {unsaid} as well: ")


async def test_who_meets_no_tls_or_an_untrusted_certificate_is_told_so(tmp_path: Path) -> None:
    def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    certificate(tmp_path, timedelta(0))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "both.pem")
    for server, words in (
        (await asyncio.start_server(plain, "127.0.0.1", 0), "answers at this address, but not by"),
        (await asyncio.start_server(met, "127.0.0.1", 0, ssl=serving), "self-signed certificate."),
    ):
        async with server:
            at = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            code, said = await doctor(tmp_path, "enrol", "--server", at, "--code", "ABCDEFGH")
        assert code == 1
        assert words in said


async def test_a_right_clock_is_said_to_be_right(tmp_path: Path) -> None:
    async with speaking(answering("200 OK", JSON, b"{}", dated(0))) as server:
        clock = await clock_at(Folder(tmp_path), server)
    assert (clock.state, sentence(clock)) == ("ok", "The clock is right.")


async def test_whoever_enrols_with_a_wrong_clock_is_told_so_at_once(tmp_path: Path) -> None:
    refusing = answering("403 Forbidden", JSON, b'{"code": "bad-code"}', dated(-50 * HOUR))
    async with speaking(refusing) as server:
        code, said = await doctor(tmp_path, "enrol", "--server", server, "--code", "ABCDEFGH")
    assert code == 1
    assert "This clock is 2 days ahead of the school server's. Set date and time." in said
    assert WRONG_CODE in said


async def test_whoever_is_enrolled_elsewhere_is_told_where_and_what_helps(tmp_path: Path) -> None:
    told = b'{"code": "other-place", "detail": "This device is dev-1 (class: 6e A), and \\u2026"}'
    async with speaking(answering("403 Forbidden", JSON, told, dated(0))) as server:
        code, said = await doctor(tmp_path, "enrol", "--server", server, "--code", "ABCDEFGH")
    assert (code, said) == (1, "This device is dev-1 (class: 6e A), and …\n")


async def test_without_an_answer_what_the_school_signed_tells_a_clock_that_is_behind(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path)
    for floor, words in (
        (time.time() + 49 * HOUR, "This clock stands in the past, at least 2 days behind."),
        (time.time() - HOUR, "By what the school last signed the clock is not behind;"),
    ):
        write_private(folder.state, msgspec.json.encode(Kept(floor_seconds=floor)))
        assert words in sentence(await clock_at(folder, "http://127.0.0.1:9"))


async def test_a_server_that_says_no_time_says_nothing(tmp_path: Path) -> None:
    quick = partial(httpx.AsyncClient, timeout=0.3)
    for talk in (answering("200 OK", JSON, b"{}"), answering("200 OK", JSON, b"{}", "Date: x")):
        async with speaking(talk) as server:
            assert (await clock_at(Folder(tmp_path), server)).state == "unknown"
    async with speaking(hang) as server:
        assert (await ask_clock(server, quick)).off_seconds is None
    assert (await ask_clock("no address")).off_seconds is None


@pytest.mark.parametrize(("begins", "refusal"), [(YEAR, "early"), (-2 * YEAR, "late")])
async def test_a_certificate_out_of_its_time_is_a_sign_of_a_wrong_clock(
    tmp_path: Path, begins: timedelta, refusal: str
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate(tmp_path, begins)))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "both.pem")

    def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=serving)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = partial(httpx.AsyncClient, verify=trusting)
        told = await ask_clock(f"https://127.0.0.1:{port}", client)
    assert told.refusal == refusal


def certificate(folder: Path, begins: timedelta) -> Path:
    """Write a server's own certificate of a year, and its key beside it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mdm")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + begins + YEAR)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "both.pem").write_bytes(secret + made)
    path = folder / "certificate.pem"
    path.write_bytes(made)
    return path
