"""Tests by machine that take long: `make test-hard`, or `pytest tests/hard`; no other target collects them."""
