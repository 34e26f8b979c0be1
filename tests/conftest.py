"""Shared by all tests; being here, it makes `from kit import kit` work."""
