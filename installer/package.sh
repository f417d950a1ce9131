#!/usr/bin/env bash
# Build dist/pupitre, hold it to its limits, and smoke-test it with a small demo.
set -euo pipefail
cd "$(dirname "$0")/.."
MEGABYTES_MAX=200
SECONDS_MAX=360
started=$SECONDS
.venv/bin/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build installer/pupitre.spec
took=$((SECONDS - started))
size=$(du --summarize --block-size=1M dist/pupitre | cut -f1)
echo "built in ${took} s, ${size} MB"
[ "$size" -le "$MEGABYTES_MAX" ] || { echo "larger than ${MEGABYTES_MAX} MB" >&2; exit 1; }
[ "$took" -le "$SECONDS_MAX" ] || { echo "slower than ${SECONDS_MAX} s" >&2; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
dist/pupitre/pupitre demo --devices 3 --headless --out "$out/demo"
