"""Choosing without labels: faults injected into normal clips rank ways to score, before any anomaly was recorded."""
