#!/usr/bin/env bash
# Install a built wheel or sdist and use it from another folder. Usage: installed.sh PYTHON FILE [UV]
# UV is the path of uv, which installs in seconds; without it, pip is used.
set -euo pipefail
python=$1 file=$(cd "$(dirname "$2")" && pwd)/$(basename "$2") uv=${3:-}
work=$(mktemp -d)
trap 'cd / && rm -rf "$work" || true' EXIT # Windows removes no current folder
if [ -n "$uv" ]; then
    "$uv" venv --quiet --python "$python" "$work/user"
else
    "$python" -m venv "$work/user"
fi
programs=$work/user/bin
[ -d "$programs" ] || programs=$work/user/Scripts
if [ -n "$uv" ]; then
    "$uv" pip install --quiet --python "$work/user" "$file"
else
    "$programs/python" -m pip install --quiet "$file"
fi
cd "$work"
export DIGITSEQ_OFFLINE=1 DIGITSEQ_CACHE_DIR=$work/cache
if [ -d "${DIGITSEQ_TEST_MNIST:-}" ]; then
    "$programs/digitseq" fetch-mnist --from "$DIGITSEQ_TEST_MNIST"
fi
"$programs/digitseq" --version --json
"$programs/digitseq" generate 0042 --seed 1 --show
"$programs/digitseq" generate 0042 --seed 1 --style-seed 7 --json
"$programs/digitseq" batch data -n 50 --length 3-5 --seed 1 --quiet
"$programs/digitseq" verify data
"$programs/digitseq" inspect data --html page.html --sheet sheet.png
"$programs/python" - <<'PYTHON'
from importlib.resources import files

import digitseq

assert (files("digitseq") / "py.typed").is_file()
image = digitseq.generate_numbers_sequence("0042", (2, 8), None, seed=1)
print("digitseq", digitseq.__version__, image.shape, image.dtype)
PYTHON
