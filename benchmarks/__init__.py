"""Benchmarks of stridor: `python -m benchmarks` runs them all, each in a module of its own, over one harness."""
