"""What this installation of digitseq consists of, for bug reports."""

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from digitseq.errors import CacheError
from digitseq.kernels import in_use
from digitseq.version import __version__


def describe_environment() -> dict[str, Any]:
    """
    Describe the installation. ``digitseq --version --json`` prints this.

    Returns:
        Plain JSON types: the versions of digitseq, Python and the libraries; the platform; the installed
        extras; whether augmentation is compiled or uses numpy (``kernels``); the sources of glyphs; the cache
        folder, whether MNIST is in it, and how many other sources; whether the network is switched off. What
        cannot be determined is None.

    >>> describe_environment()["digitseq"] == __version__
    True
    """
    from digitseq.cache_folder import cache_dir
    from digitseq.glyphs.fetch import is_offline
    from digitseq.glyphs.glyph_cache import mnist_dir, open_glyphs
    from digitseq.glyphs.sources import SOURCES

    folder, mnist, others = None, None, None
    try:
        folder = str(cache_dir())
        mnist = "not cached" if open_glyphs(mnist_dir()) is None else "cached"
        others = len(list(mnist_dir().parent.glob("glyphs-v*/*/manifest.json")))
    except CacheError as error:
        mnist = str(error)
    libraries, extras = _libraries()
    return {
        "digitseq": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 1 << 32 else 32,
        "byte_order": sys.byteorder,
        "cores": os.cpu_count(),
        "libraries": libraries,
        "extras": extras,
        "kernels": in_use(),
        "sources": list(SOURCES),
        "cache": {"folder": folder, "mnist": mnist, "other_sources": others},
        "offline": is_offline(),
    }


def _libraries() -> tuple[dict[str, str | None], list[str]]:
    """Library → its version, None if it is not installed; and the extras that are installed."""
    libraries: dict[str, str | None] = {}
    extras: dict[str, bool] = {}
    try:
        requirements = requires("digitseq") or []
    except PackageNotFoundError:  # run from a source tree
        requirements = []
    for requirement in requirements:
        extra = next(iter(re.findall(r"extra == ['\"]([\w-]+)", requirement)), "")
        name = re.findall(r"[\w.-]+", requirement)[0]
        if extra.startswith(("test", "docs")):
            continue
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = None
        if extra:
            extras[extra] = extras.get(extra, True) and libraries[name] is not None
    return libraries, [extra for extra, is_there in extras.items() if is_there]
