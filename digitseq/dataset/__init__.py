"""Write, read and verify datasets."""
