"""Commands on registered detectors: what there is, and which version is served."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stridor.tracking.versions import Version


@click.command()
@click.argument("detectors", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each version, with all measures and tags.")
def models(detectors: tuple[str, ...], as_json: bool) -> None:
    """List the versions of registered detectors, with aliases, system, measures, data hash and commit.

    DETECTORS are names; all that are registered by default.
    """
    from stridor.tracking.registry import registered_detectors
    from stridor.tracking.store import open_store
    from stridor.tracking.versions import list_versions

    with open_store(only_read=True).errors():
        known = registered_detectors()
    if not (detectors or known):
        click.echo("No detector is registered yet; run 'dvc repro'.", err=True)
    for number, detector in enumerate(detectors or known):
        versions = list_versions(detector)
        if as_json:
            for one in versions:
                click.echo(json.dumps(asdict(one) | {"created": one.created.isoformat(timespec="seconds")}))
            continue
        if number:
            click.echo()
        click.echo(f"stridor-{detector}")
        click.echo(_SHAPE.format("version", "alias", "system", "total, interval", "data", "commit", "registered, UTC"))
        for one in versions:
            click.echo(_row(one).rstrip())
            if reason := _reason(one):
                click.echo(f"  {reason}")


_SHAPE = "{:<9}{:<22}{:<24}{:<20}{:<10}{:<10}{}"


def _row(version: "Version") -> str:
    from stridor.tracking.versions import COMMIT_TAG, DATA_TAG, SYSTEM_TAG

    measures = version.measures
    total = f"{100 * measures['hmean']:.1f}" if "hmean" in measures else "not measured"
    if {"hmean_low", "hmean_high"} <= measures.keys():
        total += f" [{100 * measures['hmean_low']:.1f}, {100 * measures['hmean_high']:.1f}]"
    tags = version.tags
    return _SHAPE.format(
        version.number, ", ".join(version.aliases) or "-", tags.get(SYSTEM_TAG, "-"), total,
        tags.get(DATA_TAG, "")[:8] or "-", tags.get(COMMIT_TAG, "")[:8] or "-", f"{version.created:%Y-%m-%d %H:%M}",
    )  # fmt: skip


def _reason(version: "Version") -> str:
    from stridor.tracking.versions import CHAMPION, PROMOTED, WITHDRAWN

    if version.withdrawn:
        return f"taken back {version.tags[WITHDRAWN]}"
    if CHAMPION in version.aliases and PROMOTED in version.tags:
        return f"champion since {version.tags[PROMOTED]}"
    return ""


@click.command()
@click.argument("detector")
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--why", help="The reason, for the tag that the version keeps.")
@click.option("--force", is_flag=True, help="Also if it is worse than the champion on the same test clips.")
def promote(detector: str, version: int | None, why: str | None, force: bool) -> None:
    """Have a version of a registered detector served: make it the champion.

    VERSION is a number; by default that of the challenger, which was registered last. A version that is worse than the
    champion on the same test clips is refused; one that cannot be compared is not.
    """
    from stridor.serving.standing import promote_by_hand

    click.echo(promote_by_hand(detector, version, why or "by hand", force).text())


@click.command()
@click.argument("detector")
@click.option("--why", help="The reason, for the tag that the version keeps.")
def rollback(detector: str, why: str | None) -> None:
    """Have the version served that was served before the champion.

    The version that is taken back is served again by 'stridor promote' only, not when it is registered again.
    """
    from stridor.tracking.versions import roll_back

    back, now = roll_back(detector, why or "by hand")
    name = f"stridor-{detector}"
    click.echo(f"{name} version {back} was taken back, version {now} is models:/{name}@champion")
