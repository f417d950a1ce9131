"""A keyring of the `keyring` library itself, in a file; only a child process may import it.

A class of that library is known to it from its import on, so to every later test as well.
"""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class FileRing(KeyringBackend):
    """Keeps passwords in the file that `PUPITRE_TEST_RING` names."""

    priority = 9  # pyright: ignore[reportAssignmentType] - the library's own way to say it

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._file().write_text(json.dumps(self._kept() | {f"{service} {username}": password}))

    def _file(self) -> Path:
        return Path(os.environ["PUPITRE_TEST_RING"])

    def _kept(self) -> dict[str, str]:
        return json.loads(self._file().read_text()) if self._file().exists() else {}
