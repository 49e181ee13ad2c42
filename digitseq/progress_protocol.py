"""One protocol for progress, whatever is being done."""

from typing import Protocol


class Progress(Protocol):
    """A callback, called repeatedly while work is in progress."""

    def __call__(self, stage: str, done: int, total: int, size_bytes: int, /) -> None:
        """
        Take note.

        Args:
            stage: "fetch" (MNIST; counts bytes), "builtin" (built-in digits drawn into the cache; counts
                glyphs), or "write", "verify" or "inspect" (count images).
            done: how many are done.
            total: how many there are.
            size_bytes: bytes read or written so far.
        """
