"""Comparisons around the pipeline, which needs none of them: sweep, table and tuning."""
