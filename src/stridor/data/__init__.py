"""Clips: their names, the manifest of a detector, and noisy variants of supplemental clips."""
