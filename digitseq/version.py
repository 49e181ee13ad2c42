"""The version of digitseq."""

__version__ = "0.1.0"
