"""Rank ways to score for the machines of detectors, from clips to the report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from stridor.common.atomic import atomic_file
from stridor.common.compute import device_for
from stridor.data.manifest import build_manifest
from stridor.experiments.select.rank import Ranked, rank_machine
from stridor.experiments.select.select_report import best, mean_pseudo_auc, to_markdown, total
from stridor.experiments.select.ways import Way, views_in, ways
from stridor.models.checkpoint import initial_encoder
from stridor.params import Params
from stridor.scoring.views import detector_embedder
from stridor.stages.layout import DATA, REPORTS


def select(
    params: Params, detectors: Sequence[str] = (), print_line: Callable[[str], object] = print
) -> dict[str, dict[Way, Ranked]]:
    """Rank ways to score by injected faults and write `reports/select.md`.

    The encoder is the one that training starts from, so that nothing needs to be trained.

    Parameters
    ----------
    detectors : sequence of str
        Detectors whose machines take part; all of params.yaml if none is given.
    print_line : callable
        Prints a line.

    Raises
    ------
    StridorError
        If a detector is unknown or a machine has fewer than ten normal clips.
    """
    detectors = params.named_detectors(detectors)
    encoder = initial_encoder(params.encoder, params.seed)
    all_ways = ways(encoder.layers)
    views = [(view.encoder, view.embedding(params.embedding)) for view in views_in(all_ways)]
    embedder = detector_embedder(views, {"fine_tuned": encoder}, device_for(params.compute.accelerator))
    results: dict[str, dict[Way, Ranked]] = {}
    for detector in detectors:
        manifest = build_manifest(DATA, params.detectors[detector].machines)
        for machine in manifest.machines:
            test = manifest.select("test", machine)
            labelled = test if all(clip.domain and clip.label for clip in test) else ()
            results[machine] = rank_machine(
                machine, all_ways, embedder, manifest.select("train", machine), labelled, params
            )
            print_line(f"{machine}: {best({machine: results[machine]}).text()}")
    chosen = best(results)
    measured = total(results, chosen)
    official = "" if measured is None else f"; official total {100 * measured:.1f}, by which nothing is chosen"
    print_line(f"All: {chosen.text()}, pseudo-anomaly AUC {100 * mean_pseudo_auc(results, chosen):.1f}{official}")
    with atomic_file(Path(REPORTS) / "select.md") as temporary:
        temporary.write_text(to_markdown(results), encoding="utf-8")
    return results
