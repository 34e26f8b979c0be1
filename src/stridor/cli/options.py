"""Kinds of paths that options take, and of commands that take them."""

import os
from typing import Any

import click

from stridor.common.project import check_code


class UserPath(click.Path):
    """A path in which `~` is the user's home, also where a shell leaves it: after `--from=` in most, and in make."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return super().convert(os.path.expanduser(value), param, ctx)


class ProjectCommand(click.Command):
    """A command that computes something for the project, which must be done with the project's own code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        check_code()
        return super().invoke(ctx)
