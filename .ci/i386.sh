#!/usr/bin/env bash
# The golden digests, and datasets of two formats, on 32-bit x86, where numpy's default integer is 32 bits wide (as
# on Windows before numpy 2). Needs root and Debian's mmdebstrap; without them, it prints a message and is skipped.
#
# Usage: i386.sh CHECKOUT MNIST_FOLDER PYTHON, the last one a 64-bit Python with digitseq, to compare datasets with.
set -euo pipefail
checkout=$1 mnist=$2 python=$3

skip() { echo "skipped the 32-bit run: $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip "it needs root for a chroot"
[ "$(uname -m)" = x86_64 ] || skip "this machine does not run 32-bit x86 programs"
if ! command -v mmdebstrap >/dev/null; then
    command -v apt-get >/dev/null || skip "it needs Debian's mmdebstrap"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap; } \
        >/dev/null 2>&1 || skip "mmdebstrap cannot be installed"
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
packages=coreutils,python3-numpy,python3-pil,python3-platformdirs,python3-requests,python3-pytest,python3-hypothesis
# Only unpack the packages: configuring a whole system takes minutes and is not needed here. Leave out security
# updates: they are not needed either, and their mirror is often being updated.
mmdebstrap --architectures=i386 --variant=extract --include=$packages \
    --setup-hook='sed -i /security/d "$1/etc/apt/sources.list"' bookworm "$root" >"$root.log" 2>&1 ||
    { tail -n 5 "$root.log"; rm -f "$root.log"; skip "mmdebstrap failed"; }
rm -f "$root.log"
in_root() { # LD_LIBRARY_PATH: two libraries that configuring the packages would have linked
    chroot "$root" env -C /digitseq LD_LIBRARY_PATH=/usr/lib/i386-linux-gnu/blas:/usr/lib/i386-linux-gnu/lapack "$@"
}

mkdir "$root/digitseq" "$root/mnist"
tar -C "$checkout" -cf - digitseq tests pyproject.toml | tar -C "$root/digitseq" -xf -
cp "$mnist"/* "$root/mnist"
cat >"$root/digitseq/pixels.py" <<'PYTHON'
import tempfile

import digitseq

for format in ("webdataset", "npz"):
    recipe = digitseq.make_recipe(
        length=(1, 6), count=700, spacing_range=(-4, 8), seed=3, source="builtin", augment="heavy", writer="same"
    )
    with tempfile.TemporaryDirectory() as folder:
        written = digitseq.write_dataset(recipe, folder, format=format, workers=1)
        assert list(digitseq.verify_dataset(folder)) == []
    print(format, written.pixels)
    report = digitseq.inspect_dataset(recipe)
    assert report.faults == 0, report.findings
    print(report.spacing.counts, report.digits, report.glyphs)
PYTHON

in_root python3 -c 'import numpy, platform; print(platform.machine(), "numpy", numpy.__version__, numpy.array([1]).dtype)'
# The versions here are Debian's, so warnings of other people's libraries do not count.
in_root env DIGITSEQ_TEST_MNIST=/mnist CI=true python3 -m pytest -q -p no:cacheprovider -W default \
    tests/test_golden.py tests/test_plan.py tests/test_labels.py tests/test_render.py tests/glyphs/test_mnist.py \
    tests/glyphs/handwriting/test_builtin.py::test_the_glyphs_are_the_same_pixels_as_ever
in_root python3 pixels.py >"$root/32"
"$python" "$root/digitseq/pixels.py" >"$root/64"
cat "$root/32"
cmp "$root/32" "$root/64"
