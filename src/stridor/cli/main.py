"""The command `stridor`, combined from its groups."""

from pathlib import Path

import click

from stridor.cli.app import app
from stridor.cli.checkpoint import checkpoint, distill
from stridor.cli.data import data
from stridor.cli.drift import drift
from stridor.cli.enrol import bank, enroll
from stridor.cli.experiments import select, sweep, table, tune
from stridor.cli.explain import explain
from stridor.cli.export import export
from stridor.cli.models import models, promote, rollback
from stridor.cli.pipeline import plan, profile, register, repro, store, submission
from stridor.cli.score import score
from stridor.cli.watch import watch
from stridor.common.errors import one_sentence
from stridor.common.project import check_code
from stridor.common.stage_process import check_no_import
from stridor.common.text import escape_in_output

# The commands import heavy rooms when they run: `stridor --help` must not wait for torch or MLflow.
COMMANDS = (
    app, bank, checkpoint, data, distill, drift, enroll, explain, export, models, plan, profile, promote, register,
    repro, rollback, score, select, store, submission, sweep, table, tune, watch,
)  # fmt: skip
# These read data/ or what was learnt from it.
NEED_DATA = {"plan", "register", "repro", "select", "submission", "sweep", "table", "tune"}


class OneSentenceGroup(click.Group):
    """A group whose commands report errors that the user can fix in one sentence, with exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        escape_in_output()
        with one_sentence():
            return super().invoke(ctx)


@click.group(cls=OneSentenceGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stridor")
@click.pass_context
def main(context: click.Context) -> None:
    """Detect anomalous sounds of machines, trained on recordings of normal operation only.

    `dvc repro` (or `make repro`) runs the pipeline described by dvc.yaml and params.yaml.
    """
    if context.invoked_subcommand in NEED_DATA:
        check_code()
        check_no_import(Path())


for command in COMMANDS:
    main.add_command(command)
