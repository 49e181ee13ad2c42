"""Files: how pictures are written."""
