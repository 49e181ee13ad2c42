#!/usr/bin/env bash
# The golden digests with Debian's own Python, for platforms without wheels: golden.sh CHECKOUT, in a container.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
    python3-numpy python3-pil python3-platformdirs python3-requests python3-pytest python3-hypothesis >/dev/null
cp -r "$1" /tmp/digitseq
cd /tmp/digitseq
python3 -c 'import platform, sys; print(platform.machine(), sys.byteorder, sys.maxsize)'
python3 -m pytest -q -p no:cacheprovider -W ignore tests/test_golden.py tests/test_streams.py tests/test_dtypes.py
