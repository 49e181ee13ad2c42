"""The formats ``folder`` and ``flat``: PNG files; labels as CSV, as JSONL, and for other readers."""

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import md5, sha256
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from digitseq.arrays import UInt8Array
from digitseq.batches import Sample
from digitseq.checks import counted
from digitseq.dataset.formats.base import JSON_LINES, PNG, Checker, Format, png_encoder
from digitseq.dataset.formats.label_files import (
    LABELS,
    METADATA,
    WORDS_START,
    Assembly,
    LineChecker,
    Lines,
    TextFile,
    has_words,
    image_name,
    line_files,
    shared_files,
    text_files,
    words_line,
    words_name,
)
from digitseq.dataset.formats.stored_image import Found
from digitseq.dataset.label_names import LABEL_FILES
from digitseq.dataset.shards import SHARD, Place, Shard, Written
from digitseq.errors import FormatError, OutputError, system_errors

if TYPE_CHECKING:
    from digitseq.storage.base import Storage

_NAMES = ("images", "labels", "masks")
_NUMBERED = re.compile(r"[a-z]+/(?:[0-9]+/)?(?P<number>[0-9]+)\.[a-z.]+")
_SHARD_NAME = re.compile(r"[0-9]{3,}")
_MOST_DIGITS = 16  # of an image number
_AT_ONCE = 250  # images
Content = TypeVar("Content")


class Folder(Format):
    """One PNG file per image, 1,000 per folder."""

    name = "folder"
    label_files = LABEL_FILES
    suffix = ".png"
    stands_alone = True

    def folder(self, split: str, several: bool) -> str:
        return f"{split}/" if several else ""

    def common_files(self, place: Place) -> list[str]:
        return [place.folder + kind.name for kind in line_files(place)]

    def shard_files(self, place: Place, shard: int) -> list[str]:
        numbers = range(shard * SHARD, shard * SHARD + place.size(shard))
        names = [
            place.folder + place.numbered(kind, number, end)
            for number in numbers
            for kind, end in _kinds(place)
        ]
        return [*names, place.folder + words_name(place, shard)] if has_words(place) else names

    def shard_of(self, place: Place, name: str) -> int | None:
        inside = name.removeprefix(place.folder)
        if has_words(place) and inside.endswith(f"/{LABELS}"):
            middle = inside.split("/")[1]
            shard = int(middle) if middle.isdecimal() and len(middle) < _MOST_DIGITS else place.shards
            return shard if shard < place.shards and words_name(place, shard) == inside else None
        found = _NUMBERED.fullmatch(inside)
        if found is None or len(found["number"]) > _MOST_DIGITS:
            return None
        number = int(found["number"])
        own = number < place.images and any(
            place.numbered(kind, number, end) == inside for kind, end in _kinds(place)
        )
        return number // SHARD if own else None

    def shard_folders(self, place: Place, shard: int) -> list[str]:
        # The folder of a shard is written in the folder of its kind under a temporary name, then renamed.
        kinds = [(kind, place.folder_of(kind, shard)) for kind in _NAMES]
        return list(dict.fromkeys(place.folder + name for names in kinds for name in names))

    def folders_there(self, storage: "Storage", place: Place) -> Iterator[str]:
        yield place.folder
        for kind in _NAMES:
            yield f"{place.folder}{kind}"
            for shard in filter(_SHARD_NAME.fullmatch, storage.names(f"{place.folder}{kind}")):
                yield f"{place.folder}{kind}/{shard}"

    def patterns(self, place: Place) -> dict[str, str]:
        below = "images/*.png" if self.flat else "images/**/*.png"
        return {JSON_LINES: f"{place.folder}{METADATA}", PNG: f"{place.folder}{below}"}

    def sections(self, place: Place) -> int:
        return sum(len(kind.sections) for kind in line_files(place))

    def whole_files(self, places: list[Place]) -> dict[str, bytes]:
        return shared_files(places)

    def write(self, shard: Shard) -> Written:
        """
        Write what is missing of a shard.

        Existing files are read, and kept if their pixels are correct. Files that were damaged by a power
        failure or edited by hand are repaired.
        """
        place = shard.place
        encode, state, lines = png_encoder(shard.png_level), sha256(), Lines(place)
        texts: dict[TextFile, list[tuple[str, bytes]]] = {file: [] for file in text_files(place)}
        words = [WORDS_START]
        masks: list[tuple[str, tuple[Sample, UInt8Array]]] = []

        def samples() -> Iterator[Sample]:
            for sample in shard.drawn(state):
                lines.add(sample)
                for file, contents in texts.items():
                    contents.append(
                        (place.numbered(file.kind, sample.number, file.suffix), file.content(sample))
                    )
                words.append(words_line(sample))
                if sample.mask is not None:
                    masks.append((_mask_name(place, sample.number), (sample, sample.mask)))
                yield sample

        written, size = _put_missing(
            shard,
            "images",
            ((image_name(place, s.number), s) for s in samples()),
            lambda sample: encode(sample.image),
            lambda data, sample: not Found("", data).difference(sample._replace(mask=None)),
            place.most_png,
        )
        if masks:
            _put_missing(
                shard,
                "masks",
                iter(masks),
                lambda pair: encode(pair[1]),
                lambda data, pair: not Found("", pair[0].image, mask=data).difference(pair[0]),
                place.most_png,
            )
        for file, contents in texts.items():
            _put_missing(
                shard,
                file.kind,
                iter(contents),
                lambda text: text,
                lambda data, text: data == text,
                place.most_facts,
            )
        if has_words(place):
            data = "".join(words).encode("ascii")
            _put_changed(shard, place.folder + words_name(place, shard.number), data)
        sections = lines.sections()
        lengths = tuple(map(len, sections))
        return Written(len(shard.recipe), written, size, state.digest(), b"".join(sections), lengths)

    @contextmanager
    def assembling(self, storage: "Storage", place: Place) -> Iterator[Callable[[Written, bytes], None]]:
        import tempfile

        names = [place.folder + kind.name for kind in line_files(place)]
        with storage.replacing(*names) as files, ExitStack() as stack:
            hint = "set TMPDIR to another folder for temporary files"
            with system_errors(OutputError, "a temporary file cannot be created", hint=hint):
                later = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(Assembly.later(place))]
            refusals = f"{storage.where(place.folder + LABELS)} or another label file cannot be written"

            def add(done: Written, lines: bytes) -> None:
                with system_errors(OutputError, refusals):
                    assembly.add(lines, done.sections)

            with system_errors(OutputError, refusals):
                assembly = Assembly(place, files, later)
            yield add
            with system_errors(OutputError, refusals):
                assembly.end()

    def estimate(self, samples: list[Sample], place: Place, level: int) -> int:
        encode = png_encoder(level)
        pictures = (p for sample in samples for p in (sample.image, sample.mask) if p is not None)
        return sum(len(encode(picture)) for picture in pictures)

    def found(self, storage: "Storage", place: Place, shard: int) -> Iterator[Found]:
        numbers = range(shard * SHARD, shard * SHARD + place.size(shard))
        read = storage.reader(
            [place.folder + image_name(place, number) for number in numbers], place.most_png
        )
        for number in numbers:
            yield self.found_one(storage, place, number, read)

    def found_one(
        self,
        storage: "Storage",
        place: Place,
        number: int,
        read: Callable[[str], bytes | None] | None = None,
    ) -> Found:
        name = place.folder + image_name(place, number)
        mask = None
        try:
            data = storage.read(name, place.most_png) if read is None else read(name)
            if place.masks and data is not None:
                name = place.folder + _mask_name(place, number)
                mask = storage.read(name, place.most_png) if read is None else read(name)
                if mask is None:
                    return Found(storage.where(name), data, None, "missing")
                name = place.folder + image_name(place, number)
        except FormatError as error:
            return Found(
                storage.where(name), None, None, error.problem.removeprefix(storage.where(name)).lstrip(" :")
            )
        return Found(storage.where(name), data, None, "missing" if data is None else "", mask)

    def labels(self, storage: "Storage", place: Place) -> tuple[str, ...]:
        where = storage.where(place.folder + LABELS)
        if not storage.exists(place.folder + LABELS):
            raise FormatError(f"{where}: missing")
        rows = csv.reader(storage.lines(place.folder + LABELS, place.most_facts))
        try:
            next(rows, None)
            labels = tuple(row[1] if len(row) == 2 else None for row in islice(rows, place.images + 1))
        except csv.Error as error:
            raise FormatError(f"{where}: not CSV ({error})") from error
        texts = tuple(label for label in labels if label is not None)
        if len(labels) != place.images or len(texts) != len(labels):
            found = "more" if len(labels) > place.images else f"{len(labels):,}"
            raise FormatError(
                f"{where}: expected {counted(place.images, 'row')} of file name and label, found {found}"
            )
        return texts

    def checking(self, storage: "Storage", place: Place) -> Checker:
        return _FolderChecker(storage, place)


class Flat(Folder):
    """One PNG file per image, all in one folder, for tools that do not search subfolders."""

    name = "flat"
    flat = True


class _FolderChecker(LineChecker):
    def __init__(self, storage: "Storage", place: Place) -> None:
        super().__init__(storage, place)
        self._storage = storage
        self._words: list[str] = []

    def check(self, sample: Sample) -> Iterator[str]:
        yield from super().check(sample)
        for file in text_files(self._place):
            name = self._place.folder + self._place.numbered(file.kind, sample.number, file.suffix)
            data = self._storage.read(name, self._place.most_facts)
            if data is not None and data != file.content(sample):
                yield f"{self._storage.where(name)}: differs from the recipe"
        if has_words(self._place):
            self._words.append(words_line(sample))
            if (sample.number + 1) % SHARD == 0 or sample.number + 1 == self._place.images:
                yield from self._wrong_words(sample.number // SHARD)

    def skip(self, images: int) -> None:
        super().skip(images)
        self._words.clear()

    def _wrong_words(self, shard: int) -> Iterator[str]:
        name = self._place.folder + words_name(self._place, shard)
        wanted = "".join([WORDS_START, *self._words]).encode("ascii")
        self._words.clear()
        try:
            data = self._storage.read(name, len(wanted))
        except FormatError:
            data = b""  # longer
        if data is not None and data != wanted:
            yield f"{self._storage.where(name)}: content differs from the recipe"


def _mask_name(place: Place, number: int) -> str:
    """Return the name of an image's mask in its split."""
    return place.numbered("masks", number, ".png")


def _kinds(place: Place) -> list[tuple[str, str]]:
    """Return the folder and the suffix of each kind of file that an image has."""
    masks = [("masks", ".png")] if place.masks else []
    return [("images", ".png"), *((file.kind, file.suffix) for file in text_files(place)), *masks]


def _md5(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


def _put_changed(shard: Shard, name: str, data: bytes) -> None:
    """Write a file unless it is there with this content."""
    with suppress(FormatError):
        if shard.storage.read(name, len(data)) == data:
            return
    shard.storage.put(name, data)


def _put_missing(
    shard: Shard,
    kind: str,
    files: Iterator[tuple[str, Content]],
    encode: Callable[[Content], bytes],
    is_right: Callable[[bytes, Content], bool],
    most: int,
) -> tuple[int, int]:
    """
    Write the files of a shard, or only those that are missing or wrong.

    Args:
        shard: the shard that they belong to.
        kind: the kind of files, which is the name of their folder.
        files: the name of each file in its split, and its content.
        encode: content → bytes.
        is_right: whether a file's bytes match the content.
        most: maximum size of a file, bytes.

    Returns:
        The number of files written, and their total bytes.
    """
    storage, written, size = shard.storage, 0, 0
    folder = shard.place.folder + shard.place.folder_of(kind, shard.number)
    there: set[str] | None = None
    known: dict[str, str] = {}
    if not shard.place.flat:  # listing one folder for every shard would take quadratic time
        if not (there := storage.names(folder)):
            new = ((name.rsplit("/", 1)[1], encode(content)) for name, content in files)
            return len(shard.recipe), storage.put_folder(folder, new)
        known = storage.checksums(folder)
    missing: list[tuple[str, bytes]] = []
    while some := list(islice(files, _AT_ONCE)):
        doubtful: list[tuple[str, Content]] = []
        if shard.place.flat:  # files are written in order: without these two, there is none in between
            ends = (shard.place.folder + name for name, _ in (some[0], some[-1]))
            there = None if any(map(storage.exists, ends)) else set()
        for name, content in some:
            file = name.rsplit("/", 1)[1]
            if there is not None and file not in there:
                missing.append((shard.place.folder + name, encode(content)))
            elif file not in known or _md5(encode(content)) != known[file]:
                doubtful.append((shard.place.folder + name, content))
        read = storage.reader([path for path, _ in doubtful], most)
        for path, content in doubtful:
            data = None
            with suppress(FormatError):  # too long, or not a regular file, which cannot be replaced
                data = read(path)
            if data is None or not is_right(data, content):
                missing.append((path, encode(content)))
        storage.put_all(missing)
        written, size = written + len(missing), size + sum(len(data) for _, data in missing)
        missing.clear()
    return written, size
