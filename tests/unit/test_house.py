"""The rules of the house that import-linter cannot say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("classroom_app", "device_bridge", "central_mdm")
PURE = ("classroom_app/domain", "device_bridge/protocol", "central_mdm/contract")
PURE_MAY = {"msgspec", *ROOMS}
STARTS_TASKS = {"classroom_app/tasks.py"}


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


def called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


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
        for path, tree in trees(*ROOMS)
        if path not in allowed and any(name.endswith(ending) for name in called(tree))
    }
    assert not calling


@pytest.mark.parametrize(
    "package",
    [
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
    ],
)
def test_all_but_windows_imports_without_qt(package: str) -> None:
    """The guard runs where no desktop is, the MDM where no Qt is installed."""
    walk = (
        "import importlib, pkgutil, sys\n"
        "sys.modules['PySide6'] = None\n"
        f"room = importlib.import_module('{package}')\n"
        "for found in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    if not found.name.endswith('__main__') and '.versions.' not in found.name "
        "and not found.name.endswith('.env'):\n"
        "        importlib.import_module(found.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", walk], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_central_package_is_empty() -> None:
    assert (ROOT / "central_mdm" / "__init__.py").read_text() == ""
