"""The commands of `stridor` that have a module of their own."""
