"""Comparisons on top of the pipeline, which does not depend on them: sweep, table and tuning."""
