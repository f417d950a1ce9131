"""The rules of the house: import-linter's contracts, and those that it cannot say."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("classroom_app", "device_bridge", "central_mdm")
PURE = ("classroom_app/domain", "device_bridge/protocol", "central_mdm/contract")
PURE_MAY = {"msgspec", *ROOMS}
STARTS_TASKS = {"classroom_app/tasks.py"}
WITHOUT_QT = (
    "classroom_app.domain",
    "classroom_app.services",
    "classroom_app.storage",
    "classroom_app.cloud",
    "device_bridge.protocol",
    "device_bridge.trust",
    "device_bridge.discovery",
    "device_bridge.session",
    "device_bridge.materials",
    "device_bridge.simulator",
    "device_bridge.agent.guard",
    "device_bridge.agent.platform",
    "central_mdm",
)
FORBIDDEN_LINES = {
    "floors": ("classroom_app/domain/lesson.py", "import classroom_app.services.attention"),
    "ports": ("classroom_app/services/attention.py", "import classroom_app.storage.store"),
    "pure": ("classroom_app/domain/tile.py", "import asyncio"),
    "qt": ("device_bridge/session/wire.py", "import PySide6"),
    "bridge": ("device_bridge/trust/floor.py", "import classroom_app.ids"),
    "agent": ("device_bridge/agent/folder.py", "import device_bridge.discovery.sightings"),
    "contract": ("classroom_app/ids.py", "import central_mdm.roster.rules"),
    "central": ("central_mdm/app.py", "import device_bridge.logs"),
    "platforms": (
        "device_bridge/agent/platform/linux_open.py",
        "import device_bridge.agent.platform.x11_grabs",
    ),
}
"""For each contract a line that breaks it."""


def trees(*under: str) -> Iterator[tuple[str, ast.Module]]:
    for room in under:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def calls() -> list[tuple[str, set[str]]]:
    """Return every file with what it calls."""
    return [
        (path, {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)})
        for path, tree in trees(*ROOMS)
    ]


def test_the_pure_rooms_import_the_standard_library_and_msgspec_only() -> None:
    roots = {
        (path, name.partition(".")[0]) for path, tree in trees(*PURE) for name in imported(tree)
    }
    strangers = {
        (path, root)
        for path, root in roots
        if root not in sys.stdlib_module_names and root not in PURE_MAY
    }
    assert not strangers


def verdicts(folder: Path) -> dict[str, str]:
    """Run import-linter over the packages of `folder`; return KEPT or BROKEN by contract."""
    linted = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["importlinter"]
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    told = re.findall(r"^(.+) (KEPT|BROKEN)(?: \(.*\))?$", done.stdout, re.MULTILINE)
    ids = {each["name"]: each["id"] for each in linted["contracts"]}
    found = {ids[name]: verdict for name, verdict in told}
    assert found.keys() == set(ids.values()), done.stdout + done.stderr
    return found


def test_every_import_contract_is_kept() -> None:
    assert [name for name, verdict in verdicts(ROOT).items() if verdict != "KEPT"] == []


def test_no_import_contract_can_be_broken_unseen(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, line in FORBIDDEN_LINES.values():
        with (tmp_path / path).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    assert verdicts(tmp_path) == dict.fromkeys(FORBIDDEN_LINES, "BROKEN")


def test_presenters_services_and_storage_know_no_widget() -> None:
    rooms = ("presenters", "services", "domain", "storage", "cloud", "media")
    knowing = {
        path
        for path, tree in trees(*(f"classroom_app/{room}" for room in rooms))
        if any(name.startswith("PySide6.QtWidgets") for name in imported(tree))
    }
    assert not knowing


@pytest.mark.parametrize(
    ("ending", "allowed"),
    [
        (".exec", set[str]()),  # a dialog's exec() stalls every task under qasync
        (".processEvents", set[str]()),
        ("loop.create_task", STARTS_TASKS),
        ("get_running_loop().create_task", STARTS_TASKS),
        ("datetime.now", set[str]()),
        ("datetime.utcnow", set[str]()),
        (".wrap_socket", set[str]()),  # CVE-2023-40217 concerns SSLSocket
    ],
)
def test_nobody_calls(ending: str, allowed: set[str]) -> None:
    calling = {
        path
        for path, names in calls()
        if path not in allowed and any(name.endswith(ending) for name in names)
    }
    assert not calling


def test_all_but_windows_imports_without_qt() -> None:
    """The guard runs where no desktop is, the MDM where no Qt is installed."""
    walk = (
        "import importlib, pkgutil, sys\n"
        "sys.modules['PySide6'] = None\n"
        "for package in sys.argv[1:]:\n"
        "    room = importlib.import_module(package)\n"
        "    for found in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "        if not found.name.endswith('__main__') and '.versions.' not in found.name "
        "and not found.name.endswith('.env'):\n"
        "            importlib.import_module(found.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", walk, *WITHOUT_QT],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_central_package_is_empty() -> None:
    assert (ROOT / "central_mdm" / "__init__.py").read_text() == ""


@pytest.mark.parametrize(
    "room", ["device_bridge/agent/guard", "device_bridge/materials", "classroom_app/storage"]
)
def test_what_threads_read_is_read_by_decoders_made_at_import(room: str) -> None:
    """Msgspec 0.22 ends the process where two threads are the first to read one struct."""
    on_the_loop_only = {"enrolled.py", "leaving.py", "mdm.py", "status.py"}
    for path in sorted((ROOT / room).glob("*.py")):
        if path.name not in on_the_loop_only:
            assert not re.search(r"decode\([^\n]*type=", path.read_text()), path


def test_a_bound_of_what_is_typed_at_commands_is_written_in_one_file() -> None:
    found = re.compile(r"^(\w+_MAX)\b.* = ", re.MULTILINE)
    commands = sorted((ROOT / "central_mdm").glob("*.py"))
    named = [name for path in commands for name in found.findall(path.read_text(encoding="utf-8"))]
    assert [name for name, times in Counter(named).items() if times > 1] == []


def test_the_code_of_a_refusal_is_a_constant_for_programs_compare_it() -> None:
    source = (ROOT / "central_mdm/platform/errors.py").read_text(encoding="utf-8")
    refusals = {each.name for each in ast.parse(source).body if isinstance(each, ast.ClassDef)}
    made = [
        f"{path}:{call.lineno}"
        for path, tree in trees("central_mdm")
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if call.func.id in refusals and any(isinstance(one, ast.JoinedStr) for one in call.args[:1])
    ]
    assert not made
