"""Scoring outside the pipeline: the registered detector (detector) and files scored by it (score)."""
