"""Where files go: local folders and object stores."""
