"""The services of `installer/systemd`: well formed, with little to lose, and able to live so."""

import configparser
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.guard import guard_process
from tests.attack.locking import locked, teaching

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "installer" / "systemd"
GUARD, SEAT = UNITS / "pupitre-guard.service", UNITS / "pupitre-seat.service"
EXPOSURE_MAX = 25  # tenths: 2.5 of 10
NOBODY = 65534
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # prctl(2): as MemoryDenyWriteExecute=yes
NO_EXEC_GAIN = (
    "import ctypes, os, sys\n"
    f"ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0)\n"
    "os.umask(0o077)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


def analyzed(*command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_RUNTIME_DIR": tempfile.gettempdir()}
    return subprocess.run(
        ["systemd-analyze", *command], capture_output=True, text=True, env=env, check=False
    )


@pytest.mark.parametrize(("unit", "whose"), [(GUARD, "--system"), (SEAT, "--user")])
def test_a_unit_is_one_that_systemd_takes_whole(unit: Path, whose: str, tmp_path: Path) -> None:
    # Only the program is not installed where the test runs.
    text = unit.read_text().replace("/opt/pupitre/pupitre-agent", "/bin/true")
    copy = tmp_path / unit.name
    copy.write_text(text)
    done = analyzed("verify", whose, "--man=no", str(copy))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_unit_with_a_word_systemd_does_not_know_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "wrong.service"
    copy.write_text("[Service]\nExecStart=/bin/true\nProtectEverything=yes\n")
    assert "ProtectEverything" in analyzed("verify", "--man=no", str(copy)).stderr


def test_the_guard_s_service_has_little_to_lose() -> None:
    done = analyzed("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(GUARD))
    assert done.returncode == 0, done.stdout
    figure = re.search(r"exposure level for pupitre-guard.service: ([\d.]+)", done.stdout)
    assert figure
    assert float(figure[1]) < EXPOSURE_MAX / 10


def test_the_units_and_the_autostart_name_options_that_the_agent_has() -> None:
    starts = [_of(GUARD, "Service", "ExecStart"), _of(SEAT, "Service", "ExecStart")]
    starts.append(_of(UNITS / "pupitre-seat.desktop", "Desktop Entry", "Exec"))
    for start in starts:
        _, command, *options = start.split()
        told = subprocess.run(
            [sys.executable, "-m", "device_bridge.agent", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert all(option in told for option in options if option.startswith("--"))


def _of(file: Path, section: str, name: str) -> str:
    read = configparser.RawConfigParser(strict=False)
    read.read(file)
    return read[section][name]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that another user may walk into; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(prefix="pupitre-services-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def anybodys_python() -> str:
    """Return an interpreter that other users may run: ours may lie in root's own folder."""
    prefix = Path(sys.base_prefix)
    if all(path.stat().st_mode & 0o001 for path in (prefix, *prefix.parents)):
        return sys.executable
    name = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(name).exists():
        pytest.fail(f"nobody else may run {prefix}, and there is no {name}")
    return name


@pytest.mark.real_loop
async def test_a_guard_without_any_privilege_is_locked_by_its_teacher(open_folder: Path) -> None:
    assert os.geteuid() == 0, "only root can run the guard as somebody else"
    seat_folder = open_folder / "run"
    seat_folder.mkdir(mode=0o711)
    os.chown(seat_folder, NOBODY, NOBODY)
    python = anybodys_python()
    within = [
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"),
        *("env", f"PYTHONPATH={ROOT}:{sysconfig.get_path('purelib')}"),
        *(python, "-c", NO_EXEC_GAIN),
    ]
    options = ["--seat-folder", str(seat_folder), "--pupil-uid", "1000"]
    running = guard_process(open_folder, within, uid=NOBODY, python=python, options=options)
    async with running as guard:
        status = status_of(guard.process.pid)
        assert set(re.findall(r"^Cap\w+:\s+(\w+)", status, re.MULTILINE)) == {"0" * 16}
        assert re.search(rf"^Uid:\s+{NOBODY}\s", status, re.MULTILINE)
        assert (seat_folder / "seat.sock").is_socket()
        async with teaching(guard) as (app, room):
            assert await locked(app, room, 1) > 0
        assert guard.bugs() == []
        modes = {path.stat().st_mode & 0o077 for path in (open_folder / "guard").rglob("*")}
        assert modes == {0}
