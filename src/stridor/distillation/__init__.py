"""A teacher's knowledge in a smaller encoder: recordings, augmented, one loss (task), a loop (fit), wired in run."""
