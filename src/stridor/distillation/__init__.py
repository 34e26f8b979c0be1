"""A large teacher's knowledge in a small encoder: recordings, roughened (augmentation), one loss (task), a loop (fit)."""
