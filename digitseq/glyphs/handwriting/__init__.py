"""The built-in digits: handwriting drawn by digitseq."""
