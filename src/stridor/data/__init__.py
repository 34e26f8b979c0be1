"""Clips: their names, the manifest of a detector, noisy variants, batches, the demo machines, own recordings."""
