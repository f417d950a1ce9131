"""What answers at a school's address and is no school server, or a sick one."""

import asyncio
import contextlib
import ipaddress
import os
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HTML = b"<html><body>Welcome to the hotel's wifi</body></html>"
JSON = "application/json"
TURNS = 30
"""Of the loop, until who was accepted is met (asyncio 3.11 loses them where the listener closes
sooner), and until httpx has closed its seven nested generators of an answer that is read no more,
each in a task of its own."""


@contextlib.asynccontextmanager
async def speaking(talk: Talk) -> AsyncGenerator[str]:
    """Serve `talk` to whoever connects, until the block ends; yield its address."""
    talks: set[asyncio.Task[None]] = set()
    failed: list[Exception] = []

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
            await writer.drain()

    async with asyncio.TaskGroup() as group:

        def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            one = group.create_task(met(reader, writer))
            talks.add(one)
            # Not in `met`: a task that is cancelled before its first turn runs none of it.
            one.add_done_callback(lambda _: writer.close())

        listener = await asyncio.start_server(came, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        except Exception as error:  # noqa: BLE001 - raised again, outside the group
            failed.append(error)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        listener.close()
        for one in talks:
            one.cancel()
    if failed:
        raise failed[0]


@contextlib.asynccontextmanager
async def speaking_tls(folder: Path, begins: int, ends: int) -> AsyncGenerator[tuple[str, str]]:
    """Greet by TLS, with a certificate of its own that is good between these days from now on.

    Yield the address and the certificate in PEM.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "school")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    ).public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate)
    speaks = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    speaks.load_cert_chain(folder / "server.pem")
    listener = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=speaks
    )
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"https://127.0.0.1:{port}", certificate.decode()


def answering(status: str, kind: str, body: bytes, *more: str) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        lines += [*more, "Connection: close"]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return talk


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until the caller gives up


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )


async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(os.urandom(200))
