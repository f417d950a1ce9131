"""`pupitre` from outside: it ends in order when it is asked to, and says why it cannot begin."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from classroom_app import cli
from classroom_app.demo.strings import Strings
from device_bridge.no_desktop import SCREENS

pytestmark = pytest.mark.real_loop


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_who_asks_the_app_to_end_gets_an_orderly_end(
    tmp_path: Path, ends: signal.Signals
) -> None:
    if signal.getsignal(ends) is signal.SIG_IGN:
        pytest.skip("whoever runs the tests, as nohup, has it ignored; so has what they start")
    socket = tmp_path / "puppet"
    options = ["--home", str(tmp_path / "home"), "--interface", "127.0.0.1"]
    app = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "classroom_app", *options, "--puppet", str(socket)),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    await (await Strings.tie(socket)).close()
    app.send_signal(ends)
    _, told = await app.communicate()
    assert app.returncode == 0
    assert b"Traceback" not in told


@pytest.mark.skipif(sys.platform != "linux", reason="X11 is")
@pytest.mark.parametrize(
    ("display", "words"),
    [
        ("", "There is no desktop here"),
        (":990", "No window can be shown here"),
        (":99999", "No window can be shown here"),
    ],
)
@pytest.mark.parametrize(
    "program", [("classroom_app", "demo"), ("device_bridge.agent", "page")], ids=lambda one: one[1]
)
async def test_a_desktop_that_is_not_there_is_said_in_a_sentence(
    program: tuple[str, str], display: str, words: str
) -> None:
    env = {key: value for key, value in os.environ.items() if key not in SCREENS}
    app = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *program),
        stderr=asyncio.subprocess.PIPE,
        env={**env, "DISPLAY": display},
    )
    _, told = await app.communicate()
    assert (app.returncode, told.decode().count("\n")) == (2, 1)
    assert words in told.decode()


@pytest.mark.parametrize("wrong", [["--interface", "foo"], ["demo", "--play", "--headless"]])
def test_what_cannot_be_meant_is_refused_at_once(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(wrong)
