"""The callback protocol for progress, shared by all operations."""

from typing import Protocol


class Progress(Protocol):
    """Callback that is called repeatedly while work is in progress."""

    def __call__(self, stage: str, done: int, total: int, size_bytes: int, /) -> None:
        """
        Report progress.

        Args:
            stage: "fetch" (MNIST; counts bytes), "builtin" (built-in digits rendered into the cache;
                counts glyphs), "kernels" (compiling the loops for augmentation; called once, with 0 of 1), or
                "write", "verify" or "inspect" (count images).
            done: bytes, glyphs or images processed so far.
            total: bytes, glyphs or images in all.
            size_bytes: bytes read or written so far.
        """
