"""Images for training loops: drawn live, and targets for CTC."""
