#!/usr/bin/env bash
# Write dist/pupitre.cdx.json: what the three programs are made of, and no tool of the workshop.
set -euo pipefail
cd "$(dirname "$0")/.."
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
.venv/bin/python -m venv --without-pip "$made/venv"
.venv/bin/python -m pip --quiet --python "$made/venv/bin/python" install '.[app,agent,mdm]'
mkdir -p dist
.venv/bin/cyclonedx-py environment --pyproject pyproject.toml --short-PURLs --output-reproducible \
  --sv 1.6 --of JSON --output-file dist/pupitre.cdx.json "$made/venv/bin/python"
.venv/bin/python - <<'PYTHON'
import json
import re
import tomllib
from pathlib import Path

bom = json.loads(Path("dist/pupitre.cdx.json").read_text())
listed = {re.sub(r"[-_.]+", "-", each["name"]).lower() for each in bom["components"]}
project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
lines = project["dependencies"] + [
    line for extra in ("link", "app", "agent", "mdm") for line in project["optional-dependencies"][extra]
]
names = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in lines}
if missing := names - listed - {"pupitre"}:
    raise SystemExit(f"not in the list: {', '.join(sorted(missing))}")
print(f"dist/pupitre.cdx.json: {len(listed)} components")
PYTHON
