"""Glyphs for processes on other machines: a reference that each of them opens in its own way."""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from digitseq.errors import CacheError, SourceError
from digitseq.glyphs.glyph_cache import damage, open_glyphs, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import open_source
from digitseq.version import __version__


@dataclass(frozen=True)
class GlyphsAnywhere:
    """
    A reference to glyphs that a process on any machine can open.

    Attributes:
        source: the source to open, as in `open_source`; "" for glyphs that are only in a folder.
        folder: folder of the glyphs on the sender's machine, tried first; None if they are not stored.
        digest: digest that the glyphs must have.
        version: digitseq version of the sender; the process must have the same version.
    """

    source: str
    folder: Path | None
    digest: str
    version: str = __version__

    def choose(self, split: str) -> GlyphSet:
        """
        Open a split of the glyphs.

        Raises:
            SourceError: this machine has different glyphs or none, or the digitseq versions differ.
            FetchError, CacheError: the glyphs cannot be fetched or stored.
        """
        return _anywhere(self).choose(split)


@lru_cache(maxsize=4)
def _anywhere(glyphs: GlyphsAnywhere) -> GlyphSet:
    """Open the glyphs from the sender's folder, else from this machine's cache, else in memory."""
    if glyphs.version != __version__:
        raise SourceError(
            f"this process has digitseq {__version__}, but the work was sent by digitseq {glyphs.version}"
        )
    with suppress(CacheError):
        there = None if glyphs.folder is None else open_glyphs(glyphs.folder)
        if there is not None and there.digest == glyphs.digest and not damage(there):
            return there
    if not glyphs.source:
        raise SourceError(
            f"the glyphs in {glyphs.folder} are not on this machine", hint="give a path as the source"
        )
    found = open_source(glyphs.source)
    if found.digest != glyphs.digest:
        raise SourceError(
            f"source {glyphs.source!r} has different glyphs on this machine",
            hint="use the same glyphs on all machines",
        )
    with suppress(CacheError):  # without a cache, each process keeps its own copy
        return open_glyphs(stored_folder(found)) or found
    return found
