"""Knowledge distillation into a smaller encoder: recordings, augmentation, loss (task), training loop (fit)."""
