#!/usr/bin/env bash
# Known vulnerabilities in the oldest supported versions of our dependencies; skipped if offline.
#
# Usage: audit.sh PYTHON PIP_AUDIT (a Python with these versions installed, and the path of pip-audit).
set -euo pipefail
python=$1 audit=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip list --format=freeze |
    grep -i -E '^(typer|rich|numpy|pillow|platformdirs|requests|rapidfuzz|isal|pyarrow|lmdb)==' >"$work/oldest.txt"
"$audit" --no-deps --disable-pip --format json -r "$work/oldest.txt" \
    >"$work/found.json" 2>"$work/errors" || true
"$python" - "$work/found.json" "$(dirname "$0")/vulnerabilities.txt" <<'PYTHON'
import json
import sys
from pathlib import Path

try:
    packages = json.loads(Path(sys.argv[1]).read_text())["dependencies"]
except ValueError:
    packages = []
looked_up = [package for package in packages if "vulns" in package]
if not looked_up:
    sys.exit(print("skipped the audit: the data about vulnerabilities cannot be reached"))
known = {line.split()[0] for line in Path(sys.argv[2]).read_text().splitlines() if line[:1] not in ("", "#")}
new = [
    f"{package['name']} {package['version']}: {vulnerability['id']} {', '.join(vulnerability['aliases'])}"
    for package in looked_up
    for vulnerability in package["vulns"]
    if not known & {vulnerability["id"], *vulnerability["aliases"]}
]
print(f"audited {len(looked_up)} packages; new vulnerabilities: {len(new)}")
if new:
    sys.exit("\n".join([*new, "raise the lower bound, or write into .ci/vulnerabilities.txt why it does not concern us"]))
PYTHON
