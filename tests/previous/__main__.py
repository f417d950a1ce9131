"""Keep the server's code of a commit: `python -m tests.previous COMMIT`."""

import argparse
import io
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.previous import HERE, kept

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same commit makes the same file."""


def code_of(commit: str) -> dict[str, bytes]:
    """Read the modules of `central_mdm`; it imports nothing else of ours to serve."""
    told = ["git", "archive", commit, "central_mdm"]
    done = subprocess.run(told, capture_output=True, check=True, cwd=HERE.parents[1])
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = [each for each in archive if each.isfile() and each.name.endswith(".py")]
        files = {each.name: archive.extractfile(each) for each in members}
        return {name: file.read() for name, file in sorted(files.items()) if file}


def version_of(code: dict[str, bytes]) -> str:
    text = code["central_mdm/platform/migrate.py"].decode()
    found = re.search(r'^NEWEST: Final = "([0-9]{4})"$', text, re.MULTILINE)
    assert found, "this commit names no newest version"
    return found[1]


def keep(code: dict[str, bytes]) -> Path:
    path = HERE / f"v{version_of(code)}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name, content in code.items():
            made.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="the last one of the version before")
    made = keep(code_of(parser.parse_args().commit))
    for path in kept():
        if path != made:
            path.unlink()
    print(made)


if __name__ == "__main__":
    main()
