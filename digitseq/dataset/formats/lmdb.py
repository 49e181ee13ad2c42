"""
The format ``lmdb``: one LMDB environment a split, with the keys that the CRNN family of recognisers reads.

``image-%09d`` (a PNG file), ``label-%09d`` and ``num-samples``, counted from 1 (github.com/bgshih/crnn,
github.com/clovaai/deep-text-recognition-benchmark); ``json-%09d`` holds the boxes beside them.

An environment has one writer. So the workers leave their shards as tar files beside it, and these are put
into it in their order when all are there.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.dataset.drawing import Sample
from digitseq.dataset.formats.format import SHARD, Checker, Format, Place, Shard, Written, same
from digitseq.dataset.formats.found import Found, label_of, sample_key
from digitseq.dataset.formats.webdataset import Record, WebDataset, found_sample, records_in
from digitseq.errors import FormatError

if TYPE_CHECKING:
    from digitseq.dataset.storage import Storage

_FILE = "data.mdb"
_COUNT = b"num-samples"
_START_BYTES = 1 << 24  # of the map; it doubles when it is full


class Lmdb(Format):
    """An LMDB environment a split."""

    name = "lmdb"
    library = "lmdb"

    def __init__(self) -> None:
        self._tars = _Tars()

    def folder(self, split: str, several: bool) -> str:
        """Where the files of a split are."""
        return f"{split}/"

    def files(self, place: Place) -> Iterator[str]:
        """Names of all files of a split."""
        yield place.folder + _FILE

    def passing(self, place: Place) -> Iterator[str]:
        """Names of files that may be there for a while."""
        yield place.folder + "lock.mdb"  # made by readers that were not told that nobody writes
        yield from self._tars.files(place)

    def write(self, shard: Shard) -> Written:
        """Leave a shard as a tar file, unless the environment has it, whole."""
        if shard.storage.exists(shard.place.folder + _FILE):
            state = sha256()
            if same(shard.drawn(state), self.found(shard.storage, shard.place, shard.number)):
                shard.storage.remove(
                    self._tars.shard_file(shard.place, shard.number)
                )  # of a run cut off late
                return Written(len(shard.recipe), 0, 0, state.digest())
        return self._tars.write(shard)

    @contextmanager
    def assembling(self, storage: "Storage", place: Place) -> Iterator[Callable[[Written, bytes], None]]:
        """Put the shards into a new environment, if there are any that the one that is there lacks."""
        yield lambda _done, _lines: None
        there = storage.names(place.folder)
        tars = [name for name in self._tars.files(place) if name.removeprefix(place.folder) in there]
        if tars or self._count(storage, place) != place.images:
            with storage.building(place.folder + _FILE) as path:
                _pack(path, (self._records(storage, place, shard) for shard in range(place.shards)))
        for name in tars:
            storage.remove(name)

    def written_bytes(self, storage: "Storage", place: Place, by_shards: int) -> int:
        """The size of the environment, if there was anything new for it."""
        with storage.local(place.folder + _FILE) as path:
            return path.stat().st_size if by_shards and path is not None else 0

    def _records(self, storage: "Storage", place: Place, shard: int) -> list[Record]:
        """A shard from its tar file, or from the environment that is there."""
        if (data := storage.read(self._tars.shard_file(place, shard))) is not None:
            return list(records_in(data))
        with _opened(storage, place) as get:
            return list(_records_of(get, place, shard))

    def estimate(self, samples: list[Sample], place: Place, level: int) -> int:
        """Bytes that some images take."""
        records = list(records_in(self._tars.encode(iter(samples), place, level)))
        with tempfile.TemporaryDirectory() as folder:
            _pack(Path(folder, _FILE), [records])
            return Path(folder, _FILE).stat().st_size

    def found(self, storage: "Storage", place: Place, shard: int) -> Iterator[Found]:
        """The images of a shard, as they were found."""
        where = storage.where(place.folder + _FILE)
        with _opened(storage, place) as get:
            if get is None:
                raise FormatError(f"{where}: missing")
            for record in _records_of(get, place, shard):
                found = found_sample(record)
                yield found._replace(where=f"{where}: {found.where}")

    def labels(self, storage: "Storage", place: Place) -> tuple[str, ...]:
        """All labels of a split."""
        if told := self.wrong_count(storage, place):
            raise FormatError(told)
        return tuple(
            label_of(found) for shard in range(place.shards) for found in self.found(storage, place, shard)
        )

    def checking(self, storage: "Storage", place: Place) -> Checker:
        """What checks the number of samples."""
        return _CountChecker(lambda: self.wrong_count(storage, place))

    def wrong_count(self, storage: "Storage", place: Place) -> str:
        """What is wrong with the number of samples; nothing if it is right or there is no environment."""
        count = self._count(storage, place)
        if count in (None, place.images):
            return ""
        where = storage.where(place.folder + _FILE)
        return f"{where}: expected {place.images:,} images, {_COUNT.decode()} says {count:,}"

    def _count(self, storage: "Storage", place: Place) -> int | None:
        """How many images the environment says it has, −1 if it does not say; None if there is none."""
        with suppress(FormatError), _opened(storage, place) as get:
            if get is not None:
                text = get(_COUNT) or b""
                return int(text) if text.isdigit() else -1
        return None


class _Tars(WebDataset):
    """Shards on their way into an environment."""

    def shard_file(self, place: Place, shard: int) -> str:
        """Name of the file of a shard."""
        return f"{place.folder}.digitseq-shard-{shard:06d}.tar"


class _CountChecker(Checker):
    def __init__(self, wrong: Callable[[], str]) -> None:
        self._wrong = wrong

    def end(self) -> Iterator[str]:
        """What is wrong after the last one."""
        if told := self._wrong():
            yield told


Get = Callable[[bytes], bytes | None]


def _keys(number: int) -> tuple[bytes, bytes, bytes]:
    """The keys of an image, of its label and of its facts."""
    return (b"image-%09d" % (number + 1), b"label-%09d" % (number + 1), b"json-%09d" % (number + 1))


def _records_of(get: Get | None, place: Place, shard: int) -> Iterator[Record]:
    for number in range(shard * SHARD, shard * SHARD + place.size(shard)):
        image, label, facts = _keys(number)
        if get is not None:
            yield Record(sample_key(number), get(image), get(label), get(facts))


@contextmanager
def _opened(storage: "Storage", place: Place) -> Iterator[Get | None]:
    """
    An environment, as a function key → value; None if there is none.

    Raises:
        FormatError: it is damaged.
    """
    import lmdb

    with storage.local(place.folder + _FILE) as path:
        if path is None:
            yield None
            return
        where = storage.where(place.folder + _FILE)
        try:
            with lmdb.open(str(path), subdir=False, readonly=True, lock=False) as environment:
                # Its pages are mapped: one that is not there any more would end this process, not raise.
                expected = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
                if (size := path.stat().st_size) < expected:
                    raise FormatError(f"{where}: cut off (expected {expected:,} bytes, found {size:,})")
                with environment.begin() as transaction:
                    yield transaction.get
        except lmdb.Error as error:
            raise FormatError(f"{where}: not an LMDB environment, or damaged ({error})") from error


def _pack(path: Path, shards: Iterable[list[Record]]) -> None:
    """
    Write an environment.

    Args:
        path: its file, which is not there yet.
        shards: the samples, shard by shard. Each becomes a transaction, so that little is held in memory.
    """
    import lmdb

    count = 0
    with lmdb.open(str(path), subdir=False, lock=False, sync=False, map_size=_START_BYTES) as environment:

        def put(pairs: list[tuple[bytes, bytes]]) -> None:
            while True:
                try:
                    with environment.begin(write=True) as transaction:
                        for key, value in pairs:
                            transaction.put(key, value)
                    return
                except lmdb.MapFullError:
                    environment.set_mapsize(2 * environment.info()["map_size"])

        for records in shards:
            pairs: list[tuple[bytes, bytes]] = []
            for record in records:
                values = (record.png or b"", record.text or b"", record.json or b"")
                pairs += zip(_keys(count), values, strict=True)
                count += 1
            put(pairs)
        put([(_COUNT, b"%d" % count)])
        environment.sync(True)
