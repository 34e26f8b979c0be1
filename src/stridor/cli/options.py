"""Kinds of values that options take."""

import os
from typing import Any

import click


class UserPath(click.Path):
    """A path in which `~` is the user's home, also where a shell leaves it: after `--from=` in most, and in make."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return super().convert(os.path.expanduser(value), param, ctx)
