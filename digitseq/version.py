"""The version of digitseq, for everything that records it."""

__version__ = "0.1.0"
