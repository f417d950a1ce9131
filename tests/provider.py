"""A real OpenID provider in a process of its own, and a browser that somebody signs in with."""

import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import httpx

TOKEN_SECONDS = 120


@contextmanager
def provider() -> Generator[str]:
    """Start one on a port of its choosing; yield what it is called."""
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", "0"]
    command += ["--token-max-age", str(TOKEN_SECONDS)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            found = (re.search(r"running on (http://[0-9.:]+)", line) for line in process.stderr)
            yield next(one.group(1) for one in found if one)
        finally:
            process.terminate()
            process.stderr.read()  # to its end, or it could wait for us


async def sign_in_there(http: httpx.AsyncClient, page: str, subject: str) -> httpx.Response:
    """Say on the provider's page who one is, and go where it sends one; return what is read."""
    answer = await http.post(page, data={"sub": subject})
    return await http.get(answer.headers["location"])
