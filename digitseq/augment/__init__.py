"""What makes images rougher: before the digits meet (`ink`), and on the whole line (`lines`)."""
