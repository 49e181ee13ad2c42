"""Storage of files: local folders and object stores."""
