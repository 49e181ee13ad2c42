"""
Fetch MNIST into the cache, from mirrors or from files on disk.

All downloads start here. A file lock admits one process at a time. Each file is downloaded under a temporary
name, checked and moved into place. Complete files are kept, so an interrupted fetch can be resumed.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from digitseq.arrays import read_only
from digitseq.cache_folder import cache_dir, cache_errors, locked
from digitseq.errors import (
    ArgumentError,
    CacheError,
    FetchError,
    printable,
    warn,
)
from digitseq.glyphs import mnist
from digitseq.glyphs.download import (
    ASKED_FOR,
    IN_PASSING,
    Arriving,
    Download,
    MirrorError,
    Tally,
    WriteError,
    copy,
    in_few_words,
)
from digitseq.glyphs.glyph_cache import damage, mnist_dir, open_glyphs, save_glyphs
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.local_files import LocalFiles
from digitseq.glyphs.mnist import FILES, MIRRORS, QMNIST_URL, WRITER_FILES, SourceFile
from digitseq.json_fields import parse_json
from digitseq.progress_protocol import Progress
from digitseq.storage.locks import LockedError
from digitseq.storage.open_folder import Folder
from digitseq.storage.tree import Tree

MIRROR_VARIABLE = "DIGITSEQ_MNIST_MIRROR"
OFFLINE_VARIABLES = ("DIGITSEQ_OFFLINE", "HF_HUB_OFFLINE")
REMEMBER_FAILURE_S = 3600.0
_FAILURE = "mnist-unreachable.json"
_MOST_NOTE = 1 << 16  # bytes
_DOWNLOADS = "downloads"

_IMPORT = "or import files with `digitseq fetch-mnist --from DIR`"
HINT_OFFLINE = f"unset {' and '.join(OFFLINE_VARIABLES)}, {_IMPORT}"
_HINT_NETWORK = f"check the network, set {MIRROR_VARIABLE} to a URL, {_IMPORT}"

_log = logging.getLogger("digitseq")


def fetch(
    *,
    force: bool = False,
    from_dir: Path | None = None,
    in_passing: bool = False,
    progress: Progress | None = None,
) -> GlyphSet:
    """
    Put MNIST into the cache if it is not there, and return it.

    Writer ids (QMNIST's label files) are fetched too if they are available. If they are not, a later call
    tries again.

    Args:
        force: check the original files and parse them again, even if MNIST is cached. Files whose SHA-256
            is that of the original are not downloaded again.
        from_dir: import the four files (gzip or plain) from this folder or one inside it, or from Keras's
            mnist.npz, without using the network.
        in_passing: the user did not ask for MNIST by name: give up quickly, and do not try again within an
            hour of a failure.
        progress: called as bytes arrive.

    Returns:
        MNIST.

    Raises:
        FetchError: no mirror delivered the files, or the network is switched off.
        SourceError: a file in ``from_dir`` is missing or not the original.
        CacheError: the cache folder cannot be written.
    """
    with ExitStack() as temporary:
        local_files = None if from_dir is None else LocalFiles(from_dir, temporary)
        return _fetch(force, local_files, in_passing, progress)


def _fetch(
    force: bool, local_files: LocalFiles | None, in_passing: bool, progress: Progress | None
) -> GlyphSet:
    folder = mnist_dir()
    glyphs, _ = _look(folder, in_passing)  # first without the lock: a read-only cache cannot be locked
    if glyphs is not None and not force and (glyphs.writers is not None or in_passing):
        return glyphs
    with ExitStack() as stack:
        try:
            stack.enter_context(_lock(in_passing))
        except CacheError:
            if glyphs is None or force:
                raise
            return glyphs  # complete except for the writers, which cannot be added to this cache
        glyphs, wrong = _look(folder, in_passing)
        glyphs = None if force else glyphs
        if glyphs is not None and (glyphs.writers is not None or in_passing):
            return glyphs
        if in_passing and failed_lately():
            raise FetchError("it could not be fetched a moment ago", hint=_HINT_NETWORK)
        source = local_files or _Mirrors(in_passing, progress)
        if is_new := glyphs is None:
            try:
                glyphs = mnist.parse(source.images())
            except FetchError as error:
                if wrong:
                    raise FetchError(
                        f"the cached MNIST is damaged ({wrong}), and {error.problem}", hint=error.hint
                    ) from error
                raise
        if writer_paths := source.writers():
            glyphs.writers = read_only(mnist.read_writers(writer_paths)[glyphs.origin])
        if is_new or writer_paths:
            with cache_errors():
                save_glyphs(folder, glyphs)
                with Tree(cache_dir()).folder() as cache:
                    cache.remove(_FAILURE)
        if wrong:
            told = f"the cached MNIST in {folder} was damaged ({wrong}) and has been repaired"
            warn(told)
    return glyphs


def _look(folder: Path, trusted: bool) -> tuple[GlyphSet | None, str]:
    """Return the cached MNIST, or None if missing or damaged, and what is wrong with it ("" if nothing)."""
    try:
        glyphs = open_glyphs(folder)
    except CacheError as error:
        return None, error.problem.partition(f"{folder} ")[2].partition(": ")[2]
    if glyphs is None or trusted or not (wrong := damage(glyphs)):
        return glyphs, ""
    return None, wrong


def is_offline() -> bool:
    """Return whether the user has switched the network off."""
    return any(
        os.environ.get(name, "").lower() not in ("", "0", "false", "no", "off") for name in OFFLINE_VARIABLES
    )


def failed_lately() -> bool:
    """Return whether a fetch from the same mirrors has failed within the last hour."""
    if not _reachable(_mirrors()):
        return False  # fetching fails at once and says why
    try:
        with Tree(cache_dir()).open(_FAILURE) as file:
            age_s = time.time() - os.fstat(file.fileno()).st_mtime
            told = parse_json(file.read(_MOST_NOTE))
        return 0 <= age_s < REMEMBER_FAILURE_S and bool(told == list(_mirrors()))
    except (OSError, ValueError):
        return False


def _remember_failure() -> None:
    # Best effort: without this note, the next run just tries the network again.
    with suppress(OSError), Tree(cache_dir()).folder() as cache, cache.whole(_FAILURE) as file:
        file.write(json.dumps(_mirrors()).encode())


@contextmanager
def _lock(in_passing: bool) -> Iterator[None]:
    def waiting() -> None:
        _log.warning("another digitseq is fetching MNIST; waiting for it")

    with cache_errors():
        cache_dir().mkdir(parents=True, exist_ok=True)
    try:
        with locked(cache_dir() / "mnist.lock", IN_PASSING.file_s if in_passing else inf, waiting):
            yield
    except LockedError:
        problem = f"another digitseq is still fetching it after {IN_PASSING.file_s:g} s"
        raise FetchError(problem) from None


class _Mirrors:
    """MNIST's files downloaded into the cache folder. Complete files are not downloaded again."""

    def __init__(self, in_passing: bool, progress: Progress | None) -> None:
        self._tree = Tree(cache_dir())
        self._patience = IN_PASSING if in_passing else ASKED_FOR
        self._tally = Tally(sum(file.gz_bytes for file in FILES), progress)
        with cache_errors(), Tree(cache_dir()).folder(_DOWNLOADS, make=True) as folder:
            folder.sweep()

    def images(self) -> dict[SourceFile, Path]:
        """Return MNIST's four files; missing ones are downloaded from the first mirror that has them."""
        if here := self._downloaded(FILES):
            return here
        mirrors = _reachable(_mirrors())
        if not mirrors:
            raise FetchError(
                "MNIST's files are not in the cache, and the network is switched off", hint=HINT_OFFLINE
            )
        self._tally.add(0)
        if self._tally.progress is None:
            megabytes, folder = self._tally.total / 1e6, printable(str(cache_dir()))
            _log.warning("fetching MNIST (%.0f MB, once) into %s", megabytes, folder)
        failures: dict[str, list[str]] = {}
        for mirror in mirrors:
            try:
                return {file: self._retrieve(mirror, file) for file in FILES}
            except MirrorError as error:
                failures.setdefault(str(error), []).append(urlsplit(mirror).netloc or mirror)
        _remember_failure()
        reasons = "; ".join(f"{', '.join(places)}: {reason}" for reason, places in failures.items())
        raise FetchError(f"MNIST could not be fetched: {reasons}", hint=_HINT_NETWORK)

    def writers(self) -> dict[SourceFile, Path] | None:
        """Return QMNIST's two label files, from the user's mirror or their authors; None if unavailable."""
        if here := self._downloaded(WRITER_FILES):
            return here
        named = os.environ.get(MIRROR_VARIABLE) and _mirrors()[:1]
        for place in _reachable((*(named or ()), QMNIST_URL)):
            with suppress(MirrorError):
                return {file: self._retrieve(place, file) for file in WRITER_FILES}
        return None

    def _downloaded(self, files: tuple[SourceFile, ...]) -> dict[SourceFile, Path] | None:
        """Return these files if all are downloaded and intact, else None."""
        with cache_errors(), self._tree.folder(_DOWNLOADS) as folder:
            for file in files:
                if not folder.need_file(file.gz_name) or not _is_original(folder, file):
                    return None
            return {file: folder.path / file.gz_name for file in files}

    def _retrieve(self, mirror: str, file: SourceFile) -> Path:
        """Download one file from a mirror, check it and move it into place; keep an intact one."""
        with cache_errors(), self._tree.folder(_DOWNLOADS) as folder:
            place = folder.path / file.gz_name
            if folder.need_file(file.gz_name) and _is_original(folder, file):
                return place
            try:
                with folder.whole(file.gz_name) as output:
                    target = Arriving(output, file)
                    self._download(mirror + file.gz_name, target, file)
                    target.check()
            except WriteError as error:
                raise cast("OSError", error.__cause__) from None
        return place

    def _download(self, url: str, target: Arriving, file: SourceFile) -> None:
        from requests.exceptions import RequestException  # the network stack, imported only when needed

        tally = self._tally if file in FILES else Tally(0, None)
        try:
            if urlsplit(url).scheme == "file":
                copy(Path(url2pathname(urlsplit(url).path)), target)
                tally.add(file.gz_bytes)
            else:
                Download(url, target, file, self._patience, tally).run()
        except RequestException as error:
            raise MirrorError(in_few_words(error)) from error
        except ValueError as error:
            raise MirrorError(f"its URL is not valid ({error})") from error


def _is_original(folder: Folder, file: SourceFile) -> bool:
    with folder.open(file.gz_name) as found:
        if os.fstat(found.fileno()).st_size != file.gz_bytes:
            return False
        return hashlib.file_digest(found, "sha256").hexdigest() == file.gz_sha256


def _mirrors() -> tuple[str, ...]:
    named = os.environ.get(MIRROR_VARIABLE, "")
    if not named:
        return MIRRORS
    scheme = ""
    with suppress(ValueError):  # not a URL
        scheme = urlsplit(named).scheme
    if scheme not in ("http", "https", "file"):
        raise ArgumentError(MIRROR_VARIABLE, f"expected an http, https or file URL, got {named!r}")
    return (named.rstrip("/") + "/", *MIRRORS)


def _reachable(mirrors: tuple[str, ...]) -> list[str]:
    return [url for url in mirrors if urlsplit(url).scheme == "file" or not is_offline()]
