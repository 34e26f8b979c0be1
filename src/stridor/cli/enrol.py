"""Commands that make a detector of a new machine and change the bank of one, without training."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stridor.cli.options import UserPath

if TYPE_CHECKING:
    from stridor.serving.standing import Standing

FILES = UserPath(path_type=Path)


@click.command()
@click.option("--machine", required=True, help="Name of the machine, and of its detector.")
@click.option(
    "--normal", required=True, multiple=True, type=FILES, help="Folder or file of normal running; repeatable."
)
@click.option("--detector", help="A registered detector whose encoder and way to score are used.")
@click.option("--checkpoint", type=FILES, help="An encoder to use as it is, by the way to score of params.yaml.")
@click.option("--clip-seconds", type=float, help="Length of the clips that recordings are cut into.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out recordings that cannot be used.")
@click.option("--promote", "serve", is_flag=True, help="Have it served, although it cannot be compared.")
def enroll(machine: str, normal: tuple[Path, ...], serve: bool, **how: Any) -> None:
    """Make a detector of a new machine from normal recordings, without training and without test clips.

    Without --detector and --checkpoint, the encoder of params.yaml is used. Recordings in a folder called target within
    the given one count as the second condition.
    """
    from stridor.cli.score import note
    from stridor.operation.enrolment import enrol

    standing, found = enrol(machine, normal, say=lambda line: note(f"stridor: {line}"), **how)
    click.echo(found.text())
    _end(standing, serve)


@click.group()
def bank() -> None:
    """List and change the normal clips that a registered detector compares with."""


DETECTOR = click.option("--detector", required=True, help="Name of a registered detector; its champion is changed.")
MACHINE = click.option("--machine", help="The machine whose bank it is; not needed if the detector has only one.")
PROMOTE = click.option("--promote", "serve", is_flag=True, help="Have it served, also where it cannot be compared.")


@bank.command("list")
@DETECTOR
@MACHINE
def list_(detector: str, machine: str | None) -> None:
    """List the clips of a bank, the oddest first: what was filed wrongly is often among these."""
    from stridor.common.text import printable
    from stridor.operation.bank_changes import list_bank
    from stridor.serving.verdict import share_in_words

    click.echo(f"{'normal clips this odd':<28}{'score':>10}  {'condition':<10}clip")
    for one in list_bank(detector, machine):
        click.echo(f"{share_in_words(one.p_value):<28}{one.score:>10.4g}  {one.domain:<10}{printable(one.name)}")


@bank.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@DETECTOR
@MACHINE
@click.option("--condition", "domain", type=click.Choice(["source", "target"]), help="That of the recordings.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out recordings that cannot be used.")
@PROMOTE
def add(files: tuple[Path, ...], detector: str, serve: bool, **how: Any) -> None:
    """Add recordings that are known to be normal, as a new version; nothing is trained.

    FILES are audio files and folders of them.
    """
    from stridor.cli.score import note
    from stridor.operation.bank_changes import add_to_bank, waiting_challenger

    waiting = waiting_challenger(detector)
    standing = add_to_bank(detector, files, say=lambda line: note(f"stridor: {line}"), **how)
    _note_waiting(waiting, standing)
    _end(standing, serve)


@bank.command()
@click.argument("clips", nargs=-1, required=True)
@DETECTOR
@MACHINE
@PROMOTE
def remove(clips: tuple[str, ...], detector: str, machine: str | None, serve: bool) -> None:
    """Take clips out of a bank, as a new version; nothing is trained.

    CLIPS are names that 'stridor bank list' gives, or those of recordings, for all of their clips.
    """
    from stridor.cli.score import note
    from stridor.operation.bank_changes import remove_from_bank, waiting_challenger

    waiting = waiting_challenger(detector)
    standing = remove_from_bank(detector, clips, machine, say=lambda line: note(f"stridor: {line}"))
    _note_waiting(waiting, standing)
    _end(standing, serve)


def _note_waiting(waiting: int | None, standing: "Standing") -> None:
    from stridor.cli.score import note

    if waiting is not None and waiting != standing.version:
        note(f"stridor: version {waiting}, which was waiting as challenger, is not part of version {standing.version}")


def _end(standing: "Standing", serve: bool) -> None:
    from stridor.serving.standing import promote_by_hand

    if serve and standing.version != standing.champion:
        standing = promote_by_hand(standing.detector, standing.version, "by hand (--promote)")
    click.echo(standing.text())
