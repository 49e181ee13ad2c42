"""
The format ``lmdb``: one LMDB environment per split, with the keys that the CRNN family of recognisers reads.

``image-%09d`` (a PNG file), ``label-%09d`` and ``num-samples``, counted from 1 (github.com/bgshih/crnn,
github.com/clovaai/deep-text-recognition-benchmark); ``json-%09d`` adds the metadata, such as boxes, and
``mask-%09d`` the instance masks, if there are any.

Environments are written with the lmdb library but read without it (`lmdb_pages`): the library maps the file
into memory, where a crafted file can crash the process.

An environment can have only one writer. So workers leave their shards as tar files next to it, which are
packed into it in order once all exist.
"""

import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.batches import Sample
from digitseq.checks import counted
from digitseq.dataset.formats.base import Checker, Format, same
from digitseq.dataset.formats.lmdb_pages import Environment, LmdbError
from digitseq.dataset.formats.stored_image import Found, label_of, sample_key
from digitseq.dataset.formats.webdataset import Record, WebDataset, found_sample, records_in
from digitseq.dataset.shards import SHARD, Place, Shard, Written, file_stem
from digitseq.errors import RESUME_BATCH, FormatError, OutputError
from digitseq.interrupts import check

if TYPE_CHECKING:
    import lmdb

    from digitseq.storage.base import Storage

_FILE = "data.mdb"
_COUNT = b"num-samples"
_START_BYTES = 1 << 24  # initial size of the map, which doubles when it is full


class Lmdb(Format):
    """One LMDB environment per split."""

    name = "lmdb"
    suffix = ".mdb"
    library = "lmdb"

    def __init__(self) -> None:
        self._tars = _Tars()

    def folder(self, split: str, several: bool) -> str:
        return f"{file_stem(split)}/"

    def common_files(self, place: Place) -> list[str]:
        return [place.folder + _FILE]

    def patterns(self, place: Place) -> dict[str, str]:
        return {"application/octet-stream": place.folder + _FILE}

    def shard_files(self, place: Place, shard: int) -> list[str]:
        return []

    def shards_there(self, storage: "Storage", place: Place, names: Iterable[str]) -> list[int]:
        with suppress(FormatError):
            if (found := _values(storage, place, [])) is not None:
                images = -(-found[1] // len(_keys(place, 0)))
                return list(range(min(place.shards, -(-images // SHARD))))
        return [0] if place.shards else []

    def shard_of(self, place: Place, name: str) -> int | None:
        return None

    def is_passing(self, place: Place, name: str) -> bool:
        return name == f"{place.folder}lock.mdb" or self._tars.shard_of(place, name) is not None

    def write(self, shard: Shard) -> Written:
        if shard.storage.exists(shard.place.folder + _FILE):
            state = sha256()
            if same(shard.drawn(state), self.found(shard.storage, shard.place, shard.number)):
                shard.storage.remove(
                    self._tars.shard_file(shard.place, shard.number)
                )  # left by a run that was killed late
                return Written(len(shard.recipe), 0, 0, state.digest())
        return self._tars.write(shard)

    @contextmanager
    def assembling(self, storage: "Storage", place: Place) -> Iterator[Callable[[Written, bytes], None]]:
        yield lambda _done, _lines: None
        names = (place.folder + name for name in storage.names(place.folder))
        tars = sorted(name for name in names if self._tars.shard_of(place, name) is not None)
        if tars or self._count(storage, place) != place.images:
            with storage.building(place.folder + _FILE) as path:
                shards = (self._records(storage, place, shard) for shard in range(place.shards))
                _pack(path, place, shards)
        for name in tars:
            storage.remove(name)

    def written_bytes(self, storage: "Storage", place: Place, by_shards: int) -> int:
        with storage.local(place.folder + _FILE) as file:
            return os.fstat(file.fileno()).st_size if by_shards and file is not None else 0

    def _records(self, storage: "Storage", place: Place, shard: int) -> list[Record]:
        """
        Return the records of a shard from its tar file, or from the existing environment.

        Raises:
            FormatError: they are incomplete, for example because a part's tar file was deleted.
        """
        name, records = self._tars.shard_file(place, shard), list[Record]()
        if (data := storage.read(name, place.most_shard)) is None:
            records, name = _records_of(storage, place, shard) or [], place.folder + _FILE
        else:
            with suppress(FormatError, tarfile.TarError, EOFError):  # cut off
                records = list(records_in(data))
        if len(records) != place.size(shard) or any(None in _values_of(place, record) for record in records):
            raise FormatError(
                f"{storage.where(name)}: shard {shard + 1} of {place.split} is missing or damaged",
                hint=RESUME_BATCH,
            )
        return records

    def estimate(self, samples: list[Sample], place: Place, level: int) -> int:
        records = list(records_in(self._tars.encode(iter(samples), place, level)))
        with tempfile.TemporaryDirectory() as folder:
            _pack(Path(folder, _FILE), place, [records])
            return Path(folder, _FILE).stat().st_size

    def found(self, storage: "Storage", place: Place, shard: int) -> Iterator[Found]:
        where = storage.where(place.folder + _FILE)
        records = _records_of(storage, place, shard)
        if records is None:
            raise FormatError(f"{where}: missing")
        for record in records:
            found = found_sample(record, place)
            yield found._replace(where=f"{where}: {found.where}")

    def found_one(self, storage: "Storage", place: Place, number: int) -> Found | None:
        where = storage.where(place.folder + _FILE)
        records = _some_records(storage, place, range(number, number + 1))
        if records is None:
            raise FormatError(f"{where}: missing")
        found = found_sample(records[0], place)
        return found._replace(where=f"{where}: {found.where}")

    def labels(self, storage: "Storage", place: Place) -> tuple[str, ...]:
        if told := self.wrong_count(storage, place):
            raise FormatError(told)
        return tuple(
            label_of(found) for shard in range(place.shards) for found in self.found(storage, place, shard)
        )

    def checking(self, storage: "Storage", place: Place) -> Checker:
        return _CountChecker(lambda: self.wrong_count(storage, place))

    def wrong_count(self, storage: "Storage", place: Place) -> str:
        """Return the problem with the number of samples; "" if it is correct or there is no environment."""
        where = storage.where(place.folder + _FILE)
        count = self._count(storage, place)
        if count is None or count == place.images:
            return ""
        expected = f"expected {counted(place.images, 'image')} and nothing else"
        found = "other entries too" if count < 0 else f"{_COUNT.decode()} = {count}"
        return f"{where}: {expected}, found {found}"

    def _count(self, storage: "Storage", place: Place) -> int | None:
        """
        Return the number of images that an environment states; None if there is none that can be read.

        −1 if it states no number, or has other entries too.
        """
        try:
            found = _values(storage, place, [_COUNT])
        except FormatError:
            return None
        if found is None:
            return None
        (text,), entries = found
        count = int(text) if text is not None and text.isdigit() and len(text) < 12 else -1
        return count if entries == len(_keys(place, 0)) * count + 1 or count != place.images else -1


class _Tars(WebDataset):
    """Shards that wait to be packed into an environment."""

    def shard_file(self, place: Place, shard: int) -> str:
        return f"{place.folder}.digitseq-shard-{shard:06d}.tar"


class _CountChecker(Checker):
    def __init__(self, wrong: Callable[[], str]) -> None:
        self._wrong = wrong

    def end(self) -> Iterator[str]:
        if told := self._wrong():
            yield told


def _keys(place: Place, number: int) -> list[bytes]:
    """Return the keys of an image, its label, its metadata and its mask, if it has one."""
    kinds = (b"image", b"label", b"json", *((b"mask",) if place.masks else ()))
    return [b"%b-%09d" % (kind, number + 1) for kind in kinds]


def _values_of(place: Place, record: Record) -> list[bytes | None]:
    """Return the values of a record, in the order of its keys."""
    values = [record.png, record.text, record.json]
    return [*values, record.mask] if place.masks else values


def _records_of(storage: "Storage", place: Place, shard: int) -> list[Record] | None:
    """Return the records of a shard in an environment; None if there is no environment."""
    return _some_records(storage, place, range(shard * SHARD, shard * SHARD + place.size(shard)))


def _some_records(storage: "Storage", place: Place, numbers: range) -> list[Record] | None:
    """Return some records in an environment; None if there is no environment."""
    found = _values(storage, place, [key for number in numbers for key in _keys(place, number)])
    if found is None:
        return None
    values = iter(found[0])
    return [
        Record(
            sample_key(number),
            next(values),
            next(values),
            next(values),
            next(values) if place.masks else None,
        )
        for number in numbers
    ]


def _values(storage: "Storage", place: Place, keys: list[bytes]) -> tuple[list[bytes | None], int] | None:
    """
    Return some values in an environment, and its number of entries; None if there is no environment.

    Raises:
        FormatError: the environment is damaged.
    """
    name = place.folder + _FILE
    most = max(place.most_png, place.most_facts)
    with storage.local(name) as file:
        if file is None:
            return None
        try:
            environment = Environment(file)
            # In the order of the pages, so that each page is read once.
            found = dict(environment.get_all(sorted(keys), most))
        except LmdbError as error:
            raise FormatError(f"{storage.where(name)}: {error}") from error
        except OSError as error:
            raise FormatError(f"{storage.where(name)} cannot be read: {error.strerror}") from error
    return [found[key] for key in keys], environment.entries


def _pack(path: Path, place: Place, shards: Iterable[list[Record]]) -> None:
    """
    Write an environment.

    Args:
        path: its file, which does not exist yet.
        place: the split.
        shards: the samples, shard by shard. Each shard is one transaction, to limit memory.
    """
    import lmdb

    count = 0
    try:
        with lmdb.open(
            os.fspath(path), subdir=False, lock=False, sync=False, map_size=_START_BYTES
        ) as environment:
            for records in shards:
                check()
                pairs: list[tuple[bytes, bytes]] = []
                for record in records:
                    values = (value or b"" for value in _values_of(place, record))
                    pairs += zip(_keys(place, count), values, strict=True)
                    count += 1
                _put(environment, pairs)
            _put(environment, [(_COUNT, b"%d" % count)])
            environment.sync(True)
    except (lmdb.Error, UnicodeError) as error:
        raise OutputError(
            f"{path.parent / _FILE} cannot be written: {error}", hint="check that the disk is not full"
        ) from error


def _put(environment: "lmdb.Environment", pairs: list[tuple[bytes, bytes]]) -> None:
    """Put keys and values into an environment, all or none."""
    import lmdb

    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in pairs:
                    transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])
