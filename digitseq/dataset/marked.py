"""Text files that digitseq writes and that users may take over: each carries a digest of its own content."""

import re
from hashlib import sha256
from typing import NamedTuple

from digitseq.errors import FormatError
from digitseq.storage.base import Storage

_MOST_BYTES = 1 << 20


class Marked(NamedTuple):
    """
    A text file whose second line marks it as written by digitseq.

    Attributes:
        name: name of the file.
        mark: its second line, with {} for the SHA-256 of the rest.
    """

    name: str
    mark: str

    def put(self, storage: Storage, text: str) -> bool:
        """Write the file; return False if the one that is there is the user's, or was changed."""
        found = self._found(storage)
        if found is not None and not self._is_ours(found):
            return False
        first, rest = text.split("\n", 1)
        if found != (text := f"{first}\n{self.mark.format(_digest(text))}\n{rest}"):
            storage.put(self.name, text.encode())
        return True

    def remove(self, storage: Storage) -> bool:
        """Remove the file; return False if it is missing, the user's, or was changed."""
        found = self._found(storage)
        ours = found is not None and self._is_ours(found)
        if ours:
            storage.remove(self.name)
        return ours

    def is_marked(self, storage: Storage) -> bool:
        """Return whether digitseq wrote the file, even if it was changed since."""
        found = self._found(storage)
        return found is not None and self._mark_in(found) is not None

    def is_changed(self, storage: Storage) -> bool:
        """Return whether digitseq wrote the file, with this version or another, and it was changed since."""
        found = self._found(storage)
        return found is not None and self._mark_in(found) is not None and not self._is_ours(found)

    def _found(self, storage: Storage) -> str | None:
        """Return the text of the file; None if there is none."""
        try:
            data = storage.read(self.name, _MOST_BYTES)
        except FormatError:
            return ""  # too long, or not a regular file: not ours
        return None if data is None else data.decode("utf-8", "replace")

    def _mark_in(self, text: str) -> re.Match[str] | None:
        before, after = map(re.escape, self.mark.split("{}"))
        return re.search(f"{before}([0-9a-f]{{64}}){after}\n", text)

    def _is_ours(self, text: str) -> bool:
        mark = self._mark_in(text)
        return mark is not None and mark[1] == _digest(text[: mark.start()] + text[mark.end() :])


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
