"""Re-reading a dataset: is everything there, and is it what the recipe says?"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from digitseq.arrays import UInt8Array
from digitseq.dataset.dataset import LOCK, Progress
from digitseq.dataset.folder import (
    LABELS,
    METADATA,
    SHARD,
    draw_batches,
    image_name,
    pixel_digest,
)
from digitseq.dataset.png import decode_png
from digitseq.dataset.reading import MANIFEST, UNFINISHED, read_manifest
from digitseq.errors import FormatError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.recipe import Recipe


def verify_dataset(out: Path, glyphs: GlyphSet, progress: Progress | None = None) -> Iterator[str]:
    """
    What is wrong with a dataset.

    Every image is read and compared with the one that its recipe gives, every label and box with its plan,
    the digest of all pixels with the manifest's, and the files that are there with those that belong there.

    Args:
        out: its folder.
        glyphs: its source.
        progress: called with images done, images in all and 0.

    Yields:
        A sentence for each thing that is wrong; nothing if all is well.

    Raises:
        FormatError: there is no finished dataset, or it is from another source.
    """
    try:
        manifest = read_manifest(out / MANIFEST)
    except FileNotFoundError:
        raise FormatError(f"{out}: no finished dataset here ({MANIFEST} is missing)") from None
    if glyphs.digest != manifest["source"]["digest"]:
        raise FormatError(
            f"{out} was drawn from other glyphs than {glyphs.name!r}",
            hint=f"its source is {manifest['source']['name']!r}, digest {manifest['source']['digest'][:12]}",
        )
    recipe = Recipe.from_dict(manifest["recipe"])
    yield from _wrong_files(out, recipe, manifest["parts"])
    done, digests = 0, []
    for part, entry in zip(recipe.parts(), manifest["parts"], strict=True):
        state = sha256()
        lines = _Lines(out / entry["folder"])
        for first in range(0, len(part), SHARD):
            shard = part.part(first, min(first + SHARD, len(part)))
            digest, wrong = _check_shard(out / entry["folder"], shard, first, glyphs, lines)
            yield from wrong
            state.update(digest)
            done += len(shard)
            if progress is not None:
                progress(done, len(recipe), 0)
        yield from lines.end(len(part))
        digests.append(state.hexdigest())
        if digests[-1] != entry["pixels"]:
            yield f"{out / entry['folder']}: its pixels have not the digest that {MANIFEST} says"
    if sha256("".join(digests).encode()).hexdigest() != manifest["pixels"]:
        yield f"{out / MANIFEST}: the digest of all pixels is not {manifest['pixels'][:12]}…"


def _wrong_files(out: Path, recipe: Recipe, parts: list[dict[str, str]]) -> Iterator[str]:
    """Files that are missing, and files that do not belong there."""
    expected = {MANIFEST}
    for part, entry in zip(recipe.parts(), parts, strict=True):
        expected |= {entry["folder"] + name for name in (LABELS, METADATA)}
        expected |= {entry["folder"] + image_name(number) for number in range(len(part))}
    with system_errors(FormatError, f"{out} cannot be read"):
        found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    for name in sorted(expected - found):
        yield f"{out / name}: missing"
    for name in sorted(found - expected - {LOCK, UNFINISHED}):
        yield f"{out / name}: does not belong to the dataset"


class _Lines:
    """labels.csv and metadata.jsonl, line by line beside the plan."""

    def __init__(self, folder: Path) -> None:
        self._labels = folder / LABELS
        self._metadata = folder / METADATA
        self._rows = self._csv()
        self._facts = self._jsonl()

    def _csv(self) -> Iterator[str]:
        if self._labels.is_file():
            with self._labels.open(encoding="utf-8", errors="replace", newline="\n") as file:
                yield from (line.removesuffix("\n").removesuffix("\r") for line in file)

    def _jsonl(self) -> Iterator[str]:
        if self._metadata.is_file():
            with self._metadata.open(encoding="utf-8", errors="replace", newline="") as file:
                yield from file

    def check(self, number: int, label: str, line: str) -> Iterator[str]:
        """Compare the lines of an image with what they must be."""
        if number == 0 and next(self._rows, None) != "filename,label" and self._labels.is_file():
            yield f"{self._labels}: line 1: expected the header filename,label"
        row, facts = next(self._rows, None), next(self._facts, None)
        expected = f"{image_name(number)},{label}"
        if row != expected and self._labels.is_file():
            yield f"{self._labels}: line {number + 2}: expected {expected}, found {_shown(row)}"
        if facts != line and self._metadata.is_file():
            wrong = _difference(facts, line)
            yield f"{self._metadata}: line {number + 1}: {wrong}"

    def end(self, images: int) -> Iterator[str]:
        """Compare the ends of the files."""
        if images == 0:
            next(self._rows, None)
        for path, rest in ((self._labels, self._rows), (self._metadata, self._facts)):
            if next(rest, None) is not None:
                yield f"{path}: more lines than the {images} images have"


def _shown(row: str | None) -> str:
    return "the end of the file" if row is None else row[:80]


def _difference(found: str | None, expected: str) -> str:
    """What differs between two lines of metadata.jsonl."""
    if found is None:
        return "expected another image, found the end of the file"
    try:
        there, wanted = json.loads(found), json.loads(expected)
        name = next(key for key in wanted if there.get(key) != wanted[key])
        return f"{name}: expected {json.dumps(wanted[name])[:80]}, found {json.dumps(there.get(name))[:80]}"
    except (ValueError, AttributeError, StopIteration):
        return f"expected {expected.strip()[:80]}, found {found.strip()[:80]}"


def _check_shard(
    folder: Path, shard: Recipe, first: int, glyphs: GlyphSet, lines: _Lines
) -> tuple[bytes, list[str]]:
    """The digest of the images that are there, and what is wrong with them and their lines."""
    state, wrong, number = sha256(), [], first
    for batch in draw_batches(shard, glyphs.choose(shard.split)):
        for row, (label, expected) in enumerate(zip(batch.labels, batch.images, strict=True)):
            name = image_name(number)
            image, problem = _read(folder / name, expected)
            if problem:
                wrong.append(f"{folder / name}: {problem}")
            if image is not None:
                pixel_digest(state, label, image)
            wrong += lines.check(number, label, batch.metadata(row, name))
            number += 1
    return state.digest(), wrong


def _read(path: Path, expected: UInt8Array) -> tuple[UInt8Array | None, str]:
    """An image from its file, and what is wrong with it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, ""  # told with the files that are missing
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    image = decode_png(data)
    if image is None:
        return None, "damaged or cut off, or not written by digitseq"
    if image.shape != expected.shape:
        return image, f"expected {expected.shape[1]} px wide, found {image.shape[1]}"
    if not np.array_equal(image, expected):
        y, x = (int(place[0]) for place in np.nonzero(image != expected))
        many = int((image != expected).sum())
        return image, f"{many} pixels differ from the recipe's, the first at x {x}, y {y}"
    return image, ""
