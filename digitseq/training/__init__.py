"""Images for training loops, rendered live, and targets for CTC."""
