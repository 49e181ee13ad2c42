"""One drawn picture: what is known of it, and as a file."""

import json
import os
from collections.abc import Container
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import home_path
from digitseq.errors import ArgumentError, OutputError, system_errors
from digitseq.png import encode_png
from digitseq.recipe import Recipe
from digitseq.storage.atomic import is_stream, write_output, write_whole
from digitseq.version import __version__

_LONGEST_STEM = 100  # file systems end at 255 bytes


@dataclass(frozen=True, eq=False)
class Picture:
    """
    One drawn image, with all that is known of it.

    Attributes:
        image: uint8 (28, width), 0 black to 255 white.
        recipe: the recipe of this one picture: drawing it again gives the same pixels. It names a source
            of your own by the last part of its path; give `draw` the path.
        source_digest: SHA-256 of the source's glyphs.
        gaps_px: int (digits − 1,), as drawn.
        boxes: int (digits, 4): x, y, w, h of each digit's ink in px, tight.
        origins: int (digits,), each glyph's place in the source's own order (for MNIST: 0–59,999
            MNIST-train, 60,000–69,999 MNIST-test).
        writer: who wrote all the digits, as the source numbers its writers; None if not one writer did.
    """

    image: UInt8Array
    recipe: Recipe
    source_digest: str
    gaps_px: IntArray
    boxes: IntArray
    origins: IntArray
    writer: int | None = None

    @property
    def sequence(self) -> str:
        """The digits drawn, the label."""
        return self.recipe.sequences[0]

    def facts(self) -> dict[str, Any]:
        """All but the pixels, as plain JSON types."""
        return {
            "label": self.sequence,
            "seed": self.recipe.seed,
            "index": self.recipe.index,
            "source": self.recipe.source,
            "source_digest": self.source_digest,
            "split": self.recipe.split,
            "width": int(self.image.shape[1]),
            "height": int(self.image.shape[0]),
            "gaps": self.gaps_px.tolist(),
            "boxes": self.boxes.tolist(),
            "glyphs": self.origins.tolist(),
            "writer": self.writer,
            "recipe": self.recipe.to_dict(),
            "digitseq": __version__,
        }

    def png(self) -> bytes:
        """The picture as a PNG file: 8-bit greyscale, its recipe in text chunks."""
        text = {
            "label": self.sequence,
            "seed": str(self.recipe.seed),
            "source": f"{self.recipe.source} {self.source_digest}",
            "recipe": json.dumps(self.recipe.to_dict()),
            "digitseq version": __version__,
        }
        return encode_png(self.image, text)

    def save(
        self, output: str | Path | None = None, *, force: bool = False, keep: Container[Path] = ()
    ) -> Path:
        """
        Write the picture as a PNG file, whole or not at all.

        Args:
            output: a name ending in .png; or a folder (None: the current one), where the file takes the
                next free name: SEQUENCE.png, SEQUENCE-1.png, ….
            force: replace a file of that name.
            keep: files that are not replaced even so, such as those that the same run wrote.

        Returns:
            The path written.

        Raises:
            OutputError: the file exists, or the system refuses.
            ArgumentError: the name does not end in .png.
        """
        path = None if output is None else home_path(output)
        return save_picture(self.png(), self.sequence, path, force=force, keep=keep)


def save_picture(
    png: bytes,
    sequence: str,
    output: Path | None = None,
    *,
    force: bool = False,
    keep: Container[Path] = (),
) -> Path:
    """
    Write a PNG file, whole or not at all.

    Args:
        png: the file's bytes.
        sequence: names the file where ``output`` does not.
        output: a file name ending in .png; or a folder; or None for the current folder. In a folder the
            file is SEQUENCE.png, or SEQUENCE-1.png and so on: the next name that is free.
        force: replace a file of that name.
        keep: files that are not replaced even so.

    Returns:
        The path written.

    Raises:
        OutputError: the file exists and is not to be replaced, or the system refuses.
        ArgumentError: the name does not end in .png.
    """
    output = output or Path()
    with system_errors(OutputError, f"{output} cannot be written"):
        if output.is_dir():
            return _save_in(output, _stem(sequence), png, force, keep)
        if output.suffix.lower() != ".png" and not is_stream(output):
            expected = "expected a name ending in .png or an existing folder"
            raise ArgumentError("output", f"{expected}, got {str(output)!r}")
        if not output.parent.is_dir():
            raise OutputError(f"{output} cannot be written: its folder does not exist")
        try:
            write_output(output, lambda file: file.write(png), new=not force)
        except FileExistsError:
            raise OutputError(
                f"{output} exists and is kept", hint="--force (force=True) replaces it"
            ) from None
        return output


def _stem(sequence: str) -> str:
    long = len(sequence) > _LONGEST_STEM
    return f"{sequence[:_LONGEST_STEM]}-{len(sequence)}-digits" if long else sequence


def _save_in(folder: Path, stem: str, png: bytes, force: bool, keep: Container[Path]) -> Path:
    ends = chain([""], (f"-{number}" for number in count(1)))
    paths = (folder / f"{stem}{end}.png" for end in ends)
    return next(path for path in paths if path not in keep and _written(path, png, force))


def _written(path: Path, png: bytes, force: bool) -> bool:
    """Write the file, unless it is there and to be kept."""
    if not force and os.path.lexists(path):  # the usual case, told without writing anything
        return False
    try:
        write_whole(path, lambda file: file.write(png), new=not force)
    except FileExistsError:
        return False
    return True
