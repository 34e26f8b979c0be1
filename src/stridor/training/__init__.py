"""Two-stage fine-tuning: examples (triples), batches (loader), loss (task), training loop (fit), checks (sanity)."""
